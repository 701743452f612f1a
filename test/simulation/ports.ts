// The ports of one simulated process: the memory adapters, with faults before and after each call.

import type { MemoryBudgets } from '../../services/adapters/memory/budgets.ts';
import type { MemoryMessageStore } from '../../services/adapters/memory/message-store.ts';
import type { MemorySuppressionStore } from '../../services/adapters/memory/suppression-store.ts';
import type { Budgets } from '../../services/ports/budgets.ts';
import type { DueDeliveries } from '../../services/ports/due-deliveries.ts';
import type { MessageList } from '../../services/ports/message-list.ts';
import type { MessageStore } from '../../services/ports/message-store.ts';
import type { SuppressionStore } from '../../services/ports/suppression-store.ts';
import type { Chance } from './chance.ts';
import type { Process } from './process.ts';
import type { StoreRecord } from './record.ts';

const close = async (): Promise<void> => {};

export function messagesOf(
  process: Process,
  store: MemoryMessageStore,
  record: StoreRecord,
): MessageStore & DueDeliveries & MessageList {
  const ask = <T>(work: () => Promise<T>): Promise<T> => process.ask(work, true);
  return {
    now: () => process.storeClock.now(),
    insert: (messages) =>
      ask(async () => {
        const inserted = await store.insert(messages);
        for (const [i, message] of messages.entries())
          if (inserted[i]?.kind === 'inserted') record.inserted(message);
        return inserted;
      }),
    find: (ids) => ask(() => store.find(ids)),
    findByIdempotencyKey: (tenant, key) => ask(() => store.findByIdempotencyKey(tenant, key)),
    dropIdempotencyKey: (id, key) => ask(() => store.dropIdempotencyKey(id, key)),
    apply: (changes) =>
      ask(async () => {
        const versions = await store.apply(changes);
        for (const [i, change] of changes.entries()) if (versions[i] != null) record.changed(change, process);
        return versions;
      }),
    measureClock: () => ask(async () => process.storeClock.measure()),
    woken: (states, before, limit) => ask(() => store.woken(states, before, limit)),
    backlogs: (before) => ask(() => store.backlogs(before)),
    countQueued: (limit) => ask(() => store.countQueued(limit)),
    oldestDue: (before) => ask(() => store.oldestDue(before)),
    unpublished: (backlog, before, limit) => ask(() => store.unpublished(backlog, before, limit)),
    list: (query) => ask(() => store.list(query)),
    blobsInUse: (ids) => ask(() => store.blobsInUse(ids)),
    check: () => ask(() => store.check()),
    [Symbol.asyncDispose]: close,
  };
}

export function suppressionsOf(process: Process, store: MemorySuppressionStore): SuppressionStore {
  const ask = <T>(work: () => Promise<T>): Promise<T> => process.ask(work, true);
  return {
    add: (suppression) => ask(() => store.add(suppression)),
    find: (tenant, scope, hashes) => ask(() => store.find(tenant, scope, hashes)),
    matches: (tenant, scope, hashes) => ask(() => store.matches(tenant, scope, hashes)),
    remove: (tenant, scope, hash) => ask(() => store.remove(tenant, scope, hash)),
    [Symbol.asyncDispose]: close,
  };
}

/** Budgets never reject; while faults happen they grant less than there is. */
export function budgetsOf(
  process: Process,
  budgets: MemoryBudgets,
  chance: Chance,
  refusal: () => number,
): Budgets {
  return {
    reserve: (asks) =>
      process.ask(async () => {
        const reservations = await budgets.reserve(asks);
        return reservations.map((r) =>
          chance.happens(refusal()) ? { ...r, granted: 0, waitMs: chance.between(1, 20_000) } : r,
        );
      }, false),
    putBack: (budget, tokens) => budgets.putBack(budget, tokens),
    check: () => budgets.check(),
    [Symbol.asyncDispose]: close,
  };
}
