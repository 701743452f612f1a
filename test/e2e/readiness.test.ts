// A program that has not reached its dependencies is not ready from its start, and names the
// missing dependencies (P20).

import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pino } from 'pino';
import { describe, expect, it, vi } from 'vitest';
import { start as startGateway } from '../../gateway/main.ts';
import { start as startOperator } from '../../operator/main.ts';
import { SystemRandom } from '../../services/adapters/system/random.ts';
import { start as startDispatcher } from '../../services/dispatcher/main.ts';
import { start as startIngest } from '../../services/ingest/main.ts';
import { readOrMakeKeyring } from '../../services/runtime/keyring.ts';
import { createMetrics } from '../../services/runtime/metrics.ts';
import { type About, dependenciesOf, type Program } from '../../services/runtime/program.ts';
import { readConfig } from '../../services/runtime/read-config.ts';
import { start as startSweeper } from '../../services/sweeper/main.ts';
import { makeAuthority } from '../support/certificates.ts';
import { freePort } from '../support/free-port.ts';

type Environment = Readonly<Record<string, string>>;

const starts: Readonly<
  Record<Exclude<keyof typeof dependenciesOf, 'dev'>, (env: Environment, about: About) => Promise<Program>>
> = {
  gateway: (env, about) => startGateway(readConfig('gateway', env), about),
  ingest: (env, about) => startIngest(readConfig('ingest', env), about),
  dispatcher: (env, about) => startDispatcher(readConfig('dispatcher', env), about),
  sweeper: (env, about) => startSweeper(readConfig('sweeper', env), about),
  operator: (env, about) => startOperator(readConfig('operator', env), about),
};

describe('a program whose dependencies do not reply', () => {
  it.concurrent.for(Object.entries(starts))(
    '%s names each of its dependencies as not reached',
    async ([program, start], { onTestFinished }) => {
      const folder = await mkdtemp(join(tmpdir(), 'packetboat-readiness-'));
      onTestFinished(() => rm(folder, { recursive: true }));
      const keyringFile = join(folder, 'keyring.json');
      await readOrMakeKeyring(keyringFile, new SystemRandom());
      const operations = `127.0.0.1:${await freePort()}`;
      const nowhere = async (): Promise<string> => `127.0.0.1:${await freePort()}`;
      const env = {
        PACKETBOAT_METRICS_ADDR: operations,
        PACKETBOAT_HTTP_ADDR: await nowhere(),
        PACKETBOAT_GRPC_ADDR: await nowhere(),
        PACKETBOAT_INGEST_ADDR: await nowhere(),
        PACKETBOAT_DATA_DIR: folder,
        PACKETBOAT_KEYRING_FILE: keyringFile,
        MONGODB_URL: `mongodb://${await nowhere()}/`,
        NATS_URL: `nats://${await nowhere()}`,
        REDIS_URL: `redis://${await nowhere()}`,
        KUBERNETES_SERVICE_HOST: '127.0.0.1',
        KUBERNETES_SERVICE_PORT: String(await freePort()),
        PACKETBOAT_SERVICE_ACCOUNT_DIR: folder,
      };
      if (program === 'operator') await writeServiceAccount(folder);
      const names = dependenciesOf[program as keyof typeof dependenciesOf];
      const starting = start(env, {
        log: pino({ level: 'silent' }),
        metrics: createMetrics({ program, version: '0' }),
      });
      // without a store a start fails after a time; the gateway starts without ingest
      const asked = Promise.withResolvers<void>();
      const ended = starting.then(
        async (started) => {
          await asked.promise;
          await started[Symbol.asyncDispose]();
        },
        (error) => error,
      );
      onTestFinished(() => {
        asked.resolve();
        return ended;
      });

      const answer = await vi.waitFor(() => fetch(`http://${operations}/readyz`), { timeout: 5_000 });
      expect(answer.status).toBe(503);
      expect(await answer.json()).toEqual({ status: 'not_ready', lost: [], not_reached: names });
      const metrics = await (await fetch(`http://${operations}/metrics`)).text();
      for (const name of names)
        expect(metrics).toContain(`packetboat_dependency_up{dependency="${name}"} 0\n`);
    },
  );
});

async function writeServiceAccount(folder: string): Promise<void> {
  await writeFile(join(folder, 'token'), 'none');
  await writeFile(join(folder, 'ca.crt'), makeAuthority().cert);
}
