// Ingest over memory adapters and the example catalog, for tests that want its answers and no
// servers.

import { documentsOf, stampsOf } from '../../services/adapters/file/folder.ts';
import { MemoryBlobStore } from '../../services/adapters/memory/blob-store.ts';
import { MemoryBudgets } from '../../services/adapters/memory/budgets.ts';
import { MemoryFailureCounts } from '../../services/adapters/memory/failure-counts.ts';
import { MemoryKeyStore } from '../../services/adapters/memory/key-store.ts';
import { MemoryMessageStore } from '../../services/adapters/memory/message-store.ts';
import { MemorySuppressionStore } from '../../services/adapters/memory/suppression-store.ts';
import { MemoryWorkQueue } from '../../services/adapters/memory/work-queue.ts';
import { systemClock } from '../../services/adapters/system/clock.ts';
import { SystemRandom } from '../../services/adapters/system/random.ts';
import { snapshotOf } from '../../services/core/catalog/snapshot.ts';
import { accessLimits } from '../../services/core/limits/access.ts';
import { compileFolder } from '../../services/core/objects/compile-folder.ts';
import { CompiledTemplates } from '../../services/core/template/compiled-templates.ts';
import { Backlogs } from '../../services/ingest/backlogs.ts';
import { ensureFirstKey } from '../../services/ingest/ensure-first-key.ts';
import { FailedAuthentications } from '../../services/ingest/failed-authentications.ts';
import type { Ingest } from '../../services/ingest/ingest-parts.ts';
import { KeyCache } from '../../services/ingest/key-cache.ts';
import type { RpcContext } from '../../services/ingest/receive-calls.ts';
import { loadContract } from '../../services/runtime/contract.ts';
import { judgedFieldsOf } from '../../services/runtime/judged-fields.ts';
import { lostNamesJudge } from '../../services/runtime/lost-names.ts';
import { exampleCatalogDir, newKey } from './installation.ts';

export interface MemoryIngest {
  readonly ingest: Ingest;
  readonly calls: RpcContext;
  /** All scopes, live. */
  readonly key: string;
  /** What became of each request to send. */
  readonly results: readonly string[];
  /** Each failed authentication. */
  readonly failures: readonly { readonly reason: string; readonly isLimited: boolean }[];
  /** What was reported as a failure of ours. */
  readonly reported: readonly unknown[];
}

/** `requestsPerMinute`: limit of the key, and so of all keys that it makes. */
export async function memoryIngest({
  requestsPerMinute = accessLimits.requestsPerMinuteDefault,
}: {
  readonly requestsPerMinute?: number;
} = {}): Promise<MemoryIngest> {
  const clock = systemClock;
  const hashKey = { id: 'k1', secret: Buffer.alloc(32, 7) };
  const hashKeys = [hashKey];
  const { documents } = await documentsOf(exampleCatalogDir, (await stampsOf(exampleCatalogDir)).keys());
  const { senders, templates } = compileFolder(documents);
  const snapshot = snapshotOf(1, senders, templates);
  const keys = new MemoryKeyStore();
  const messages = new MemoryMessageStore(clock);
  const key = newKey();
  await ensureFirstKey(keys, { text: key, tenant: 'default', requestsPerMinute }, clock.now());
  const reported: unknown[] = [];
  const results: string[] = [];
  const failures: { reason: string; isLimited: boolean }[] = [];
  const ingest: Ingest = {
    messages,
    blobs: new MemoryBlobStore(clock),
    suppressions: new MemorySuppressionStore(),
    keys,
    queue: new MemoryWorkQueue(clock),
    budgets: new MemoryBudgets(clock),
    catalog: {
      current: () => snapshot,
      revision: async (tenant, identifier, revision) => {
        const live = snapshot.template(tenant, identifier);
        return live?.revision === revision ? live : null;
      },
      onChange: () => ({ [Symbol.dispose]: () => {} }),
      [Symbol.asyncDispose]: async () => {},
    },
    clock,
    random: new SystemRandom(),
    hashKeys: { suppression: hashKeys, cursor: hashKeys },
    keyCache: new KeyCache(keys, clock),
    failedAuthentications: new FailedAuthentications({
      counts: new MemoryFailureCounts(clock),
      clock,
      hashKey,
      metrics: { failedAuthentication: (reason, isLimited) => void failures.push({ reason, isLimited }) },
    }),
    backlogs: new Backlogs(messages, clock),
    templates: new CompiledTemplates(),
    report: (_, error) => void reported.push(error),
  };
  const metrics = { message: (result: string) => void results.push(result), rpc: () => {} };
  const contract = loadContract();
  const judgedFields = judgedFieldsOf(contract);
  const judgeLostNames = lostNamesJudge(contract);
  return {
    ingest,
    calls: { ingest, judgedFields, judgeLostNames, metrics },
    key,
    results,
    failures,
    reported,
  };
}
