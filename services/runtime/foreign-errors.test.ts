// Nothing that a library says of a secret is printed: a marker is sent along each path on which a
// parser, a driver or a TLS library sees one, and all that would be printed is searched for the
// marker.

import { createPrivateKey, X509Certificate } from 'node:crypto';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { createSecureContext } from 'node:tls';
import { MongoServerError, MongoServerSelectionError } from 'mongodb';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { parse } from 'yaml';
import { z } from 'zod';
import { validate } from '../../cli/validate.ts';
import { accessOf } from '../../operator/kubernetes/access.ts';
import { openKubernetesClient } from '../../operator/kubernetes/http-client.ts';
import { documentsOf, stampsOf } from '../adapters/file/folder.ts';
import { failureOf, openMongo } from '../adapters/mongo/connection.ts';
import { openNats } from '../adapters/nats/connection.ts';
import { openRedis } from '../adapters/redis/connection.ts';
import { Failure } from '../core/failure.ts';
import { compileFolder } from '../core/objects/compile-folder.ts';
import { open } from '../core/secrets/seal.ts';
import { describeError, showError } from './describe-error.ts';
import { readKeyring } from './keyring.ts';
import { createLog, reporter } from './log.ts';
import { readConfig } from './read-config.ts';
import { openTlsIdentity } from './tls.ts';

const MARKER = 'hunter2hunter2hunter2hunter2hunter2';
const PEM = `-----BEGIN PRIVATE KEY-----\n${MARKER}\n-----END PRIVATE KEY-----\n`;

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'packetboat-foreign-'));
});
afterAll(() => rm(folder, { recursive: true }));

let files = 0;
async function file(text: string, suffix = '.yaml'): Promise<string> {
  files += 1;
  const path = join(folder, `f${files}${suffix}`);
  await writeFile(path, text, { mode: 0o600 });
  return path;
}

/**
 * All that a program would print of an error: in the log, for people, and at the end of a command.
 */
function printed(error: unknown): string {
  const out: string[] = [];
  const destination = { write: (line: string) => void out.push(line) };
  const wrapped = new Failure('unavailable', 'it did not work', { cause: error });
  const several = new AggregateError([error, new Error('x', { cause: error })], MARKER);
  for (const isForPeople of [false, true]) {
    const log = createLog({ program: 'test', level: 'trace', isForPeople, destination });
    for (const each of [error, wrapped, several]) {
      reporter(log)('it failed', each);
      log.error(each as object);
      log.error({ cause: each }, 'it failed');
    }
  }
  return [
    ...out,
    showError(describeError(error)),
    error instanceof Failure ? error.message : '',
    JSON.stringify(describeError(several)),
  ].join('\n');
}

async function thrownBy(act: () => unknown): Promise<unknown> {
  try {
    await act();
  } catch (error) {
    return error;
  }
  throw new Error('nothing was thrown');
}

