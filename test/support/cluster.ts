// `make cluster`: two of each program over local backends, for people who develop on it. The first
// gateway listens where PACKETBOAT_HTTP_ADDR says, the other on the port after it; all mail goes to
// an inbox, unless PACKETBOAT_RELAY names another place.

import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fastify } from 'fastify';
import { pino } from 'pino';
import { requestToPaste } from '../../cli/announce.ts';
import { startInbox } from '../../services/inbox/inbox.ts';
import { inboxPages } from '../../services/inbox/pages.ts';
import { readConfig } from '../../services/runtime/read-config.ts';
import { runUntilSignal } from '../../services/runtime/shutdown.ts';
import { openBackend } from './backend.ts';
import { startCluster } from './start-cluster.ts';

const config = readConfig('dev', process.env);

async function start(): Promise<AsyncDisposable> {
  await using open = new AsyncDisposableStack();
  const mongo = open.use(await openBackend('mongo'));
  const nats = open.use(await openBackend('nats'));
  const redis = open.use(await openBackend('redis'));
  for (const { description } of [mongo, nats, redis]) console.log(description);

  const relay = process.env.PACKETBOAT_RELAY;
  const inbox = relay === undefined ? await serveInbox(open) : null;
  const cluster = open.use(
    await startCluster({
      backends: { mongo: mongo.url, nats: nats.url, redis: redis.url },
      relay: relay ?? inbox?.relay ?? '',
      httpHost: config.httpAddr.host,
      httpPort: config.httpAddr.port,
      ...(config.bootstrapKey === undefined ? {} : { key: config.bootstrapKey }),
      ...(config.catalogDir === undefined ? {} : { catalogDir: config.catalogDir }),
    }),
  );
  // in order, as a person would stop them; what is still there after that is killed
  open.defer(async () => void (await Promise.allSettled(cluster.programs.map((program) => program.stop()))));
  console.log(
    [
      '',
      ...cluster.urls.map((url) => `Gateway      ${url}`),
      `gRPC         ${cluster.grpcAddress}`,
      ...cluster.programs.map(
        ({ role, pid, operationsUrl }) => `${role.padEnd(12)} ${operationsUrl}/metrics   (pid ${pid})`,
      ),
      `Mail goes to ${inbox?.url ?? relay}`,
      `API key      ${cluster.key}`,
      '',
      'Send a message:',
      '',
      ...requestToPaste(cluster.url, cluster.key),
      '',
      'Press Ctrl-C to stop.',
      '',
    ].join('\n'),
  );
  return open.move();
}

async function serveInbox(
  open: AsyncDisposableStack,
): Promise<{ readonly relay: string; readonly url: string }> {
  const folder = await mkdtemp(join(tmpdir(), 'packetboat-inbox-'));
  open.defer(() => rm(folder, { recursive: true, force: true }));
  const inbox = open.use(await startInbox({ smtp: { host: '127.0.0.1', port: 0 }, folder }));
  const app = fastify();
  open.defer(() => app.close());
  await app.register(inboxPages(inbox, { hosts: [] }));
  return {
    relay: `smtp://127.0.0.1:${inbox.smtpPort}`,
    url: `${await app.listen({ host: '127.0.0.1', port: 0 })}/inbox`,
  };
}

await runUntilSignal(start, { log: pino({ level: 'error' }) });
