// The message store of tests and of the simulation, in maps. Deterministic: the time is that of the
// given clock, versions are numbered, and every call does its work before anything else runs.

import { reaches } from '../../core/access/caller.ts';
import { canonical } from '../../core/address.ts';
import { type Change, type DeliveryState, entryLost } from '../../core/delivery/delivery.ts';
import { blobsOf, type Message, type NewMessage, statusOf, viewOf } from '../../core/delivery/message.ts';
import { type Lane, laneKey, laneOf } from '../../core/delivery/pacing/lane.ts';
import type { BlobId, MessageId } from '../../core/ids.ts';
import type { DueDeliveries, DueDelivery } from '../../ports/due-deliveries.ts';
import type { LostEntries } from '../../ports/lost-entries.ts';
import type { ListQuery, MessageList } from '../../ports/message-list.ts';
import type { Inserted, MessageStore } from '../../ports/message-store.ts';
import type { StoreClock } from '../../ports/store-clock.ts';

/**
 * A stored message. A change replaces it whole, so a message that a caller has read never changes.
 */
interface Row {
  message: Message;
}

/** A delivery with a `wakeAt`: the sweeper's queries search among these. */
interface WakingDelivery {
  readonly row: Row;
  readonly index: number;
}

export class MemoryMessageStore implements MessageStore, DueDeliveries, MessageList, LostEntries {
  readonly #clock: StoreClock;
  readonly #rows = new Map<MessageId, Row>();
  readonly #ofTenant = new Map<string, Row[]>();
  readonly #holderOfKey = new Map<string, MessageId>();
  /** Without the deliveries that have ended, which are most of them in a long run. */
  readonly #waking = new Map<DeliveryState, Map<string, WakingDelivery>>();
  readonly #blobs = new Set<BlobId>();
  #versions = 0;

  constructor(clock: StoreClock) {
    this.#clock = clock;
  }

  now(): number {
    return this.#clock.now();
  }