describe('a printed error does not contain the secret that caused it', () => {
  const nowhere = { host: '127.0.0.1', port: 1 };
  const url = (scheme: string) => `${scheme}://user:${MARKER}@${nowhere.host}:${nowhere.port}/`;
  const checkOf = async (open: AsyncDisposable & { check(): Promise<void> }) => {
    await using opened = open;
    await opened.check();
  };

  test.each<[string, () => unknown]>([
    ['JSON', () => JSON.parse(`{"password": "${MARKER}`)],
    ['JSON of one word', () => JSON.parse(MARKER)],
    ['YAML', () => parse(`password: |${MARKER}`)],
    [
      'YAML over several lines',
      () => parse(`a: 1\n  password: "${MARKER}\n   at ${MARKER} (/x/${MARKER}.ts:1:1)`),
    ],
    [
      'a schema',
      () =>
        z
          .object({})
          .strict()
          .parse({ [MARKER]: MARKER }),
    ],
    ['a schema with a choice', () => z.enum(['a']).parse(MARKER, { reportInput: true })],
    ['a private key', () => createPrivateKey(PEM)],
    ['a certificate', () => new X509Certificate(PEM)],
    ['a TLS context', () => createSecureContext({ key: PEM, passphrase: MARKER })],
    ['a URL', () => new URL(`http://user:${MARKER}@/`)],
    ['an argument of the runtime', () => Buffer.from(Symbol(MARKER) as unknown as string)],
    [
      'an option of the runtime',
      () =>
        createServer({ highWaterMark: MARKER as unknown as number }).listen({
          port: MARKER as unknown as number,
        }),
    ],
    ['a property of nothing', () => (undefined as unknown as Record<string, string>)[MARKER]],
    ['a file that is not there', () => readKeyring(join(folder, 'none'))],
    ['SQL', () => new DatabaseSync(':memory:').exec(`SELECT ${MARKER}`)],
    ['a keyring', async () => readKeyring(await file(`catalog: |${MARKER}`))],
    [
      'a keyring of another shape',
      async () => readKeyring(await file(`catalog: [{id: ${MARKER}, ${MARKER}: ${MARKER}}]`)),
    ],
    [
      'a sealed value',
      () => open([{ id: 'k1', secret: new Uint8Array(32) }], { document: 'd', field: 'f' }, `k1.${MARKER}`),
    ],
    ['a MongoDB URL', () => openMongo(`mongodb://user:${MARKER}@`)],
    ['a MongoDB URL with an option that is unknown', () => openMongo(`${url('mongodb')}?${MARKER}=1`)],
    [
      'MongoDB, refused',
      () =>
        Promise.reject(
          failureOf(
            new MongoServerError({
              message: MARKER,
              errmsg: MARKER,
              code: 18,
              codeName: 'AuthenticationFailed',
            }),
          ),
        ),
    ],
    [
      'MongoDB, unreachable',
      () =>
        Promise.reject(failureOf(new MongoServerSelectionError(url('mongodb'), { type: MARKER } as never))),
    ],
    ['a NATS URL', () => openNats(`nats://user:${MARKER}@`)],
    ['NATS, unreachable', () => checkOf(openNats(url('nats')))],
    ['a Redis URL', () => openRedis(`redos://user:${MARKER}@x`)],
    ['Redis, unreachable', () => checkOf(openRedis(url('redis')))],
    [
      'settings',
      () =>
        readConfig(
          'ingest',
          Object.fromEntries(
            [
              'MONGODB_URL',
              'NATS_URL',
              'REDIS_URL',
              'PACKETBOAT_BOOTSTRAP_KEY',
              'PACKETBOAT_LOG_LEVEL',
              'PACKETBOAT_GRPC_ADDR',
              'PACKETBOAT_LEASE_SECONDS',
              'MONGODB_CA_FILE',
            ].map((name) => [name, `${MARKER}://${MARKER}`]),
          ),
        ),
    ],
    [
      'settings of the operator',
      () =>
        readConfig('operator', {
          PACKETBOAT_IDENTITY: MARKER.repeat(20),
          KUBERNETES_SERVICE_HOST: `${MARKER}!`,
          KUBERNETES_SERVICE_PORT: MARKER,
          PACKETBOAT_CLUSTER: `${MARKER}!`,
        }),
    ],
    [
      'a TLS key file',
      async () => {
        const path = await file(PEM, '.pem');
        await openTlsIdentity({ tlsCertFile: path, tlsKeyFile: path, tlsCaFile: path }, () => {});
      },
    ],
    [
      'a kubeconfig',
      async () =>
        openKubernetesClient({
          access: { kubeconfig: await file(`users:\n- user: {token: |${MARKER}`) },
          fieldManager: 'test',
        }),
    ],
    [
      'a kubeconfig with a broken key',
      async () => {
        const kubeconfig = await file(
          JSON.stringify({
            'current-context': 'c',
            contexts: [{ name: 'c', context: { cluster: 'c', user: 'u' } }],
            clusters: [{ name: 'c', cluster: { server: 'https://127.0.0.1:1' } }],
            users: [
              {
                name: 'u',
                user: {
                  'client-key-data': Buffer.from(PEM).toString('base64'),
                  'client-certificate-data': Buffer.from(PEM).toString('base64'),
                },
              },
            ],
          }),
        );
        await using client = await openKubernetesClient({ access: { kubeconfig }, fieldManager: 'test' });
        await client.list((await import('../../operator/api/v1alpha1/resources.ts')).senders, { limit: 1 });
      },
    ],
    [
      'a service account',
      async () => {
        const path = join(folder, 'account');
        await (await import('node:fs/promises')).mkdir(path);
        await writeFile(join(path, 'token'), `${MARKER} ${MARKER}`);
        await writeFile(join(path, 'ca.crt'), PEM);
        const config = readConfig('operator', {
          KUBERNETES_SERVICE_HOST: '127.0.0.1',
          PACKETBOAT_SERVICE_ACCOUNT_DIR: path,
          PACKETBOAT_KEYRING_FILE: 'x',
        });
        await openKubernetesClient({ access: accessOf(config), fieldManager: 'test' });
      },
    ],
    [
      'an error whose name, code and stack hold the secret',
      () => {
        throw Object.assign(new Error(MARKER), {
          name: `${MARKER} ${MARKER}`,
          code: `${MARKER}\n`,
          syscall: `a ${MARKER}`,
          address: MARKER,
          stack: `${MARKER}\n    at ${MARKER} x (y)\n    at ${MARKER}`,
        });
      },
    ],
  ])('%s', async (_, act) => {
    const error = await thrownBy(act);
    expect(printed(error)).not.toContain('hunter2');
  });
});

