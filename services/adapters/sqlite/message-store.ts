// The message store of embedded mode. Each call is one job of the database, so its writes are
// durable and visible together when it resolves. A statement that depends on the one before it
// reads `changes()`, the number of rows that the statement before changed.

import { canonical } from '../../core/address.ts';
import type { Change, DeliveryState, Progress } from '../../core/delivery/delivery.ts';
import { blobsOf, type Message, type NewMessage } from '../../core/delivery/message.ts';
import { type Lane, laneFromKey, laneKey } from '../../core/delivery/pacing/lane.ts';
import type { BlobId, MessageId } from '../../core/ids.ts';
import { queueLimits } from '../../core/limits/queue.ts';
import type { Clock } from '../../ports/clock.ts';
import type { DueDeliveries, DueDelivery } from '../../ports/due-deliveries.ts';
import type { LostEntries } from '../../ports/lost-entries.ts';
import type { ListQuery, MessageList } from '../../ports/message-list.ts';
import type { Inserted, MessageStore } from '../../ports/message-store.ts';
import type { StoreClock } from '../../ports/store-clock.ts';
import type { Jobs } from './database.ts';
import { listInto } from './list-statement.ts';
import {
  DELIVERY_COLUMNS,
  EVENT_COLUMNS,
  fieldsOf,
  MESSAGE_COLUMNS,
  namesOf,
  progressFields,
  toDocument,
  toMessages,
  valuesOf,
} from './message-row.ts';
import { command, query, type Result, type Row, type Statement, type Step } from './statement.ts';
import { SqliteStoreClock } from './store-clock.ts';

/** A backlog of up to this many deliveries is sorted; a larger one is read from its front. */
const SORTED_MAX = 2 * queueLimits.windowPerLane;

/** The version of every delivery that has not been changed yet. */
const FIRST_VERSION = 1;

const marks = (count: number): string => new Array<string>(count).fill('?').join(', ');

const insertMessage = command(
  `INSERT INTO message (id, tenant, created_at, sender, template, environment, idempotency_key, fingerprint, document)
   VALUES (${marks(9)}) ON CONFLICT DO NOTHING`,
);
// the message that was just inserted has the highest row number
const insertDelivery = command(
  `INSERT INTO delivery (message, number, tenant, lane, created_at, version, recipient, canonical_recipient, role, domain, ${namesOf(progressFields).join(', ')})
   SELECT (SELECT max(row) FROM message), ${marks(9 + namesOf(progressFields).length)} WHERE changes() > 0`,
);
const insertEvent = command(
  `INSERT INTO event (message, seq, at, delivery, type, data) SELECT (SELECT max(row) FROM message), ${marks(5)} WHERE changes() > 0`,
);
const insertBlobUse = command(
  'INSERT INTO blob_use (message, blob) SELECT (SELECT max(row) FROM message), ? WHERE changes() > 0',
);
const dropKey = command(
  'UPDATE message SET idempotency_key = NULL, fingerprint = NULL WHERE id = ? AND idempotency_key = ?',
);
const appendEvent = command(
  `INSERT INTO event (message, seq, at, delivery, type, data)
   SELECT m.row, (SELECT coalesce(max(seq) + 1, 0) FROM event WHERE message = m.row), ?, ?, ?, ? FROM message m WHERE m.id = ? AND changes() > 0`,
);
const usedBlobs = query('SELECT DISTINCT blob FROM blob_use WHERE blob IN (SELECT value FROM json_each(?))');
const write = command('INSERT INTO alive (one, at) VALUES (1, ?) ON CONFLICT DO UPDATE SET at = excluded.at');
// the last event and the last readiness check: nothing else in the store is later than both
const lastStored = query(
  'SELECT max(at) FROM (SELECT at FROM alive UNION ALL SELECT at FROM event WHERE position = (SELECT max(position) FROM event))',
);

