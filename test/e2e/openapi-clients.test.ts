// docs/clients.md, done as it is written: each client is generated, compiled, and sends a mail.
// Only what the page installs comes from the cache of `make backends`, of the versions that the
// page names.

import { chmod, cp, mkdtempDisposable, readFile, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { describeWith } from '../support/describe-with.ts';
import { Guide, shell } from '../support/guide.ts';
import type { Installation } from '../support/installation.ts';
import { type NeedName, requireFile } from '../support/need.ts';
import { type Sink, startSink } from '../support/smtp-sink.ts';
import { startEmbedded } from '../support/start-embedded.ts';

const root = join(import.meta.dirname, '../..');
const lists = join(root, 'test/backends/clients');
const guide = new Guide(join(root, 'docs/clients.md'));
/** A first build of Go compiles gRPC and the standard library too. */
const CLIENT_MS = 180_000;
const tools: readonly NeedName[] = [
  ...([
    'openapi-typescript',
    'go',
    'clients-go',
    'oapi-codegen',
    'protoc-gen-go',
    'protoc-gen-go-grpc',
  ] as const),
  ...(['clients-python', 'openapi-python-client'] as const),
];

describeWith(tools, 'clients made from the descriptions of the API', () => {
  const open = new AsyncDisposableStack();
  let packetboat: Installation;
  let sink: Sink;
  let openapi: string;

  beforeAll(async () => {
    sink = open.use(await startSink());
    packetboat = open.use(await startEmbedded({ relay: `smtp://127.0.0.1:${sink.port}` }));
    const folder = open.use(await mkdtempDisposable(join(tmpdir(), 'packetboat-openapi-')));
    await shell(guide.take('Clients', 'sh'), { cwd: folder.path, env: environment() });
    openapi = join(folder.path, 'openapi.json');
  });
  afterAll(() => open.disposeAsync());

  /** Programs of the page first, found by their names. */
  function environment(...first: readonly string[]): Readonly<Record<string, string | undefined>> {
    const folders = tools.map((tool) => dirname(requireFile(tool)));
    const PATH = [...first, ...new Set(folders), process.env.PATH].join(':');
    // a build downloads nothing, and changes nothing in the lists
    const go = { GOFLAGS: '-mod=vendor', GOPROXY: 'off' };
    return {
      ...process.env,
      ...go,
      PATH,
      URL: packetboat.url,
      KEY: packetboat.key,
      GRPC: packetboat.grpcAddress,
      PACKETBOAT: root,
    };
  }

  async function makeFolder(): Promise<string> {
    const { path } = open.use(await mkdtempDisposable(join(tmpdir(), 'packetboat-client-')));
    await cp(openapi, join(path, 'openapi.json'));
    return path;
  }

  /** With what `go mod init` and `go get` leave. */
  async function makeGoModule(): Promise<string> {
    const path = await makeFolder();
    const folder = dirname(dirname(requireFile('clients-go')));
    for (const part of ['go.mod', 'go.sum', 'vendor'])
      await cp(join(folder, part), join(path, part), { recursive: true });
    await shell('go mod edit -module example.com/mailer', { cwd: path, env: environment() });
    return path;
  }

  /** Runs the page's next commands; the last line that they print is the id of a message. */
  async function send(heading: string, cwd: string, env = environment()): Promise<string> {
    const printed = await shell(guide.take(heading, 'sh'), { cwd, env });
    return printed.trim().split('\n').at(-1) ?? '';
  }

  async function expectMail(to: string, messageId: string): Promise<void> {
    expect(messageId).toMatch(/^msg_/);
    await sink.until(({ mails }) => mails.some((mail) => mail.to.includes(to)));
    const mail = sink.mails.find((one) => one.to.includes(to));
    expect(mail?.messageId).toContain(messageId);
    expect(mail?.raw?.toString()).toContain('847291');
  }

  it(
    'in TypeScript, by openapi-typescript',
    async () => {
      const cwd = await makeFolder();
      const modules = dirname(dirname(requireFile('openapi-typescript')));
      await symlink(modules, join(cwd, 'node_modules'));
      await writeFile(join(cwd, 'package.json'), '{ "type": "module" }');
      const env = environment(dirname(process.execPath));
      await shell(guide.take('TypeScript', 'sh'), { cwd, env });
      await writeFile(join(cwd, 'send.ts'), guide.take('TypeScript', 'ts'));
      await expectMail('typescript@example.com', await send('TypeScript', cwd, env));
    },
    CLIENT_MS,
  );

  it(
    'in Go, by oapi-codegen',
    async () => {
      const cwd = await makeGoModule();
      await shell(guide.take('Go', 'sh'), { cwd, env: environment() });
      await writeFile(join(cwd, 'main.go'), guide.take('Go', 'go'));
      await expectMail('go@example.com', await send('Go', cwd));
    },
    CLIENT_MS,
  );

  it(
    'in Python, by openapi-python-client',
    async () => {
      const cwd = await makeFolder();
      await shell(guide.take('Python', 'sh'), { cwd, env: environment() });
      await writeFile(join(cwd, 'send.py'), guide.take('Python', 'python'));
      await expectMail('python@example.com', await send('Python', cwd));
    },
    CLIENT_MS,
  );

  it(
    'in Go over gRPC, by plain protoc',
    async () => {
      const cwd = await makeGoModule();
      // the protoc of the package grpcio-tools, under the name that it has elsewhere
      const protoc = join(cwd, 'bin/protoc');
      await shell('mkdir bin', { cwd, env: environment() });
      await writeFile(
        protoc,
        `#!/bin/sh\nexec '${requireFile('clients-python')}' -m grpc_tools.protoc "$@"\n`,
      );
      await chmod(protoc, 0o755);
      await shell(guide.take('gRPC', 'sh'), { cwd, env: environment(dirname(protoc)) });
      await writeFile(join(cwd, 'main.go'), guide.take('gRPC', 'go'));
      await expectMail('grpc@example.com', await send('gRPC', cwd));
    },
    CLIENT_MS,
  );

  it('covers all commands of the page', () => {
    expect(guide.left).toEqual([]);
  });
});

it('the page installs the versions that are tested', async () => {
  const read = (file: string) => readFile(join(lists, file), 'utf8');
  const lock = JSON.parse(await read('package-lock.json')) as {
    readonly packages: Readonly<Record<string, { readonly version?: string }>>;
  };
  const [requirements, goMod] = [await read('requirements.txt'), await read('go.mod')];
  const goModules = [...goMod.matchAll(/^\s*(\S+\/\S+) (v\S+)/gm)].map(([, module = '', version = '']) => ({
    module,
    version,
  }));
  const isTested = (name: string, version: string): boolean =>
    requirements.split('\n').includes(`${name}==${version}`) ||
    lock.packages[`node_modules/${name}`]?.version === version ||
    goModules.some((go) => go.version === version && `${name}/`.startsWith(`${go.module}/`));
  const installed = guide.blocks
    .filter(({ language }) => language === 'shell')
    .flatMap(({ text }) =>
      [...text.matchAll(/(?<= )(@?[\w./-]+)(?:@|==)(v?\d[\w.]*)/g)].map(([, name = '', version = '']) => ({
        name,
        version,
      })),
    );
  expect(installed.length).toBeGreaterThan(8);
  expect(installed.filter(({ name, version }) => !isTested(name, version))).toEqual([]);
});
