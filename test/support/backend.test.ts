import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { connect as dial } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Redis } from 'ioredis';
import { MongoClient } from 'mongodb';
import { connect } from 'nats';
import { afterEach, expect, it, onTestFinished, vi } from 'vitest';
import { startMongo, startNats, startRedis, uniqueName } from './backend.ts';
import { borrow, describeWith } from './describe-with.ts';
import { kubectl, kubectlOk, startKubernetes } from './kubernetes.ts';
import { findAddress, findFile, isMissing } from './need.ts';

afterEach(() => vi.unstubAllEnvs());

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}

it('takes an address from the environment before any program', () => {
  vi.stubEnv('NATS_URL', 'nats://nats.example:4222');
  expect(findAddress('nats')).toBe('nats://nats.example:4222');
  expect(findAddress('nats-server')).toBeUndefined();
});

it('looks in the folder of ready programs first, on PATH next, in the cache last', async () => {
  vi.stubEnv('NATS_URL', '');
  const root = await mkdtemp(join(tmpdir(), 'packetboat-need-'));
  onTestFinished(() => rm(root, { recursive: true }));
  for (const [variable, folder] of Object.entries({
    PACKETBOAT_TEST_BIN: 'ready',
    PATH: 'path',
    PACKETBOAT_CACHE: 'cache',
  })) {
    vi.stubEnv(variable, join(root, folder));
    await mkdir(join(root, folder));
  }
  expect(isMissing('nats')).toBe(true);
  for (const folder of ['cache', 'path', 'ready']) {
    const file = join(root, folder, 'nats-server');
    await writeFile(file, '', { mode: 0o755 });
    expect(findFile('nats-server')).toBe(file);
  }
});

it('makes names that a database, a stream and a key may bear, and never twice', () => {
  const name = uniqueName('Work Queue.1');
  expect(name).toMatch(/^pb_work_queue_1_[0-9a-f]{16}$/);
  expect(uniqueName('Work Queue.1')).not.toBe(name);
});

