import { expect, test } from 'vitest';
import type { TemplateRevision } from '../catalog/catalog.ts';
import { templateLimits } from '../limits/template.ts';
import { CompiledTemplates } from './compiled-templates.ts';
import { revision } from './revision.fixture.ts';

const live = { environment: 'live', language: null, data: {} } as const;

/** A revision that counts its compilations. Only a compilation reads its `variables` here. */
function counted(identifier: string) {
  let compilations = 0;
  const watched: TemplateRevision = {
    ...revision({ identifier, subject: 'Hello' }),
    get variables() {
      compilations += 1;
      return null;
    },
  };
  return { revision: watched, compilations: () => compilations };
}

test('a revision is compiled once', () => {
  const templates = new CompiledTemplates();
  const one = counted('a');
  for (let i = 0; i < 3; i++) templates.render(one.revision, live);
  expect(one.compilations()).toBe(1);
});

test('a revision with the same number and another hash is another template', () => {
  const templates = new CompiledTemplates();
  const first = revision({ hash: 'one', subject: 'one' });
  const second = revision({ hash: 'two', subject: 'two' });
  expect(templates.render(first, live)).toMatchObject({ subject: 'one' });
  expect(templates.render(second, live)).toMatchObject({ subject: 'two' });
});

test('a full cache drops the template that was used least recently', () => {
  const templates = new CompiledTemplates();
  const used = counted('used');
  const unused = counted('unused');
  const fill = (from: number, count: number) => {
    for (let i = from; i < from + count; i++) templates.render(revision({ identifier: `other-${i}` }), live);
  };
  const use = (...all: ReturnType<typeof counted>[]) => {
    for (const one of all) templates.render(one.revision, live);
  };
  use(used, unused);
  fill(0, templateLimits.templateCacheMax - 2);
  use(used);
  expect([used.compilations(), unused.compilations()]).toEqual([1, 1]);
  fill(templateLimits.templateCacheMax, 1);
  use(used, unused);
  expect([used.compilations(), unused.compilations()]).toEqual([1, 2]);
});

const secret = {
  type: 'object',
  properties: { code: { type: 'string', writeOnly: true } },
  required: ['code'],
};

test('secrets are masked in the subject to store', () => {
  const one = revision({ subject: 'Your code {{code}}', variables: secret });
  const rendered = new CompiledTemplates().renderTemplate(one, {
    ...live,
    data: { code: '123' },
    field: 'template_data',
  });
  expect(rendered).toMatchObject({
    storedSubject: 'Your code ***',
    mail: { subject: 'Your code 123', headers: {} },
  });
});

test.each([
  ['data that is missing', 'x', {}, 'context.code'],
  ['a mail that cannot be rendered', '{{formatNumber code}}', { code: 'abc' }, 'context'],
  // the subject is valid with the code, and too long with the mask
  [
    'a subject that cannot be rendered masked',
    `{{#if (eq code "1")}}x{{else}}${'x'.repeat(999)}{{/if}}`,
    { code: '1' },
    'context',
  ],
])('%s is reported under the name that the caller uses for the data', (_, subject, data, field) => {
  const result = new CompiledTemplates().renderTemplate(revision({ subject, variables: secret }), {
    ...live,
    data,
    field: 'context',
  });
  expect(result).toMatchObject({ errors: [{ field }] });
});
