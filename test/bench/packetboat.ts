// Packetboat's two ways of running, as its users start them: all in one process, and one of each
// program over servers of its own.

import { join } from 'node:path';
import { accessLimits } from '../../services/core/limits/access.ts';
import { startMongo, startNats, startRedis } from '../support/backend.ts';
import type { Installation } from '../support/installation.ts';
import { findFile } from '../support/need.ts';
import { type BackendUrls, startCluster } from '../support/start-cluster.ts';
import { startEmbedded as startInstallation } from '../support/start-embedded.ts';
import type { Contender, ContenderDoor, System } from './contender.ts';
import type { Part } from './usage.ts';

const CATALOG = join(import.meta.dirname, 'catalog');
/**
 * The first key usually allows as many requests a minute as a key does that nobody has thought
 * about.
 */
const ENV = { PACKETBOAT_BOOTSTRAP_REQUESTS_PER_MINUTE: String(accessLimits.requestsPerMinuteMax) };

export const embedded: Contender = {
  name: 'Packetboat embedded',
  durability: 'power loss: SQLite synchronous=FULL, one sync for concurrent messages',
  needs: [],
  start: (sinkPort) => startEmbedded({ sinkPort }),
};

export const cluster: Contender = {
  name: 'Packetboat cluster',
  get durability() {
    const isStandIn = findFile('mongo-server')?.endsWith('.jar') === true;
    return isStandIn
      ? 'nothing here: the stand-in for MongoDB is in memory and without indexes'
      : 'power loss: MongoDB w:majority, j:true';
  },
  needs: ['mongo-server', 'nats-server', 'redis-server'],
  start: (sinkPort) => startOwnCluster({ sinkPort }),
};

/** For the environment of each program, besides what the benchmark sets. */
export interface ProgramOptions {
  readonly sinkPort: number;
  readonly env?: Readonly<Record<string, string>>;
}

/** Over servers of its own, which are parts of the system. */
export async function startOwnCluster(options: ProgramOptions): Promise<System> {
  await using started = new AsyncDisposableStack();
  const [mongo, nats, redis] = [
    started.use(await startMongo()),
    started.use(await startNats()),
    started.use(await startRedis()),
  ];
  const backends = { mongo: mongo.url, nats: nats.url, redis: redis.url };
  const cluster = started.use(await startClusterOver(backends, options));
  const all = started.move();
  const servers = Object.entries({ mongo, nats, redis }).map(([name, { pid = 0 }]) => ({ name, pid }));
  return {
    parts: [...cluster.parts, ...servers],
    door: cluster.door,
    [Symbol.asyncDispose]: () => all.disposeAsync(),
  };
}

/** One of each program. */
export async function startClusterOver(
  backends: BackendUrls,
  { sinkPort, env }: ProgramOptions,
): Promise<RunningPrograms> {
  const installation = await startCluster({
    backends,
    relay: relayTo(sinkPort),
    catalogDir: CATALOG,
    env: { ...ENV, ...env },
    ...{ gateways: 1, ingests: 1, dispatchers: 1, sweepers: 1 },
  });
  return {
    installation,
    parts: partsOf(installation),
    door: doorOf(installation),
    [Symbol.asyncDispose]: () => installation[Symbol.asyncDispose](),
  };
}

/** A system whose parts are Packetboat's programs only. */
export interface RunningPrograms extends System {
  readonly installation: Installation;
}

export interface EmbeddedOptions extends ProgramOptions {
  /** With what an earlier run left there; a folder of its own when absent. */
  readonly dataDir?: string;
}

export interface RunningEmbedded extends RunningPrograms {
  /** From the start of the process until it takes messages. */
  readonly startMs: number;
}

export async function startEmbedded({ sinkPort, env, dataDir }: EmbeddedOptions): Promise<RunningEmbedded> {
  const start = performance.now();
  const installation = await startInstallation({
    relay: relayTo(sinkPort),
    catalogDir: CATALOG,
    env: { ...ENV, ...env, ...(dataDir === undefined ? {} : { PACKETBOAT_DATA_DIR: dataDir }) },
  });
  const startMs = performance.now() - start;
  return {
    installation,
    parts: partsOf(installation),
    door: doorOf(installation),
    startMs,
    async [Symbol.asyncDispose]() {
      // killed in the middle of a delivery it would have to send it again, and an account of copies
      // would not add up
      for (const program of installation.programs) await program.stop();
      await installation[Symbol.asyncDispose]();
    },
  };
}

const relayTo = (port: number): string => `smtp://127.0.0.1:${port}`;

const partsOf = ({ programs }: Installation): Part[] =>
  programs.map(({ role, pid = 0 }) => ({ name: role, pid }));

const doorOf = ({ url, key }: Installation): ContenderDoor => ({
  kind: 'http',
  url: `${url}/v1/messages`,
  headers: { authorization: `Bearer ${key}` },
});
