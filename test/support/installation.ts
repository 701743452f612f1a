// A whole Packetboat as a test sees it: the same for one process and for a cluster of them.

import { randomBytes } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { type RunningProgram, startProgram } from './process.ts';

export type Role = 'dev' | 'gateway' | 'ingest' | 'dispatcher' | 'sweeper' | 'operator';

/** One process of it. */
export interface PacketboatProgram extends RunningProgram {
  readonly role: Role;
  /** Where it serves /metrics, /healthz and /readyz. */
  readonly operationsUrl: string;
}

/** Disposing ends every process and removes what it left on shared servers. */
export interface Installation extends AsyncDisposable {
  /** REST at the first gateway. */
  readonly url: string;
  /** REST at each gateway. */
  readonly urls: readonly string[];
  /** gRPC at the first ingest, as host:port. */
  readonly grpcAddress: string;
  /** Live, all scopes, tenant `default`. */
  readonly key: string;
  readonly programs: readonly PacketboatProgram[];
  /** The environment of its programs, for one more program or a command of the installation. */
  readonly env: Readonly<Record<string, string | undefined>>;
}

export interface InstallationOptions {
  /** Where all mail goes: `smtp://127.0.0.1:2525`. */
  readonly relay?: string;
  /** On top of what is set here, for every process. */
  readonly env?: Readonly<Record<string, string>>;
  /** The example catalog by default. */
  readonly catalogDir?: string;
}

export const exampleCatalogDir = fileURLToPath(new URL('../../examples/catalog', import.meta.url));

/** The `packetboat` command. */
export const command = fileURLToPath(new URL('../../cli/packetboat.ts', import.meta.url));

export const newKey = (): string => `sk_live_${randomBytes(24).toString('hex')}`;

const READY_MS = 20_000;

/**
 * Resolves once the program itself says that it is ready. Its environment has none of the
 * developer's own settings.
 */
export async function startRole(
  role: Role,
  env: Readonly<Record<string, string | undefined>>,
  operationsPort: number,
): Promise<PacketboatProgram> {
  const own = Object.keys(process.env).filter(
    (name) => name.startsWith('PACKETBOAT_') || /^(MONGODB|NATS|REDIS)_URL$|^KUBECONFIG$/.test(name),
  );
  const program = await startProgram({
    name: role,
    command: process.execPath,
    args: () => [command, role],
    env: {
      ...Object.fromEntries(own.map((name) => [name, undefined])),
      ...env,
      PACKETBOAT_METRICS_ADDR: `127.0.0.1:${operationsPort}`,
    },
    ready: role === 'dev' ? /Ctrl-C to stop/ : /"msg":"started"/,
  });
  const operationsUrl = `http://127.0.0.1:${operationsPort}`;
  try {
    await untilReady(role, operationsUrl);
  } catch (error) {
    await program[Symbol.asyncDispose]();
    throw error;
  }
  // the program's own properties are read when they are asked for
  return Object.defineProperties(program, {
    role: { value: role },
    operationsUrl: { value: operationsUrl },
  }) as PacketboatProgram;
}

async function untilReady(role: Role, operationsUrl: string): Promise<void> {
  const giveUpAt = performance.now() + READY_MS;
  for (;;) {
    const answer = await fetch(`${operationsUrl}/readyz`);
    const said = await answer.text();
    if (answer.ok) return;
    if (performance.now() > giveUpAt) throw new Error(`${role} is not ready after ${READY_MS} ms: ${said}`);
    await sleep(20);
  }
}