describeWith(['redis-server'], 'a Redis of its own', () => {
  it('keeps what it stored over a kill, and forgets it when told', async () => {
    await using backend = await startRedis();
    await withRedis(backend.url, (redis) => redis.set('a', '1'));
    const first = backend.pid;
    await backend.kill();
    expect(backend.pid).toBeUndefined();
    await backend.restart();
    expect(backend.pid).not.toBe(first);
    expect(await withRedis(backend.url, (redis) => redis.get('a'))).toBe('1');
    await backend.restart({ erase: true });
    expect(await withRedis(backend.url, (redis) => redis.get('a'))).toBeNull();
  });

  it('answers nothing while paused and goes on when resumed', async () => {
    await using backend = await startRedis();
    const socket = dial(Number(new URL(backend.url).port), '127.0.0.1');
    let heard = '';
    socket.setEncoding('utf8').on('data', (text: string) => {
      heard += text;
    });
    await once(socket, 'connect');
    backend.pause();
    socket.write('PING\r\n');
    await vi.waitFor(async () => expect(await stateOf(backend.pid)).toMatch(/^T/));
    expect(heard).toBe('');
    backend.resume();
    await vi.waitFor(() => expect(heard).toBe('+PONG\r\n'));
    socket.destroy();
  });

  it('is gone, with its folder, when it is disposed', async () => {
    const backend = await startRedis();
    const { pid = 0, folder } = backend;
    expect(isAlive(pid)).toBe(true);
    await backend[Symbol.asyncDispose]();
    expect(isAlive(pid)).toBe(false);
    expect(existsSync(folder)).toBe(false);
  });

  it('is gone, with its folder, when the process that started it is killed', async () => {
    const script = `
      import { startRedis } from ${JSON.stringify(new URL('./backend.ts', import.meta.url).href)};
      const { pid, folder } = await startRedis();
      console.log(JSON.stringify({ pid, folder }));
      setInterval(() => {}, 1000);`;
    const parent = spawn(process.execPath, ['--input-type=module', '-e', script], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    const [line] = await once(parent.stdout.setEncoding('utf8'), 'data');
    const { pid, folder } = JSON.parse(line) as { pid: number; folder: string };
    expect(isAlive(pid)).toBe(true);
    parent.kill('SIGKILL');
    await vi.waitFor(() => expect(existsSync(folder)).toBe(false), 5_000);
    await vi.waitFor(() => expect(isAlive(pid)).toBe(false), 5_000);
  });
});

describeWith(['nats-server'], 'a NATS of its own', () => {
  it('keeps a stream over a kill, and forgets it when told', async () => {
    await using backend = await startNats();
    const streams = async (): Promise<string[]> => {
      const connection = await connect({ servers: backend.url });
      const manager = await connection.jetstreamManager();
      const names = (await manager.streams.list().next()).map((stream) => stream.config.name);
      if (names.length === 0) await manager.streams.add({ name: 'KEPT', subjects: ['kept'] });
      await connection.close();
      return names;
    };
    expect(await streams()).toEqual([]);
    await backend.kill();
    await backend.restart();
    expect(await streams()).toEqual(['KEPT']);
    await backend.restart({ erase: true });
    expect(await streams()).toEqual([]);
  });
});

describeWith(['mongo-server'], 'a MongoDB of its own', () => {
  it('serves again on its port after a restart', async () => {
    await using backend = await startMongo();
    const { url } = backend;
    await backend.restart();
    expect(backend.url).toBe(url);
    await using client = new MongoClient(url);
    await client.db('test').collection<{ _id: string }>('things').insertOne({ _id: 'a' });
    expect(await client.db('test').collection('things').countDocuments()).toBe(1);
  });
});

describeWith(['mongo', 'nats', 'redis'], 'the servers of a run', () => {
  it.each([
    ['mongo', /^mongodb.*:\/\//, /MongoDB .*\d/],
    ['nats', /^nats:\/\//, /NATS \d/],
    ['redis', /^rediss?:\/\//, /Redis \d/],
  ] as const)('lend %s, the same one each time', async (name, url, description) => {
    const loan = await borrow(name);
    expect(loan.url).toMatch(url);
    expect(loan.description).toMatch(description);
    expect(await borrow(name)).toEqual(loan);
  });
});

async function withRedis<T>(url: string, use: (redis: Redis) => Promise<T>): Promise<T> {
  const redis = new Redis(url, { commandTimeout: 5_000, maxRetriesPerRequest: 0 });
  try {
    return await use(redis);
  } finally {
    redis.disconnect();
  }
}

/** The process's state as `ps` shows it: T is stopped. */
async function stateOf(pid: number | undefined): Promise<string> {
  const ps = spawn('ps', ['-o', 'stat=', '-p', String(pid)], { stdio: ['ignore', 'pipe', 'inherit'] });
  const [text] = await once(ps.stdout.setEncoding('utf8'), 'data');
  return text;
}

describeWith(['kube-apiserver', 'etcd', 'kubectl'], 'a Kubernetes of its own', () => {
  it('knows its users by their tokens and keeps what it stored over a kill of the API server', async () => {
    await using kubernetes = await startKubernetes([{ name: 'reader' }]);
    const reader = await kubernetes.kubeconfigFor('reader');
    await kubectlOk(kubernetes.kubeconfig, ['create', 'namespace', 'kept']);
    expect((await kubectl(reader, ['get', 'namespaces'])).stderr).toContain(
      'User "reader" cannot list resource "namespaces"',
    );

    await kubernetes.apiServer.kill();
    await kubernetes.apiServer.restart();
    await vi.waitFor(() => kubectlOk(kubernetes.kubeconfig, ['get', 'namespace', 'kept']), {
      timeout: 30_000,
      interval: 200,
    });

    const renewed = await kubernetes.renewToken('reader');
    expect(kubernetes.tokenOf('reader')).toBe(renewed);
    expect((await kubectl(reader, ['get', 'namespaces'])).stderr).toContain('Unauthorized');
    expect((await kubectl(await kubernetes.kubeconfigFor('reader'), ['get', 'namespaces'])).stderr).toContain(
      'cannot list',
    );
  });
});
