// A real Kubernetes API server over a real etcd, each a program that a test may kill, freeze and
// start again. There are no controllers: pods never run, and nothing is garbage-collected.

import { execFile } from 'node:child_process';
import { generateKeyPairSync, randomBytes } from 'node:crypto';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { freePort } from './free-port.ts';
import { requireFile } from './need.ts';
import { type RunningProgram, startProgram } from './process.ts';

/** A user who may log in by a token. What they may do is RBAC's to say. */
export interface KubernetesUser {
  readonly name: string;
  readonly groups?: readonly string[];
}

export interface Kubernetes extends AsyncDisposable {
  /** `https://127.0.0.1:<port>`. */
  readonly url: string;
  /** Path of a kubeconfig of somebody who may do everything. */
  readonly kubeconfig: string;
  /**
   * Path of a kubeconfig of one of the users that it was started with; through another address
   * where something stands in between.
   */
  kubeconfigFor(user: string, url?: string): Promise<string>;
  /**
   * What a pod of one of them is given: where the API server is, and a folder of its token and of
   * whom to trust.
   */
  podEnvFor(user: string): Promise<Readonly<Record<string, string>>>;
  /** PEM of who signed its certificate. */
  readonly authority: string;
  /** Their bearer token. */
  tokenOf(user: string): string;
  /**
   * From now on this user has another token, and the old one is refused. Restarts the API server,
   * which reads tokens only at its start.
   */
  renewToken(user: string): Promise<string>;
  /** Gone from memory by SIGKILL, what is in etcd stays. */
  readonly apiServer: RunningProgram;
  readonly etcd: RunningProgram;
  /** Path of the etcd client address, for compaction. */
  readonly etcdUrl: string;
}

const ADMIN = 'admin';

/** Resolves once `/readyz` replies 200. Takes two to five seconds and 350 MB. */
export async function startKubernetes(users: readonly KubernetesUser[] = []): Promise<Kubernetes> {
  await using open = new AsyncDisposableStack();
  const folder = await mkdtemp(join(tmpdir(), 'packetboat-kubernetes-'));
  open.defer(() => rm(folder, { recursive: true, force: true }));
  const [port, clientPort, peerPort] = [await freePort(), await freePort(), await freePort()];
  const [url, etcdUrl, peerUrl] = [
    `https://127.0.0.1:${port}`,
    `http://127.0.0.1:${clientPort}`,
    `http://127.0.0.1:${peerPort}`,
  ];

  const all: readonly KubernetesUser[] = [{ name: ADMIN, groups: ['system:masters'] }, ...users];
  const tokens = new Map(all.map(({ name }) => [name, newToken()]));
  const files = {
    tokens: join(folder, 'tokens.csv'),
    key: join(folder, 'sa.key'),
    certificates: join(folder, 'certificates'),
  };
  const writeTokens = (): Promise<void> =>
    writeFile(
      files.tokens,
      all
        .map(({ name, groups = [] }) => `${tokens.get(name)},${name},${name},"${groups.join(',')}"\n`)
        .join(''),
    );
  await writeTokens();
  const { privateKey } = generateKeyPairSync('rsa', { modulusLength: 2048 });
  await writeFile(files.key, privateKey.export({ type: 'pkcs1', format: 'pem' }), { mode: 0o600 });

  const etcd = open.use(
    await startProgram({
      name: 'etcd',
      command: requireFile('etcd'),
      args: (data) => [
        ...['--data-dir', join(data, 'data'), '--unsafe-no-fsync', '--logger', 'zap'],
        ...['--listen-client-urls', etcdUrl, '--advertise-client-urls', etcdUrl],
        ...[
          '--listen-peer-urls',
          peerUrl,
          '--initial-advertise-peer-urls',
          peerUrl,
          '--initial-cluster',
          `default=${peerUrl}`,
        ],
      ],
      ready: /ready to serve client requests/,
    }),
  );
  const apiServer = open.use(
    await startProgram({
      name: 'kube-apiserver',
      command: requireFile('kube-apiserver'),
      args: () => [
        ...['--etcd-servers', etcdUrl, '--cert-dir', files.certificates],
        ...[
          '--secure-port',
          String(port),
          '--bind-address',
          '127.0.0.1',
          '--service-cluster-ip-range',
          '10.0.0.0/24',
        ],
        ...[
          '--authorization-mode',
          'RBAC',
          '--disable-admission-plugins',
          'ServiceAccount',
          '--token-auth-file',
          files.tokens,
        ],
        ...[
          '--service-account-issuer',
          `${url}/`,
          '--service-account-key-file',
          files.key,
          '--service-account-signing-key-file',
          files.key,
        ],
      ],
      ready: /Serving securely on/,
    }),
  );
  await untilReady(url, tokens.get(ADMIN) ?? '');
  // another certificate would be made at a start in an empty folder only
  const authority = await readFile(join(files.certificates, 'apiserver.crt'), 'utf8');

  const kubeconfigFor = async (user: string, at = url): Promise<string> => {
    const path = join(folder, `${user}-${randomBytes(4).toString('hex')}.kubeconfig`);
    await writeFile(path, JSON.stringify(kubeconfigOf({ url: at, authority, user, token: tokenOf(user) })), {
      mode: 0o600,
    });
    return path;
  };
  const podEnvFor = async (user: string): Promise<Readonly<Record<string, string>>> => {
    const mounted = await mkdtemp(join(folder, 'service-account-'));
    await writeFile(join(mounted, 'token'), tokenOf(user), { mode: 0o600 });
    await writeFile(join(mounted, 'ca.crt'), authority);
    return {
      KUBERNETES_SERVICE_HOST: '127.0.0.1',
      KUBERNETES_SERVICE_PORT: String(port),
      PACKETBOAT_SERVICE_ACCOUNT_DIR: mounted,
    };
  };
  const tokenOf = (user: string): string => {
    const token = tokens.get(user);
    if (token === undefined) throw new Error(`nobody is called ${user}`);
    return token;
  };
  const kubeconfig = await kubeconfigFor(ADMIN);
  const owned = open.move();
  return {
    ...{ url, authority, kubeconfig, kubeconfigFor, podEnvFor, tokenOf, apiServer, etcd, etcdUrl },
    async renewToken(user) {
      tokenOf(user);
      tokens.set(user, newToken());
      await writeTokens();
      await apiServer.restart();
      await untilReady(url, tokenOf(ADMIN));
      return tokenOf(user);
    },
    [Symbol.asyncDispose]: () => owned.disposeAsync(),
  };
}

