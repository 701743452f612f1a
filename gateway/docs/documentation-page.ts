// Makes the API reference for people: one html page from the same description as `/openapi.json`,
// without scripts and without external resources.

import type { OpenApiSchema } from './field-schema.ts';
import type { ApiDescription, Operation, Parameter } from './openapi.ts';

export function documentationPage({ info, tags, paths, components }: ApiDescription): string {
  const operations = Object.entries(paths).flatMap(([path, verbs]) =>
    Object.entries(verbs).map(([verb, operation]) => ({ path, verb, operation })),
  );
  const byTag = (tag: string) => operations.filter(({ operation }) => operation.tags.includes(tag));
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>${html(info.title)} API</title>
<style>${STYLE}</style>
</head>
<body>
<nav aria-label="Contents">
<p class="title"><a href="#top">${html(info.title)} API</a></p>
${tags
  .map(
    ({ name }) => `<h2>${html(name)}</h2>
<ul>${byTag(name)
      .map(
        ({ verb, path, operation }) =>
          `<li><a href="#${operation.operationId}">${badge(verb)} <span>${html(path)}</span></a></li>`,
      )
      .join('')}</ul>`,
  )
  .join('\n')}
<p><a href="#errors">Errors</a></p>
<h2 class="objects">Objects</h2>
<ul class="objects">${Object.keys(components.schemas)
    .map((name) => `<li><a href="#${name}">${html(name)}</a></li>`)
    .join('')}</ul>
<p><a href="/openapi.json">openapi.json</a></p>
</nav>
<main id="top">
<h1>${html(info.title)} API</h1>
${prose(info.description)}
<p>In the examples <code>$URL</code> is the URL of this gateway and <code>$KEY</code> an API key.</p>
${tags
  .map(
    ({ name, description }) => `<section>
<h2>${html(name)}</h2>
${prose(description)}
${byTag(name)
  .map(({ verb, path, operation }) => describeOperation(verb, path, operation))
  .join('\n')}
</section>`,
  )
  .join('\n')}
${describeErrors(paths, components.responses ?? {})}
<section>
<h2>Objects</h2>
${Object.entries(components.schemas)
  .map(([name, schema]) => describeSchema(name, schema))
  .join('\n')}
</section>
</main>
</body>
</html>
`;
}

function describeOperation(verb: string, path: string, operation: Operation): string {
  const { operationId, summary, description, parameters, requestBody, responses } = operation;
  const body = requestBody?.content['application/json'];
  const [answers = [], errors = []] = [false, true].map((isError) =>
    Object.entries(responses).filter(([, response]) => '$ref' in response === isError),
  );
  return `<article id="${operationId}">
<h3>${html(summary)}</h3>
<p class="route">${badge(verb)} <code>${html(path)}</code></p>
${prose(description)}
${parameters.length > 0 ? table(['Parameter', 'Type', ''], parameters.map(parameterRow)) : ''}
${body === undefined ? '' : `<p>Body: ${typeOf(body.schema)}</p>`}
${Object.values(body?.examples ?? {})
  .map(
    (example) =>
      `<details open><summary>${html(example.summary)}</summary>\n<pre>${html(curl(verb, path, example.value))}</pre></details>`,
  )
  .join('\n')}
${body?.examples === undefined ? `<pre>${html(curl(verb, path, null))}</pre>` : ''}
${table(
  ['Response', 'Body', ''],
  answers.map(([status, response]) => responseRow(status, response)),
)}
<p>Errors: ${errors.map(([status]) => `<a href="#errors">${status}</a>`).join(' ')}</p>
</article>`;
}

const parameterRow = ({ name, in: place, required, description, schema }: Parameter): string[] => [
  `<code>${html(name)}</code>`,
  `${typeOf(schema)}${notes([place, ...boundsOf(schema), ...(required ? ['required'] : [])])}`,
  inline(description),
];

function responseRow(status: string, response: object): string[] {
  const { description = '', content } = response as {
    description?: string;
    content?: { 'application/json'?: { schema?: OpenApiSchema } };
  };
  const schema = content?.['application/json']?.schema;
  return [`<code>${status}</code>`, schema === undefined ? '' : typeOf(schema), inline(description)];
}

/** All routes share the same errors, so the page explains them once. */
function describeErrors(paths: ApiDescription['paths'], shared: Readonly<Record<string, object>>): string {
  const references = Object.values(paths)
    .flatMap((verbs) => Object.values(verbs))
    .flatMap(({ responses }) => Object.entries(responses))
    .flatMap(([status, response]) =>
      '$ref' in response ? [[status, lastOf(String(response.$ref))] as const] : [],
    );
  const rows = [...new Map(references)]
    .toSorted()
    .map(([status, name]) => responseRow(status, shared[name] ?? {}));
  return `<section id="errors">\n<h2>Errors</h2>\n${table(['Status', 'Body', ''], rows)}\n</section>`;
}

function describeSchema(name: string, schema: OpenApiSchema): string {
  const { description = '', properties, enum: words, oneOf, required = [] } = schema;
  const duty = schema.additionalProperties === false ? 'required' : 'always present';
  const dutyOf = (field: string): string[] => ((required as readonly string[]).includes(field) ? [duty] : []);
  const rows = Object.entries((properties ?? {}) as Record<string, OpenApiSchema>).map(([field, value]) => [
    `<code>${html(field)}</code>`,
    `${typeOf(value)}${notes([...boundsOf(value), ...dutyOf(field)])}`,
    inline(String(value.description ?? '')),
  ]);
  return `<article id="${name}">
<h3>${html(name)}</h3>
${prose(String(description))}
${oneOf === undefined ? '' : `<p>${typeOf(schema)}</p>`}
${Array.isArray(words) || rows.length === 0 ? '' : table(['Field', 'Type', ''], rows)}
</article>`;
}

/** A short name of a schema, with links to the objects that the schema refers to. */
function typeOf(schema: OpenApiSchema): string {
  if (typeof schema.$ref === 'string')
    return `<a href="#${lastOf(schema.$ref)}">${html(lastOf(schema.$ref))}</a>`;
  const choices = choicesOf(schema);
  if (choices.length > 0) return choices.map(typeOf).join(' or ');
  const type = typeNameOf(schema);
  if (type === 'array') return `list of ${typeOf(schema.items as OpenApiSchema)}`;
  if (type === 'object' && typeof schema.additionalProperties === 'object') {
    return `map of ${typeOf(schema.additionalProperties as OpenApiSchema)}`;
  }
  if (schema.format === 'date-time') return 'time';
  if (schema.contentEncoding !== undefined) return String(schema.contentEncoding);
  return html(type);
}

/** The alternatives of a value, without null, which only means that a field may be left out. */
function choicesOf({ oneOf, anyOf }: OpenApiSchema): OpenApiSchema[] {
  const choices = oneOf ?? anyOf;
  return Array.isArray(choices) ? choices.filter((one: OpenApiSchema) => one.type !== 'null') : [];
}

/** The type, without null. */
const typeNameOf = ({ type = 'any' }: OpenApiSchema): string =>
  String([type].flat().find((name) => name !== 'null'));

/**
 * The constraints of a schema beyond its type: ranges, lengths, counts, patterns, and the values of a
 * closed set.
 */
function boundsOf(schema: OpenApiSchema): string[] {
  const [one, ...others] = choicesOf(schema);
  if (one !== undefined && others.length === 0) return boundsOf(one);
  const {
    minimum,
    maximum,
    maxLength,
    maxItems,
    maxProperties,
    pattern,
    contentEncoding,
    enum: words,
    items,
    additionalProperties,
  } = schema;
  const ofEach = [items, additionalProperties].find(
    (each) => typeof each === 'object' && each !== null && !('$ref' in each),
  );
  return [
    ...(minimum === undefined && maximum === undefined ? [] : [`${minimum ?? ''} to ${maximum ?? ''}`]),
    ...(maxLength === undefined ? [] : [`at most ${maxLength} characters`]),
    ...(maxItems === undefined ? [] : [`at most ${maxItems} items`]),
    ...(maxProperties === undefined ? [] : [`at most ${maxProperties} entries`]),
    // the type name `base64` makes the pattern redundant
    ...(typeof pattern === 'string' && contentEncoding === undefined
      ? [`like ${pattern.replace(OR_EMPTY, '')}`]
      : []),
    ...(Array.isArray(words) ? [`one of ${words.filter((word) => word !== '').join(', ')}`] : []),
    ...(ofEach === undefined ? [] : boundsOf(ofEach as OpenApiSchema).map((bound) => `each: ${bound}`)),
  ];
}

/** An empty optional field is the same as an absent field. */
const OR_EMPTY = /^\^\$\|/;

const notes = (texts: readonly string[]): string =>
  texts.length === 0 ? '' : `<br><small>${html(texts.join(', '))}</small>`;

const lastOf = (reference: string): string => reference.slice(reference.lastIndexOf('/') + 1);

function curl(verb: string, path: string, body: object | null): string {
  const method = verb === 'get' ? '' : ` -X ${verb.toUpperCase()}`;
  const data = body === null ? '' : ` \\\n  -d '${JSON.stringify(body, null, 2).replaceAll("'", "'\\''")}'`;
  return `curl${method} "$URL${path}" -H "Authorization: Bearer $KEY"${data}`;
}

const badge = (verb: string): string =>
  `<b class="verb ${verb}">${verb === 'delete' ? 'DEL' : verb.toUpperCase()}</b>`;

function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const cells = (row: readonly string[], tag: string): string =>
    `<tr>${row.map((cell) => `<${tag}>${cell}</${tag}>`).join('')}</tr>`;
  return `<div class="table"><table><thead>${cells(head, 'th')}</thead><tbody>${rows.map((row) => cells(row, 'td')).join('')}</tbody></table></div>`;
}

/** Paragraphs, and lists of lines that begin with a hyphen. */
function prose(text: string): string {
  return text
    .split(/\n\n+/)
    .filter((paragraph) => paragraph.trim() !== '')
    .map((paragraph) =>
      paragraph.startsWith('- ')
        ? `<ul>${paragraph
            .split('\n')
            .map((line) => `<li>${inline(line.slice(2))}</li>`)
            .join('')}</ul>`
        : `<p>${inline(paragraph)}</p>`,
    )
    .join('\n');
}

const inline = (text: string): string => html(text).replaceAll(/`([^`]+)`/g, '<code>$1</code>');

const html = (text: string): string =>
  text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;').replaceAll('"', '&quot;');

const STYLE = `
:root { color-scheme: light dark; --line: #d8dee6; --soft: #f4f6f9; --dim: #5a6675; --link: #0b5cad }
@media (prefers-color-scheme: dark) { :root { --line: #36404c; --soft: #1d232b; --dim: #9aa7b6; --link: #74b3f5 } }
* { box-sizing: border-box }
body { margin: 0; font: 16px/1.55 system-ui, sans-serif; display: grid; grid-template-columns: 20rem minmax(0, 1fr) }
nav { position: sticky; top: 0; height: 100vh; overflow-y: auto; padding: 1.5rem; border-right: 1px solid var(--line); font-size: .875rem }
nav .title { font-weight: 700; font-size: 1.1rem; margin: 0 }
nav h2 { margin: 1.25rem 0 .25rem; font-size: .75rem; text-transform: uppercase; letter-spacing: .05em; color: var(--dim) }
nav ul { list-style: none; margin: 0; padding: 0 }
nav li a { display: flex; align-items: baseline; gap: .4em; padding: .15rem 0; overflow-wrap: anywhere }
main { padding: 2rem clamp(1rem, 4vw, 4rem); max-width: 62rem }
h1 { margin-top: 0 }
section > h2 { margin-top: 3rem; border-bottom: 1px solid var(--line); padding-bottom: .25rem }
article { margin: 2rem 0; scroll-margin-top: 1rem }
a { color: var(--link); text-decoration: none }
a:hover { text-decoration: underline }
code, pre { font: .875em/1.5 ui-monospace, monospace }
code { background: var(--soft); padding: .1em .3em; border-radius: 4px }
pre { background: var(--soft); border: 1px solid var(--line); border-radius: 8px; padding: .75rem 1rem; overflow-x: auto }
summary { cursor: pointer; color: var(--dim) }
.table { overflow-x: auto }
table { border-collapse: collapse; width: 100%; margin: .75rem 0; font-size: .9rem }
th, td { text-align: left; vertical-align: top; padding: .4rem .75rem .4rem 0; border-bottom: 1px solid var(--line) }
th { font-weight: 600; color: var(--dim) }
small { color: var(--dim); overflow-wrap: anywhere }
.verb { flex: none; font: 700 .7rem/1 ui-monospace, monospace; padding: .2em .45em; border-radius: 4px; color: #fff; background: #5a6675 }
.verb.get { background: #0b6e4f } .verb.post { background: #0b5cad } .verb.delete { background: #b3261e } .verb.patch { background: #8a5a00 }
@media (max-width: 60rem) { body { display: block } nav { position: static; height: auto; border: 0; border-bottom: 1px solid var(--line) } nav .objects { display: none } }
`;
