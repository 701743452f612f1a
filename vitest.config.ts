import { defineConfig, type TestProjectInlineConfiguration } from 'vitest/config';

// One run, several groups one after the other, so that whoever measures or kills does not share two
// cores with everybody else. `vitest run --project unit` runs one group, `vitest run PATH` one
// file. Processes, not threads: adapters open sockets and files.

/**
 * What needs no backends, but the disk, processes or a network that is slow: not for `make check`.
 */
const onThisMachine = [
  'services/adapters/{file,smtp,sqlite}/**/*.test.ts',
  'services/{dispatcher/dispatch,embedded/main,inbox/inbox}.test.ts',
  'gateway/{large-bodies,unread-bodies,early-answers,parser-faults,slow-clients}.test.ts',
  'gateway/ingest/{grpc-ingest,grpc-ingest-tls}.test.ts',
  'cli/packetboat.test.ts',
];
const onBackends = [
  'services/adapters/{mongo,nats,redis}/**/*.test.ts',
  'operator/*.test.ts',
  'operator/{api,kubernetes}/**/*.test.ts',
  'operator/reconcile/operator.test.ts',
  'test/support/**/*.test.ts',
];
const slow = ['simulation', 'e2e', 'chaos', 'bench', 'chart'].map((folder) => `test/${folder}/**/*.test.ts`);

function group(
  groupOrder: number,
  name: string,
  include: string[],
  more: TestProjectInlineConfiguration['test'] = {},
): TestProjectInlineConfiguration {
  return {
    test: {
      name,
      include,
      pool: 'forks',
      testTimeout: 30_000,
      hookTimeout: 60_000,
      sequence: { groupOrder },
      ...more,
    },
  };
}

export default defineConfig({
  test: {
    globalSetup: 'test/support/lender.ts',
    reporters: ['./test/support/totals.ts'],
    maxWorkers: 2,
    projects: [
      // one process for many files: what they import is read once
      group(1, 'unit', ['{services,gateway,operator,cli,test}/**/*.test.ts'], {
        exclude: ['**/node_modules/**', ...onThisMachine, ...onBackends, ...slow],
        isolate: false,
      }),
      group(2, 'machine', onThisMachine),
      group(3, 'contract', onBackends, { testTimeout: 60_000 }),
      group(4, 'simulation', ['test/simulation/**/*.test.ts'], { testTimeout: 120_000 }),
      group(5, 'e2e', ['test/{e2e,chart,bench}/**/*.test.ts'], { testTimeout: 60_000 }),
      group(6, 'chaos', ['test/chaos/**/*.test.ts'], { testTimeout: 180_000 }),
    ],
  },
});