// A query writes what it found to the temporary table `found`; the messages are read from there.
const forget = command('DELETE FROM found');
const findByIds = command(
  'INSERT INTO found (message, delivery) SELECT m.row, 0 FROM message m WHERE m.id IN (SELECT value FROM json_each(?))',
);
const findByKey = command(
  'INSERT INTO found (message, delivery) SELECT row, 0 FROM message WHERE tenant = ? AND idempotency_key = ?',
);
const places = query('SELECT message, delivery FROM found ORDER BY position');
const messages = query(`SELECT ${MESSAGE_COLUMNS} FROM message m WHERE m.row IN (SELECT message FROM found)`);
const deliveries = query(
  `SELECT ${DELIVERY_COLUMNS} FROM delivery d WHERE d.message IN (SELECT message FROM found) ORDER BY d.message, d.number`,
);
const events = query(
  `SELECT ${EVENT_COLUMNS} FROM event e WHERE e.message IN (SELECT message FROM found) ORDER BY e.message, e.seq`,
);

const QUEUED = "wake_at IS NOT NULL AND state = 'queued'";

// Jumps from lane to lane, so that a backlog of a million costs as much as one of ten.
const backlogs = query(`
  WITH RECURSIVE each (lane) AS (
    SELECT min(lane) FROM delivery INDEXED BY delivery_backlog WHERE ${QUEUED}
    UNION ALL
    SELECT (SELECT min(lane) FROM delivery INDEXED BY delivery_backlog WHERE ${QUEUED} AND lane > each.lane) FROM each WHERE lane IS NOT NULL
  )
  SELECT each.lane FROM each WHERE each.lane IS NOT NULL AND EXISTS (
    SELECT 1 FROM delivery AS d INDEXED BY delivery_backlog WHERE ${QUEUED} AND d.lane = each.lane AND wake_at <= ?1)`);

const queued = query(
  `SELECT count(*) FROM (SELECT 1 FROM delivery INDEXED BY delivery_backlog WHERE ${QUEUED} LIMIT ?1)`,
);

const SENDABLE = "wake_at IS NOT NULL AND hold IS NULL AND state IN ('queued', 'deferred', 'scheduled')";
const oldestDue = query(
  `SELECT min(due) FROM delivery INDEXED BY delivery_sendable WHERE ${SENDABLE} AND due <= ?1`,
);

// The index by `wake_at` returns the deliveries of a backlog, but a large backlog would have to be
// sorted; the index by time of acceptance is in order, but may have to pass a million held
// deliveries. So a small backlog is sorted, and in a large one the front is near. The size is
// tested in the outer loop: as a condition beside the others SQLite would test it for each row, and
// the statement for the other size would walk a million rows (446 µs per message).
const BACKLOG = `${QUEUED} AND lane = ?1 AND wake_at <= ?2`;
const SIZE = `(SELECT count(*) FROM (SELECT 1 FROM delivery INDEXED BY delivery_backlog WHERE ${BACKLOG} LIMIT ${SORTED_MAX + 1}))`;
const unpublishedFrom = (index: string, size: string): Statement =>
  command(`INSERT INTO found (message, delivery)
    SELECT message, number FROM (SELECT 1 WHERE ${size}) CROSS JOIN delivery INDEXED BY ${index}
    WHERE ${BACKLOG} ORDER BY created_at, message, number LIMIT ?3`);
const smallBacklog = unpublishedFrom('delivery_backlog', `${SIZE} <= ${SORTED_MAX}`);
const largeBacklog = unpublishedFrom('delivery_queued', `${SIZE} > ${SORTED_MAX}`);

// The rule `entryLost` of the core, for a whole backlog in one statement, since a start waits for
// it: the core would need each message with all its events, and a change by itself. The statement
// does not look at a backlog, whose `wake_at` has passed, however long. It finds entries among held
// deliveries in the index alone.
const forgetEntries =
  command(`UPDATE delivery SET wake_at = due, version = version + 1 WHERE (message, number) IN (
  SELECT message, number FROM delivery INDEXED BY delivery_backlog WHERE ${QUEUED} AND lane = ?1 AND wake_at > ?2 AND wake_at > due)`);

/**
 * Opens the store with its clock, which starts at the latest stored time if the machine's clock is
 * behind it. Rejects as every call of the store does.
 */
export async function openMessageStore(database: Jobs, machine: Clock): Promise<SqliteMessageStore> {
  const [rows = []] = await database.run([[lastStored]]);
  const at = rowsOf(rows)[0]?.[0] ?? null;
  return new SqliteMessageStore(database, new SqliteStoreClock(machine, at === null ? null : Number(at)));
}

