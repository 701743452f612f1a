// Any number of each program, each a process of its own, over MongoDB, NATS and Redis. Names on
// those servers are the cluster's own, so that several share them.

import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { MongoClient } from 'mongodb';
import { connect } from 'nats';
import { applyCatalog } from '../../cli/catalog-apply.ts';
import { SystemRandom } from '../../services/adapters/system/random.ts';
import { readOrMakeKeyring } from '../../services/runtime/keyring.ts';
import { queueNames } from '../../services/runtime/program.ts';
import { readConfig } from '../../services/runtime/read-config.ts';
import { uniqueName } from './backend.ts';
import { freePort } from './free-port.ts';
import {
  exampleCatalogDir,
  type Installation,
  type InstallationOptions,
  newKey,
  type PacketboatProgram,
  type Role,
  startRole,
} from './installation.ts';

/** Addresses of servers that answer. */
export interface BackendUrls {
  readonly mongo: string;
  readonly nats: string;
  readonly redis: string;
}

export interface ClusterOptions extends InstallationOptions {
  readonly backends: BackendUrls;
  /** Two of each by default. */
  readonly gateways?: number;
  readonly ingests?: number;
  readonly dispatchers?: number;
  readonly sweepers?: number;
  /** Port of the first gateway; the others listen on the ports after it. Free ports by default. */
  readonly httpPort?: number;
  /** Where the gateways listen: 127.0.0.1 by default. */
  readonly httpHost?: string;
  readonly key?: string;
}

export async function startCluster(options: ClusterOptions): Promise<Installation> {
  const { backends, gateways = 2, ingests = 2, dispatchers = 2, sweepers = 2, key = newKey() } = options;
  await using open = new AsyncDisposableStack();
  const installation = uniqueName('cluster');
  const mongodbUrl = inDatabase(backends.mongo, installation);
  open.defer(() => forget(mongodbUrl, backends.nats, installation));

  const folder = await mkdtemp(join(tmpdir(), 'packetboat-cluster-'));
  open.defer(() => rm(folder, { recursive: true, force: true }));
  const keyringFile = join(folder, 'keyring.json');
  await readOrMakeKeyring(keyringFile, new SystemRandom());

  const env = {
    MONGODB_URL: mongodbUrl,
    NATS_URL: backends.nats,
    REDIS_URL: backends.redis,
    PACKETBOAT_INSTALLATION: installation,
    PACKETBOAT_KEYRING_FILE: keyringFile,
    PACKETBOAT_BOOTSTRAP_KEY: key,
    PACKETBOAT_RELAY: options.relay,
    PACKETBOAT_ALLOW_CIDRS: '127.0.0.0/8',
    ...options.env,
  };
  const complaints: string[] = [];
  const printer = { say: () => {}, complain: (line: string) => void complaints.push(line) };
  if (
    (await applyCatalog(options.catalogDir ?? exampleCatalogDir, readConfig('catalog', env), printer)) !== 0
  )
    throw new Error(`the catalog could not be applied:\n${complaints.join('\n')}`);

  const programs: PacketboatProgram[] = [];
  const startAll = async (
    role: Role,
    environments: readonly Readonly<Record<string, string>>[],
  ): Promise<void> => {
    const started = environments.map(async (own) => {
      const program = open.use(await startRole(role, { ...env, ...own }, await freePort()));
      programs.push(program);
    });
    // each that came up is owned by `open`, also when another did not
    const failed = (await Promise.allSettled(started)).find((result) => result.status === 'rejected');
    if (failed !== undefined) throw failed.reason;
  };
  const grpcAddresses = await times(ingests, async () => `127.0.0.1:${await freePort()}`);
  const httpAddresses = await times(
    gateways,
    async (i) =>
      `${options.httpHost ?? '127.0.0.1'}:${options.httpPort === undefined ? await freePort() : options.httpPort + i}`,
  );
  await startAll(
    'ingest',
    grpcAddresses.map((address) => ({ PACKETBOAT_GRPC_ADDR: address })),
  );
  await Promise.all([
    startAll('dispatcher', await times(dispatchers, async () => ({}))),
    startAll('sweeper', await times(sweepers, async () => ({}))),
    startAll(
      'gateway',
      httpAddresses.map((address) => ({
        PACKETBOAT_HTTP_ADDR: address,
        PACKETBOAT_INGEST_ADDR: `ipv4:${grpcAddresses.join(',')}`,
      })),
    ),
  ]);

  const owned = open.move();
  const urls = httpAddresses.map((address) => `http://${address.replace(/^0\.0\.0\.0:/, '127.0.0.1:')}`);
  const [url = ''] = urls;
  const [grpcAddress = ''] = grpcAddresses;
  return { url, urls, grpcAddress, key, programs, env, [Symbol.asyncDispose]: () => owned.disposeAsync() };
}

const times = <T>(count: number, make: (i: number) => Promise<T>): Promise<T[]> =>
  Promise.all(Array.from({ length: count }, (_, i) => make(i)));

/** The same server, another database. */
export const inDatabase = (url: string, database: string): string =>
  url.replace(/^(mongodb(?:\+srv)?:\/\/[^/?]+)(?:\/[^?]*)?/, `$1/${database}`);

/** The servers may be anybody's: nothing is left on them. Redis forgets budgets by itself. */
export async function forget(mongodbUrl: string, natsUrl: string, installation: string): Promise<void> {
  await using client = new MongoClient(mongodbUrl, { serverSelectionTimeoutMS: 2_000 });
  await client
    .db()
    .dropDatabase()
    .catch(() => {}); // a test may have killed it
  try {
    const nats = await connect({
      servers: natsUrl.replace(/^nats:\/\//, ''),
      timeout: 2_000,
      reconnect: false,
    });
    const manager = await nats.jetstreamManager({ timeout: 2_000 });
    await manager.streams.delete(queueNames({ installation }).stream).catch(() => {});
    await nats.close();
  } catch {
    // a test may have killed this one too
  }
}