  async insert(messages: readonly NewMessage[]): Promise<readonly Inserted[]> {
    return messages.map((message) => this.#insert(message));
  }

  async find(ids: readonly MessageId[]): Promise<readonly (Message | null)[]> {
    return ids.map((id) => this.#rows.get(id)?.message ?? null);
  }

  async findByIdempotencyKey(tenant: string, key: string): Promise<Message | null> {
    const id = this.#holderOfKey.get(keyOf(tenant, key));
    return id === undefined ? null : (this.#rows.get(id)?.message ?? null);
  }

  async dropIdempotencyKey(id: MessageId, key: string): Promise<boolean> {
    const row = this.#rows.get(id);
    if (row === undefined || row.message.idempotency?.key !== key) return false;
    this.#holderOfKey.delete(keyOf(row.message.tenant, key));
    row.message = { ...row.message, idempotency: null };
    return true;
  }

  async apply(changes: readonly Change[]): Promise<readonly (string | null)[]> {
    return changes.map((change) => this.#apply(change));
  }

  async measureClock(): Promise<void> {}

  async woken(
    states: readonly Exclude<DeliveryState, 'queued'>[],
    before: number,
    limit: number,
  ): Promise<readonly DueDelivery[]> {
    return states
      .flatMap((state) => this.#awake(state, before))
      .toSorted((a, b) => wakeAtOf(a) - wakeAtOf(b))
      .slice(0, limit)
      .map(found);
  }

  async backlogs(before: number): Promise<readonly Lane[]> {
    const lanes = new Map<string, Lane>();
    for (const { row } of this.#awake('queued', before)) lanes.set(laneKey(row.message), laneOf(row.message));
    return [...lanes.values()];
  }

  async countQueued(limit: number): Promise<number> {
    return Math.min(limit, this.#waking.get('queued')?.size ?? 0);
  }

  async oldestDue(before: number): Promise<number | null> {
    const places = (['queued', 'deferred', 'scheduled'] as const).flatMap((state) => [
      ...(this.#waking.get(state)?.values() ?? []),
    ]);
    const dues = places.flatMap(({ row, index }) => {
      const delivery = row.message.deliveries[index];
      return delivery === undefined || delivery.hold !== null || delivery.due > before ? [] : [delivery.due];
    });
    return dues.length === 0 ? null : dues.reduce((a, b) => Math.min(a, b));
  }

  async unpublished(lane: Lane, before: number, limit: number): Promise<readonly DueDelivery[]> {
    const key = laneKey(lane);
    return this.#awake('queued', before)
      .filter(({ row }) => laneKey(row.message) === key)
      .toSorted((a, b) => byAge(a.row.message, b.row.message) || a.index - b.index)
      .slice(0, limit)
      .map(found);
  }

  async forgetEntries(): Promise<number> {
    const now = this.now();
    const queued = [...(this.#waking.get('queued')?.values() ?? [])];
    const changes = queued.flatMap(({ row, index }) => entryLost(viewOf(row.message, index), now) ?? []);
    return (await this.apply(changes)).length;
  }

  async list(query: ListQuery): Promise<readonly Message[]> {
    const rows = this.#ofTenant.get(query.tenant) ?? [];
    return rows
      .map((row) => row.message)
      .filter((message) => isMeant(message, query))
      .toSorted((a, b) => byAge(b, a))
      .slice(0, query.limit);
  }

  async blobsInUse(ids: readonly BlobId[]): Promise<ReadonlySet<BlobId>> {
    return new Set(ids.filter((id) => this.#blobs.has(id)));
  }

  async check(): Promise<void> {}

  async [Symbol.asyncDispose](): Promise<void> {}

  #insert(message: NewMessage): Inserted {
    const known = this.#rows.get(message.id);
    if (known !== undefined) return { kind: 'known', message: known.message };
    if (message.idempotency !== null) {
      const key = keyOf(message.tenant, message.idempotency.key);
      if (this.#holderOfKey.has(key)) return { kind: 'key_taken' };
      this.#holderOfKey.set(key, message.id);
    }
    const at = this.now();
    const row: Row = {
      message: {
        ...message,
        deliveries: message.deliveries.map((delivery) => ({ ...delivery, version: this.#nextVersion() })),
        events: message.events.map((event) => ({ ...event, at })),
      },
    };
    this.#rows.set(message.id, row);
    const others = this.#ofTenant.get(message.tenant);
    if (others === undefined) this.#ofTenant.set(message.tenant, [row]);
    else others.push(row);
    for (const blob of blobsOf(message.content)) this.#blobs.add(blob);
    row.message.deliveries.forEach((_, index) => {
      this.#wait({ row, index });
    });
    return { kind: 'inserted', versions: row.message.deliveries.map(({ version }) => version) };
  }

  #apply(change: Change): string | null {
    const row = this.#rows.get(change.message);
    const delivery = row?.message.deliveries[change.delivery];
    if (row === undefined || delivery === undefined || delivery.version !== change.version) return null;
    const version = this.#nextVersion();
    const { message } = row;
    const place = { row, index: change.delivery };
    this.#waking.get(delivery.state)?.delete(nameOf(place));
    row.message = {
      ...message,
      deliveries: message.deliveries.with(change.delivery, { ...delivery, ...change.set, version }),
      events:
        change.event === null
          ? message.events
          : [...message.events, { ...change.event, at: this.now(), delivery: change.delivery }],
    };
    this.#wait(place);
    return version;
  }

  #wait(place: WakingDelivery): void {
    const delivery = place.row.message.deliveries[place.index];
    if (delivery === undefined || delivery.wakeAt === null) return;
    const places = this.#waking.get(delivery.state) ?? new Map<string, WakingDelivery>();
    places.set(nameOf(place), place);
    this.#waking.set(delivery.state, places);
  }

  #awake(state: DeliveryState, before: number): WakingDelivery[] {
    return [...(this.#waking.get(state)?.values() ?? [])].filter((place) => wakeAtOf(place) <= before);
  }

  #nextVersion(): string {
    return String(++this.#versions);
  }
}

const keyOf = (tenant: string, key: string): string => JSON.stringify([tenant, key]);
const nameOf = ({ row, index }: WakingDelivery): string => `${row.message.id}/${index}`;
const wakeAtOf = ({ row, index }: WakingDelivery): number =>
  row.message.deliveries[index]?.wakeAt ?? Number.POSITIVE_INFINITY;
const found = ({ row, index }: WakingDelivery): DueDelivery => ({ message: row.message, delivery: index });
const byAge = (a: Message, b: Message): number =>
  a.createdAt - b.createdAt || (a.id < b.id ? -1 : a.id > b.id ? 1 : 0);

function isMeant(message: Message, query: ListQuery): boolean {
  return (
    (query.within === undefined || reaches(query.within, message)) &&
    (query.status === undefined || statusOf(message.deliveries) === query.status) &&
    (query.recipient === undefined ||
      message.deliveries.some((delivery) => canonical(delivery.recipient) === query.recipient)) &&
    (query.sender === undefined || message.sender === query.sender) &&
    (query.template === undefined || message.content.template?.identifier === query.template) &&
    (query.environment === undefined || message.environment === query.environment) &&
    (query.createdAfter === undefined || message.createdAt >= query.createdAfter) &&
    (query.createdBefore === undefined || message.createdAt < query.createdBefore) &&
    (query.before === undefined || isListedAfter(message, query.before))
  );
}

const isListedAfter = (
  message: Message,
  than: { readonly createdAt: number; readonly id: MessageId },
): boolean =>
  message.createdAt < than.createdAt || (message.createdAt === than.createdAt && message.id < than.id);