describe('a printed foreign error suffices to find the fault', () => {
  test('a bug is printed with its type and location', () => {
    const error = (() => {
      try {
        return JSON.parse('hunter2');
      } catch (caught) {
        return caught;
      }
    })();
    expect(describeError(error)).toMatchObject({ type: 'SyntaxError' });
    expect(describeError(error).stack?.[0]).toMatch(/^at JSON\.parse|foreign-errors\.test\.ts:\d+:\d+/);
    expect(showError(describeError(error))).toMatch(/^SyntaxError\n {4}at /);
  });

  test('an unreachable server is printed with the system call and the address', async () => {
    await using redis = openRedis('redis://127.0.0.1:1');
    const { cause } = describeError(await thrownBy(() => redis.check()));
    expect(cause).toMatchObject({ code: 'ECONNREFUSED', syscall: 'connect', address: '127.0.0.1', port: 1 });
    expect(showError(cause ?? { type: '' })).toMatch(/^Error ECONNREFUSED connect 127\.0\.0\.1:1\n/);
  });

  test('causes are printed, and the errors of an AggregateError', () => {
    const inner = new Failure('unavailable', 'no answer', {
      cause: Object.assign(new Error('x'), { code: 'EPIPE' }),
    });
    const described = describeError(new AggregateError([inner], 'x'));
    expect(described.errors).toMatchObject([{ message: 'no answer', cause: { code: 'EPIPE' } }]);
  });

  test('a cycle of causes ends', () => {
    const error = new Error('x');
    error.cause = error;
    expect(JSON.stringify(describeError(error)).match(/"cause"/g)).toHaveLength(5);
  });
});

describe('files of a catalog', () => {
  const secret = (rest: string): string => `apiVersion: v1\nkind: Secret\nmetadata: {name: login}\n${rest}`;

  test.each([
    ['a block that is none', secret(`stringData:\n  username: u\n  password: |${MARKER}\n`)],
    ['a tag', secret(`stringData:\n  password: !${MARKER} !a ${MARKER}\n`)],
    ['a list', secret(`stringData:\n  password: [${MARKER}]\n`)],
    ['a quote', secret(`stringData:\n  password: "${MARKER}\n`)],
    ['a string for all', secret(`stringData: ${MARKER}\n`)],
    ['a colon', secret(`stringData:\n  password: ${MARKER}: ${MARKER}\n`)],
    ['a tab', secret(`stringData:\n\tpassword: ${MARKER}\n`)],
    [
      'JSON',
      JSON.stringify({ apiVersion: 'v1', kind: 'Secret', stringData: { password: MARKER } }).slice(0, -3),
    ],
    ['a control character', secret(`stringData: {password: "${MARKER}\u0001"}\n`)],
    [
      'a Sender with its login',
      `apiVersion: packetboat.dev/v1alpha1\nkind: Sender\nmetadata: {name: a}\nspec: {domain: ${MARKER}!, from: ${MARKER}, routes: [{name: r, smtp: {host: "${MARKER}!", tls: ${MARKER}, port: ${MARKER}}}], copies: ${MARKER}}\n`,
    ],
    [
      'a certificate',
      `${secret(`stringData: {ca: "${MARKER}"}\n`)}---\napiVersion: packetboat.dev/v1alpha1\nkind: Sender\nmetadata: {name: a}\nspec: {domain: a.example, from: {address: a@a.example}, routes: [{name: r, smtp: {host: r.example, caSecretRef: {name: login, key: ca}}}]}\n`,
    ],
  ])('%s: neither `validate` nor the reader of a folder prints its content', async (_, text) => {
    const path = await mkdtemp(join(folder, 'catalog-'));
    await writeFile(join(path, 'a.yaml'), text, { mode: 0o600 });
    const out: string[] = [];
    const printer = {
      say: (line: string) => void out.push(line),
      complain: (line: string) => void out.push(line),
    };
    expect(await validate({ path }, process.stdin, printer)).toBe(1);
    const { documents, faults } = await documentsOf(path, (await stampsOf(path)).keys());
    out.push(JSON.stringify([...faults, ...compileFolder(documents).faults]));
    expect(out.join('\n')).toMatch(/a\.yaml:\d+:\d+: /);
    expect(out.join('\n')).not.toContain('hunter2');
  });
});
