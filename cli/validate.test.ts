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

test('with --partial a missing reference is not a fault', async () => {
  const { code, complaints } = await run(
    { path: '-', isPartial: true },
    sender.replace('billing@shop', 'billing@mail.shop'),
  );
  expect({ code, complaints }).toEqual({ code: 0, complaints: [] });
  expect((await run({ path: '-', isPartial: true }, template)).code).toBe(0);
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
