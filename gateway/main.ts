// Starts the gateway: serves REST, and calls ingest over gRPC.

import { mkdir } from 'node:fs/promises';
import type { Config } from '../services/runtime/config.ts';
import { reporter } from '../services/runtime/log.ts';
import {
  type About,
  dependenciesOf,
  openOperations,
  type Program,
  started,
} from '../services/runtime/program.ts';
import { openTlsIdentity } from '../services/runtime/tls.ts';
import { frontPage } from './docs/front-page.ts';
import { startGateway } from './gateway.ts';
import { connectIngest } from './ingest/grpc-ingest.ts';

export async function start(config: Config<'gateway'>, about: About): Promise<Program> {
  const { log, metrics } = about;
  await using open = new AsyncDisposableStack();
  const { health, port } = await openOperations(open, config.metricsAddr, dependenciesOf.gateway, about);
  await mkdir(config.dataDir, { recursive: true, mode: 0o700 });
  const tls = await openTlsIdentity(config, reporter(log));
  if (tls !== null) open.use(tls);
  const ingest = open.use(connectIngest(config.ingestAddr, { tls }));
  health.watch({ ingest });
  const gateway = open.use(
    await startGateway({
      ingest,
      http: config.httpAddr,
      publicUrl: config.publicUrl,
      health,
      log,
      metrics,
      folder: config.dataDir,
      connectionsPerAddressMax: config.connectionsPerAddress,
      trustedProxies: config.trustedProxies ?? [],
      corsOrigins: config.corsOrigins ?? [],
      plugins: [frontPage()],
    }),
  );
  open.defer(() => health.stopping());
  return started(open, { http: gateway.port, metrics: port });
}
