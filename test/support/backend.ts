// Real MongoDB, NATS, Redis and Kubernetes for tests, benchmarks and `make cluster`: each on free
// loopback ports with a folder of its own. Tests that only use a server borrow the run's shared one
// (`describe-with.ts`); those that break one start their own here.

import { randomBytes } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { Redis } from 'ioredis';
import { MongoClient } from 'mongodb';
import { connect } from 'nats';
import type { Certificate } from './certificates.ts';
import { freePort } from './free-port.ts';
import { kubectlOk, startKubernetes } from './kubernetes.ts';
import { type BackendName, findAddress, type NeedName, requireFile } from './need.ts';
import { type RunningProgram, type ServerProgram, startProgram } from './process.ts';

/** A server of the test's own. Its port stays the same over restarts. */
export interface Backend extends RunningProgram {
  readonly url: string;
}

/**
 * NATS with JetStream. A restart keeps what it stored, also after `kill`. With a certificate it
 * speaks TLS only.
 */
/** `store`: the folder of JetStream, the program's own by default. */
export function startNats(certificate?: Certificate, store?: string): Promise<Backend> {
  return start('nats', (port) => ({
    name: 'nats',
    command: requireFile('nats-server'),
    args: (folder) => [
      ...['-a', '127.0.0.1', '-p', String(port), '-js', '-sd', store ?? folder],
      ...(certificate === undefined ? [] : tlsArguments(folder, certificate)),
    ],
    ready: /Server is ready/,
  }));
}

function tlsArguments(folder: string, { cert, key }: Certificate): readonly string[] {
  writeFileSync(join(folder, 'cert.pem'), cert);
  writeFileSync(join(folder, 'key.pem'), key, { mode: 0o600 });
  return ['--tls', '--tlscert', join(folder, 'cert.pem'), '--tlskey', join(folder, 'key.pem')];
}

/** Redis or Valkey. A restart keeps what it stored, also after `kill`. */
export function startRedis(): Promise<Backend> {
  return start('redis', (port) => ({
    name: 'redis',
    command: requireFile('redis-server'),
    args: (folder) => [
      '--bind',
      '127.0.0.1',
      '--port',
      String(port),
      '--dir',
      folder,
      '--save',
      '',
      '--appendonly',
      'yes',
    ],
    ready: /Ready to accept connections/,
  }));
}

/** MongoDB, or its stand-in, which forgets everything when it ends. */
export function startMongo(): Promise<Backend> {
  const file = requireFile('mongo-server');
  return start('mongodb', (port) => (file.endsWith('.jar') ? standIn(file, port) : mongod(file, port)));
}

function mongod(file: string, port: number): ServerProgram {
  return {
    name: 'mongod',
    command: file,
    args: (folder) => ['--bind_ip', '127.0.0.1', '--port', String(port), '--dbpath', folder],
    ready: /Waiting for connections/,
  };
}

function standIn(file: string, port: number): ServerProgram {
  return {
    name: 'mongo-standin',
    command: 'java',
    args: () => ['-XX:+UseSerialGC', '-jar', file, String(port)],
    ready: /^mongodb:/m,
  };
}

async function start(scheme: string, program: (port: number) => ServerProgram): Promise<Backend> {
  const port = await freePort();
  const running = await startProgram(program(port));
  return Object.assign(running, { url: `${scheme}://127.0.0.1:${port}` });
}

/**
 * A server to use but not to break: the one that the environment names, else one started here and
 * stopped when disposed.
 */
export interface OpenBackend extends AsyncDisposable {
  /** Of Kubernetes the path of a kubeconfig. */
  readonly url: string;
  /** Name, version and where it comes from, for people. */
  readonly description: string;
}

const startOf: Record<BackendName, () => Promise<AsyncDisposable & { readonly url: string }>> = {
  mongo: startMongo,
  nats: () => startNats(),
  redis: startRedis,
  async kubernetes() {
    const kubernetes = await startKubernetes();
    return { url: kubernetes.kubeconfig, [Symbol.asyncDispose]: () => kubernetes[Symbol.asyncDispose]() };
  },
};
const fileOf: Record<BackendName, NeedName> = {
  mongo: 'mongo-server',
  nats: 'nats-server',
  redis: 'redis-server',
  kubernetes: 'kube-apiserver',
};

export async function openBackend(name: BackendName): Promise<OpenBackend> {
  const address = findAddress(name);
  if (address !== undefined) {
    return {
      url: address,
      description: `${await versionOf[name](address)} (from the environment)`,
      [Symbol.asyncDispose]: async () => {},
    };
  }
  const backend = await startOf[name]();
  const origin = requireFile(fileOf[name]);
  return {
    url: backend.url,
    description: `${await versionOf[name](backend.url)} (${origin})`,
    [Symbol.asyncDispose]: () => backend[Symbol.asyncDispose](),
  };
}

const versionOf: Record<BackendName, (url: string) => Promise<string>> = {
  async mongo(url) {
    await using client = new MongoClient(url, { serverSelectionTimeoutMS: 5_000 });
    const { version } = await client.db('admin').command({ buildInfo: 1 });
    return `MongoDB ${version}`;
  },
  async nats(url) {
    const connection = await connect({ servers: url, timeout: 5_000 });
    const version = connection.info?.version;
    await connection.close();
    return `NATS ${version}`;
  },
  async redis(url) {
    const redis = new Redis(url, { commandTimeout: 5_000, maxRetriesPerRequest: 0 });
    const version = /redis_version:(\S+)/.exec(await redis.info('server'))?.[1];
    redis.disconnect();
    return `Redis ${version}`;
  },
  async kubernetes(kubeconfig) {
    const { gitVersion } = JSON.parse(await kubectlOk(kubeconfig, ['get', '--raw', '/version'])) as {
      readonly gitVersion: string;
    };
    return `Kubernetes ${gitVersion}`;
  },
};

/**
 * A name that no other test, run or machine uses, for a database, stream or key prefix on a shared
 * server: `[a-z0-9_]`, ≤ 40.
 */
export function uniqueName(what: string): string {
  return `pb_${what
    .toLowerCase()
    .replaceAll(/[^a-z0-9]/g, '_')
    .slice(0, 20)}_${randomBytes(8).toString('hex')}`;
}