export class SqliteMessageStore implements MessageStore, DueDeliveries, MessageList, LostEntries {
  readonly #database: Jobs;
  readonly #clock: StoreClock;
  /** Statements by kind of call: as many as there are kinds of changes, lists and sweeps. */
  readonly #made = new Map<string, Statement>();

  constructor(database: Jobs, clock: StoreClock) {
    this.#database = database;
    this.#clock = clock;
  }

  now(): number {
    return this.#clock.now();
  }

  async insert(batch: readonly NewMessage[]): Promise<readonly Inserted[]> {
    const at = this.now();
    const inserts = batch.map((message) => this.#insertSteps(message, at));
    const results = await this.#database.run(inserts.flat());
    let next = 0;
    const isNew = inserts.map((steps) => {
      const changed = results[next];
      next += steps.length;
      return changed === 1;
    });
    const refused = batch.filter((_, i) => !isNew[i]).map((message) => message.id);
    // a refused message whose id is stored is known, and otherwise its idempotency key is taken
    const stored = refused.length === 0 ? [] : await this.#read([findByIds, JSON.stringify(refused)]);
    const byId = new Map(stored.map(({ message }) => [message.id, message]));
    return batch.map(({ id, deliveries }, i): Inserted => {
      if (isNew[i]) return { kind: 'inserted', versions: deliveries.map(() => String(FIRST_VERSION)) };
      const message = byId.get(id);
      return message === undefined ? { kind: 'key_taken' } : { kind: 'known', message };
    });
  }

  async find(ids: readonly MessageId[]): Promise<readonly (Message | null)[]> {
    const found = await this.#read([findByIds, JSON.stringify(ids)]);
    const byId = new Map(found.map(({ message }) => [message.id, message]));
    return ids.map((id) => byId.get(id) ?? null);
  }

  async findByIdempotencyKey(tenant: string, key: string): Promise<Message | null> {
    const [found] = await this.#read([findByKey, tenant, key]);
    return found?.message ?? null;
  }

  async dropIdempotencyKey(id: MessageId, key: string): Promise<boolean> {
    const [changed] = await this.#database.run([[dropKey, id, key]]);
    return changed === 1;
  }

  async apply(changes: readonly Change[]): Promise<readonly (string | null)[]> {
    const at = this.now();
    const steps: Step[] = [];
    const updates = changes.map(({ message, delivery, version, set, event }) => {
      const fields = fieldsOf(set);
      steps.push([
        this.#make(fields.join(), () => updateOf(fields)),
        ...valuesOf(fields, set),
        message,
        delivery,
        version,
      ]);
      const position = steps.length - 1;
      if (event !== null)
        steps.push([appendEvent, at, delivery, event.type, JSON.stringify(event.data), message]);
      return position;
    });
    const results = await this.#database.run(steps);
    return changes.map(({ version }, i) =>
      results[updates[i] ?? -1] === 1 ? String(Number(version) + 1) : null,
    );
  }

  async measureClock(): Promise<void> {}

  async woken(
    states: readonly Exclude<DeliveryState, 'queued'>[],
    before: number,
    limit: number,
  ): Promise<readonly DueDelivery[]> {
    if (states.length === 0) return [];
    const statement = this.#make(`woken ${states.length}`, () => wokenOf(states));
    return this.#read([statement, ...states.flatMap((state) => [state, before, limit]), limit]);
  }

  async backlogs(before: number): Promise<readonly Lane[]> {
    const [rows = []] = await this.#database.run([[backlogs, before]]);
    return rowsOf(rows).map(([lane]) => laneFromKey(String(lane)));
  }

  async countQueued(limit: number): Promise<number> {
    const [rows = []] = await this.#database.run([[queued, limit]]);
    return Number(rowsOf(rows)[0]?.[0] ?? 0);
  }

  async oldestDue(before: number): Promise<number | null> {
    const [rows = []] = await this.#database.run([[oldestDue, before]]);
    const due = rowsOf(rows)[0]?.[0] ?? null;
    return due === null ? null : Number(due);
  }

  async unpublished(lane: Lane, before: number, limit: number): Promise<readonly DueDelivery[]> {
    const key = laneKey(lane);
    return this.#read([smallBacklog, key, before, limit], [largeBacklog, key, before, limit]);
  }

  async forgetEntries(): Promise<number> {
    const now = this.now();
    let count = 0;
    // one transaction for each backlog: the calls of others need not wait for all of them
    for (const lane of await this.backlogs(Number.MAX_SAFE_INTEGER)) {
      const [changed] = await this.#database.run([[forgetEntries, laneKey(lane), now]]);
      count += Number(changed);
    }
    return count;
  }

  async list(listQuery: ListQuery): Promise<readonly Message[]> {
    const { sql, parameters } = listInto(listQuery);
    const found = await this.#read([this.#make(sql, () => sql), ...parameters]);
    return found.map(({ message }) => message);
  }

  async blobsInUse(ids: readonly BlobId[]): Promise<ReadonlySet<BlobId>> {
    const [rows = []] = await this.#database.run([[usedBlobs, JSON.stringify(ids)]]);
    return new Set(rowsOf(rows).map(([id]) => id as BlobId));
  }

  async check(): Promise<void> {
    await this.#database.run([[write, this.now()]]);
  }

  /** Does nothing: the database is closed by its opener. */
  async [Symbol.asyncDispose](): Promise<void> {}

  #insertSteps(message: NewMessage, at: number): Step[] {
    const { id, tenant, createdAt, sender, environment, idempotency } = message;
    const lane = laneKey(message);
    const template = message.content.template?.identifier ?? null;
    const [key, fingerprint] = [idempotency?.key ?? null, idempotency?.fingerprint ?? null];
    return [
      [
        insertMessage,
        id,
        tenant,
        createdAt,
        sender,
        template,
        environment,
        key,
        fingerprint,
        toDocument(message),
      ],
      ...message.deliveries.map((delivery, number): Step => {
        const { recipient, role, domain } = delivery;
        return [
          insertDelivery,
          number,
          tenant,
          lane,
          createdAt,
          FIRST_VERSION,
          recipient,
          canonical(recipient),
          role,
          domain,
          ...valuesOf(progressFields, delivery),
        ];
      }),
      ...message.events.map(
        (event, seq): Step => [insertEvent, seq, at, event.delivery, event.type, JSON.stringify(event.data)],
      ),
      ...[...new Set(blobsOf(message.content))].map((blob): Step => [insertBlobUse, blob]),
    ];
  }