const newToken = (): string => randomBytes(24).toString('hex');

interface Login {
  readonly url: string;
  readonly authority: string;
  readonly user: string;
  readonly token: string;
}

const kubeconfigOf = ({ url, authority, user, token }: Login) => ({
  apiVersion: 'v1',
  kind: 'Config',
  clusters: [
    {
      name: 'test',
      cluster: { server: url, 'certificate-authority-data': Buffer.from(authority).toString('base64') },
    },
  ],
  users: [{ name: user, user: { token } }],
  contexts: [{ name: 'test', context: { cluster: 'test', user } }],
  'current-context': 'test',
});

const READY_MS = 30_000;

/** Asked by kubectl, which knows certificates and proxies better than we would. */
async function untilReady(url: string, token: string): Promise<void> {
  const giveUpAt = performance.now() + READY_MS;
  for (;;) {
    const { code, stderr } = await run(
      ['--server', url, '--token', token, '--insecure-skip-tls-verify', 'get', '--raw', '/readyz'],
      '',
    );
    if (code === 0) return;
    if (performance.now() > giveUpAt) throw new Error(`the API server is not ready: ${stderr}`);
  }
}

/** What kubectl printed, and how it ended. */
export interface Printed {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** Runs kubectl as the owner of a kubeconfig. `input` goes to its standard input, for `-f -`. */
export function kubectl(kubeconfig: string, args: readonly string[], input: string = ''): Promise<Printed> {
  return run(['--kubeconfig', kubeconfig, ...args], input);
}

/** As `kubectl`, and throws unless it ended well. Answers what it printed. */
export async function kubectlOk(
  kubeconfig: string,
  args: readonly string[],
  input: string = '',
): Promise<string> {
  const { code, stdout, stderr } = await kubectl(kubeconfig, args, input);
  if (code !== 0) throw new Error(`kubectl ${args.join(' ')} ended with ${code}: ${stderr}`);
  return stdout;
}

const KUBECTL_MS = 60_000;

function run(args: readonly string[], input: string): Promise<Printed> {
  const { promise, resolve } = Promise.withResolvers<Printed>();
  // without the configuration and the cache of the tests' user
  const env = { PATH: process.env.PATH, HOME: tmpdir(), KUBECONFIG: '' };
  const child = execFile(
    requireFile('kubectl'),
    args,
    { env, timeout: KUBECTL_MS, maxBuffer: 64 * 1024 * 1024 },
    (error, stdout, stderr) => {
      const code = error === null ? 0 : typeof error.code === 'number' ? error.code : -1;
      resolve({ code, stdout, stderr });
    },
  );
  child.stdin?.on('error', () => {}); // it may end without reading
  child.stdin?.end(input);
  return promise;
}
