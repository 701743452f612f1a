import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { expect, onTestFinished, test } from 'vitest';
import { type ValidateOptions, validate } from './validate.ts';

const root = join(import.meta.dirname, '..');

async function run(options: ValidateOptions, input = '') {
  const said: string[] = [];
  const complaints: string[] = [];
  const printer = {
    say: (line: string) => void said.push(line),
    complain: (line: string) => void complaints.push(line),
  };
  const code = await validate(options, Readable.from([input]), printer);
  return { code, said, complaints };
}

const sender = `apiVersion: packetboat.dev/v1alpha1
kind: Sender
metadata: {name: billing}
spec:
  domain: mail.shop.example
  from: {address: billing@shop.example}
  routes:
  - {name: relay, smtp: {host: relay.example.net, credentialsSecretRef: {name: login}}}
`;
const template = `apiVersion: packetboat.dev/v1alpha1
kind: Template
metadata: {name: invoice}
spec:
  senderRef: {name: billing}
  defaultLocale: en
  locales:
  - {locale: en, subject: Invoice, html: '<p>Yours</p>'}
`;

test.each(['examples/sender.yaml', 'examples/catalog'])('%s has no faults', async (path) => {
  expect(await run({ path: join(root, path) })).toMatchObject({ code: 0, complaints: [] });
});

test('each fault has its file, line, column, path and reason, and each warning its template', async () => {
  const { code, said, complaints } = await run({ path: '-' }, `${sender}---\n${template}`);
  expect(code).toBe(1);
  expect(complaints).toEqual([
    '-:6:10: Sender default/billing: spec.from.address: must be in the domain mail.shop.example (InvalidSpec)',
    '-:8:51: Sender default/billing: spec.routes[0].smtp.credentialsSecretRef: there is no Secret "login" in this namespace (SecretNotFound)',
  ]);
  expect(said).toEqual([
    'warning: Template default/invoice: locales[en] has no text part: some mail programs show nothing else, and spam filters penalize its absence',
    '2 objects, 2 faults, 1 warning',
  ]);
});

test('with --partial a missing reference is no fault, and the output says what was not checked', async () => {
  const spec = template.replace('  senderRef', '  layoutRef: {name: base}\n  senderRef');
  const html = "htmlFrom: {configMapKeyRef: {name: bodies, key: en}}, text: 'Hi'";
  const input = [
    sender.replace('billing@shop', 'billing@mail.shop').replace('name: billing}', 'name: other}'),
    spec.replace("html: '<p>Yours</p>'", html),
  ].join('---\n');
  const { code, complaints, said } = await run({ path: '-', isPartial: true }, input);
  expect({ code, complaints }).toEqual({ code: 0, complaints: [] });
  expect(said).toEqual([
    'not checked: -:8:51: Sender default/other: spec.routes[0].smtp.credentialsSecretRef: there is no Secret "login" in this namespace (SecretNotFound): the values of the Secret were not checked',
    'not checked: -:18:47: Template default/invoice: spec.locales[0].htmlFrom.configMapKeyRef: there is no ConfigMap "bodies" in this namespace (ConfigMapNotFound): the html in the ConfigMap was not checked',
    'not checked: -:14:15: Template default/invoice: spec.layoutRef.name: there is no valid Template "base" in this namespace (LayoutNotFound): the template was checked without this layout',
    'not checked: -:15:15: Template default/invoice: spec.senderRef.name: there is no Sender "billing" in this namespace (SenderNotFound): the Sender was not checked; the template was',
    '2 objects, 0 faults, 0 warnings, 4 references not checked',
  ]);
});

const locales = (text: string) => `locales: [{locale: en, subject: s, ${text}}]`;
const sampled = 'sampleData: {n: 1}';

test.each([
  ['a syntax error', locales("text: '{{#if a}}'"), 'spec.locales[0].text: text, line 1: a block'],
  [
    'an unsafe link',
    locales(`html: '<a href="app:x">'`),
    'spec.locales[0].html: html, line 1: the link in href',
  ],
  [
    'sample data that the schema refuses',
    `${locales('text: t')}, variables: {type: object, properties: {n: {type: string}}}, ${sampled}`,
    'spec.sampleData.n: The variable must be of type string',
  ],
  [
    'a schema with a pattern',
    `${locales('text: t')}, variables: {type: object, pattern: x}`,
    'spec.variables.pattern',
  ],
  [
    'a value that a helper refuses',
    `${locales("text: '{{formatDate n}}'")}, ${sampled}`,
    'spec.locales[0].text',
  ],
  [
    'a blank mail',
    locales("text: '{{m}}', html: ' '"),
    'spec.locales[0].text: text: the mail has no content',
  ],
  ['no content', locales("text: ' '"), 'spec.locales[0]: must have html'],
])('with --partial, %s is found in a template whose sender is in another file', async (_, spec, fault) => {
  const { code, complaints, said } = await run(
    { path: '-', isPartial: true },
    `apiVersion: packetboat.dev/v1alpha1
kind: Template
metadata: {name: invoice}
spec: {senderRef: {name: billing}, layoutRef: {name: base}, defaultLocale: en, ${spec}}`,
  );
  expect({ code, complaints }).toEqual({ code: 1, complaints: [expect.stringContaining(`: ${fault}`)] });
  expect(said).toContain('1 object, 1 fault, 0 warnings, 2 references not checked');
});

test('with --partial, warnings are about templates with missing references too', async () => {
  const { said } = await run({ path: '-', isPartial: true }, template);
  expect(said).toContainEqual(
    expect.stringContaining('warning: Template default/invoice: locales[en] has no text'),
  );
});

test('with --partial, a key that is missing in a Secret or ConfigMap of the files is a fault', async () => {
  const objects = `apiVersion: v1
kind: Secret
metadata: {name: login}
stringData: {username: u}
---
apiVersion: v1
kind: ConfigMap
metadata: {name: bodies}
data: {de: x}
`;
  const html = 'htmlFrom: {configMapKeyRef: {name: bodies, key: en}}';
  const input = [
    sender.replace('billing@shop', 'billing@mail.shop'),
    template.replace("html: '<p>Yours</p>'", html),
    objects,
  ].join('---\n');
  const { complaints, said } = await run({ path: '-', isPartial: true }, input);
  expect(complaints).toEqual([
    expect.stringContaining('the Secret "login" has no key "password" or "accessToken" (SecretKeyMissing)'),
    expect.stringContaining('the ConfigMap "bodies" has no key "en" (ConfigMapNotFound)'),
  ]);
  expect(said.at(-1)).toBe('4 objects, 2 faults, 0 warnings, 0 references not checked');
});

test('a single file is read, and a missing file is reported', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'packetboat-validate-'));
  onTestFinished(() => rm(folder, { recursive: true }));
  await writeFile(join(folder, 'bad.yaml'), 'a: [');
  expect(await run({ path: join(folder, 'bad.yaml') })).toMatchObject({
    code: 1,
    complaints: [expect.stringContaining('bad.yaml:1:5: is not valid YAML: ')],
  });
  await expect(run({ path: join(folder, 'none.yaml') })).rejects.toMatchObject({
    kind: 'invalid',
    message: expect.stringMatching(/none\.yaml cannot be read \(ENOENT\)\.$/),
  });
});