  #make(kind: string, sql: () => string): Statement {
    const known = this.#made.get(kind);
    if (known !== undefined) return known;
    const made = command(sql());
    this.#made.set(kind, made);
    return made;
  }

  async #read(...fill: readonly Step[]): Promise<DueDelivery[]> {
    const [found = [], ...rows] = (
      await this.#database.run([[forget], ...fill, [places], [messages], [deliveries], [events]])
    )
      .slice(-4)
      .map(rowsOf);
    const [messageRows = [], deliveryRows = [], eventRows = []] = rows;
    const byRow = toMessages(messageRows, deliveryRows, eventRows);
    return found.flatMap(([row, delivery]) => {
      const message = byRow.get(Number(row));
      return message === undefined ? [] : [{ message, delivery: Number(delivery) }];
    });
  }
}

function updateOf(fields: readonly (keyof Progress)[]): string {
  const assigned = [...namesOf(fields).map((name) => `${name} = ?`), 'version = version + 1'].join(', ');
  return `UPDATE delivery SET ${assigned} WHERE message = (SELECT row FROM message WHERE id = ?) AND number = ? AND version = ?`;
}

function wokenOf(states: readonly DeliveryState[]): string {
  const one = `SELECT wake_at, message, number FROM delivery INDEXED BY delivery_woken
    WHERE wake_at IS NOT NULL AND state <> 'queued' AND state = ? AND wake_at <= ? ORDER BY wake_at LIMIT ?`;
  const each = states.map(() => `SELECT * FROM (${one})`).join(' UNION ALL ');
  return `INSERT INTO found (message, delivery) SELECT message, number FROM (${each}) ORDER BY wake_at LIMIT ?`;
}

const rowsOf = (result: Result): readonly Row[] => (typeof result === 'number' ? [] : result);
