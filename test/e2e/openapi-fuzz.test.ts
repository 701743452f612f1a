// Checks the description of the API: schemathesis makes valid and invalid requests from
// `/openapi.json`, and checks each response against it. `SCHEMATHESIS_SEED=7 vitest run
// test/e2e/openapi-fuzz.test.ts` makes other requests.

import { execFile } from 'node:child_process';
import { mkdtempDisposable, readFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { expect, test } from 'vitest';
import { accessLimits } from '../../services/core/limits/access.ts';
import { describeWith } from '../support/describe-with.ts';
import { requireFile } from '../support/need.ts';
import { startSink } from '../support/smtp-sink.ts';
import { startEmbedded } from '../support/start-embedded.ts';
import { RestClient } from './rest-client.ts';

const SEED = process.env.SCHEMATHESIS_SEED ?? '20261130';
const CASES_MIN = 2_000;
/** It takes about half a minute on two idle cores. */
const RUN_MS = 170_000;
const OUTPUT_BYTES_MAX = 64 * 1024 * 1024;

/** What is read of the report; `accepted` counts answers of 2xx, by operation and phase. */
interface Report {
  readonly complete: boolean;
  readonly test_cases: {
    readonly generated: number;
    readonly unique_failures: number;
    readonly errored: number;
  };
  readonly operations: { readonly tested: number };
  readonly valid_rates: Readonly<Record<string, Readonly<Record<string, { readonly accepted: number }>>>>;
}

describeWith(['schemathesis'], 'the description of the API', () => {
  test(
    `is true, as far as schemathesis finds out with the seed ${SEED}`,
    async () => {
      // messages that wait for their next attempt can be cancelled
      await using sink = await startSink({
        keep: 'digest',
        rules: [{ at: 'rcpt', every: 2, reply: '451 4.7.1 Come back later' }],
      });
      await using packetboat = await startEmbedded({
        relay: `smtp://127.0.0.1:${sink.port}`,
        env: { PACKETBOAT_BOOTSTRAP_REQUESTS_PER_MINUTE: String(accessLimits.requestsPerMinuteMax) },
      });
      const root = new RestClient(packetboat.url, packetboat.key);
      const made = await root.post('/v1/keys', {
        name: 'fuzz',
        requests_per_minute: accessLimits.requestsPerMinuteMax,
      });
      const { secret, key } = made.body as {
        readonly secret: string;
        readonly key: { readonly key_id: string };
      };

      await using folder = await mkdtempDisposable(join(tmpdir(), 'packetboat-schemathesis-'));
      const path = join(folder.path, 'report.json');
      const args = [
        '--config-file',
        join(import.meta.dirname, 'openapi-fuzz.toml'),
        'run',
        `${packetboat.url}/openapi.json`,
      ];
      const more = [
        '--checks',
        'all',
        '--seed',
        SEED,
        '--no-color',
        '--report',
        'json',
        '--report-json-path',
        path,
      ];
      const { stdout } = await promisify(execFile)(requireFile('schemathesis'), [...args, ...more], {
        cwd: folder.path,
        env: {
          ...process.env,
          ...{ PACKETBOAT_KEY: secret, PACKETBOAT_KEY_ID: key.key_id },
          ...{
            PYTHONPATH: import.meta.dirname,
            PYTHONDONTWRITEBYTECODE: '1',
            SCHEMATHESIS_HOOKS: 'openapi-fuzz-hooks',
          },
        },
        timeout: RUN_MS,
        maxBuffer: OUTPUT_BYTES_MAX,
      }).catch((error: { readonly stdout: string; readonly stderr: string }) => ({
        stdout: `${error.stdout}\n${error.stderr}`,
      }));

      const report = JSON.parse(await readFile(path, 'utf8').catch(() => 'null')) as Report | null;
      const {
        generated,
        unique_failures: failures,
        errored,
      } = report?.test_cases ?? { generated: 0, unique_failures: -1, errored: -1 };
      process.stdout.write(`schemathesis: seed ${SEED}, ${generated} cases, ${failures} failures\n`);
      expect({ complete: report?.complete, failures, errored }, stdout).toEqual({
        complete: true,
        failures: 0,
        errored: 0,
      });
      expect(generated).toBeGreaterThanOrEqual(CASES_MIN);
      // an API that refuses everything would pass, and so would one whose key was revoked on the
      // way
      expect(neverAccepted(report)).toEqual([]);
      expect((await new RestClient(packetboat.url, secret).get('/v1/keys')).status).toBe(200);
    },
    RUN_MS + 10_000,
  );
});

const neverAccepted = (report: Report | null): string[] =>
  Object.entries(report?.valid_rates ?? {}).flatMap(([operation, phases]) =>
    Object.values(phases).some(({ accepted }) => accepted > 0) ? [] : [operation],
  );
