// The tables, as a list of migrations from an empty file to the current schema. A migration that
// was released is never changed; a new one follows it.

import type { DatabaseSync } from 'node:sqlite';
import { Failure } from '../../core/failure.ts';

const migrations: readonly string[] = [
  `
  -- What never changes of a message is one JSON document; what is searched, or changes, has columns.
  CREATE TABLE message (
    row INTEGER PRIMARY KEY,
    id TEXT NOT NULL UNIQUE,
    tenant TEXT NOT NULL,
    created_at INTEGER NOT NULL,
    sender TEXT NOT NULL,
    template TEXT,
    environment TEXT NOT NULL,
    idempotency_key TEXT,
    fingerprint TEXT,
    document TEXT NOT NULL
  ) STRICT;
  CREATE UNIQUE INDEX message_idempotency ON message (tenant, idempotency_key) WHERE idempotency_key IS NOT NULL;
  CREATE INDEX message_list ON message (tenant, created_at, id);

  -- tenant, tier and created_at are the message's: they lead the indexes. Booleans are 0 and 1; hold is its reason, or JSON.
  CREATE TABLE delivery (
    message INTEGER NOT NULL,
    number INTEGER NOT NULL,
    tenant TEXT NOT NULL,
    tier TEXT NOT NULL,
    created_at INTEGER NOT NULL,
    version INTEGER NOT NULL,
    recipient TEXT NOT NULL,
    role TEXT NOT NULL,
    domain TEXT NOT NULL,
    state TEXT NOT NULL,
    phase TEXT,
    attempt INTEGER NOT NULL,
    tries INTEGER NOT NULL,
    due INTEGER NOT NULL,
    wake_at INTEGER,
    lease_id TEXT,
    lease_until INTEGER,
    lapses INTEGER NOT NULL,
    maybe_sent INTEGER NOT NULL,
    cancel_wanted INTEGER NOT NULL,
    hold TEXT,
    taken_up INTEGER NOT NULL,
    route TEXT,
    destination TEXT,
    source TEXT,
    last_reply TEXT,
    PRIMARY KEY (message, number)
  ) STRICT, WITHOUT ROWID;
  CREATE INDEX delivery_woken ON delivery (state, wake_at) WHERE wake_at IS NOT NULL AND state <> 'queued';
  -- whom to feed, and how much of a small backlog: by time of waking
  CREATE INDEX delivery_backlog ON delivery (tenant, tier, wake_at, created_at) WHERE wake_at IS NOT NULL AND state = 'queued';
  -- the front of a large backlog: in order of acceptance, past what is published already
  CREATE INDEX delivery_queued ON delivery (tenant, tier, created_at, message, number, wake_at) WHERE wake_at IS NOT NULL AND state = 'queued';
  CREATE INDEX delivery_recipient ON delivery (tenant, recipient, created_at);
  -- most messages end delivered, and those a list finds without an index
  CREATE INDEX delivery_state ON delivery (tenant, state, created_at) WHERE state <> 'delivered';

  -- position is the order of writing, of all tenants: whoever reads the log remembers how far it has come, and misses nothing.
  CREATE TABLE event (
    position INTEGER PRIMARY KEY,
    message INTEGER NOT NULL,
    seq INTEGER NOT NULL,
    at INTEGER NOT NULL,
    delivery INTEGER NOT NULL,
    type TEXT NOT NULL,
    data TEXT NOT NULL,
    UNIQUE (message, seq)
  ) STRICT;

  CREATE TABLE blob_use (
    blob TEXT NOT NULL,
    message INTEGER NOT NULL,
    PRIMARY KEY (blob, message)
  ) STRICT, WITHOUT ROWID;

  CREATE TABLE suppression (
    tenant TEXT NOT NULL,
    scope TEXT NOT NULL,
    hash TEXT NOT NULL,
    reason TEXT NOT NULL,
    created_at INTEGER NOT NULL,
    PRIMARY KEY (tenant, scope, hash)
  ) STRICT, WITHOUT ROWID;

  CREATE TABLE api_key (
    id TEXT PRIMARY KEY,
    tenant TEXT NOT NULL,
    created_at INTEGER NOT NULL,
    revoked_at INTEGER,
    document TEXT NOT NULL
  ) STRICT;
  CREATE INDEX api_key_tenant ON api_key (tenant, created_at);

  -- one row, written to find out whether writing works
  CREATE TABLE alive (one INTEGER PRIMARY KEY CHECK (one = 1), at INTEGER NOT NULL) STRICT;
  `,
  `
  -- What a list filters by is in its index, so that rows which do not fit are passed over without being read: the list of a key that may see none of
  -- 200,000 messages took 680 ms, and takes 68 ms.
  DROP INDEX message_list;
  CREATE INDEX message_list ON message (tenant, created_at, id, sender, environment, template);
  `,
  `
  -- what could go, by since when it could
  CREATE INDEX delivery_sendable ON delivery (due) WHERE wake_at IS NOT NULL AND hold IS NULL AND state IN ('queued', 'deferred', 'scheduled');
  `,
  `
  -- The recipient in the form that all spellings of a mailbox share: lists filter by it. Messages that were stored before have none.
  ALTER TABLE delivery ADD COLUMN canonical_recipient TEXT NOT NULL DEFAULT '';
  DROP INDEX delivery_recipient;
  CREATE INDEX delivery_recipient ON delivery (tenant, canonical_recipient, created_at);
  `,
  `
  -- The lane of a delivery in one text: tenant, tier and sender. Deliveries that ended before have none: no query asks for their lanes.
  DROP INDEX delivery_backlog;
  DROP INDEX delivery_queued;
  ALTER TABLE delivery ADD COLUMN lane TEXT NOT NULL DEFAULT '';
  UPDATE delivery SET lane = tenant || char(10) || tier || char(10) || (SELECT sender FROM message WHERE row = delivery.message) WHERE wake_at IS NOT NULL;
  ALTER TABLE delivery DROP COLUMN tier;
  -- With the due time, a start finds published deliveries among held ones without reading their rows: among a million, in 0.1 s of CPU time instead of 0.6 s.
  CREATE INDEX delivery_backlog ON delivery (lane, wake_at, created_at, due) WHERE wake_at IS NOT NULL AND state = 'queued';
  CREATE INDEX delivery_queued ON delivery (lane, created_at, message, number, wake_at) WHERE wake_at IS NOT NULL AND state = 'queued';
  `,
];

/**
 * A temporary table of the connection: the messages or deliveries that the current query found, in
 * their order.
 */
const FOUND =
  'CREATE TEMP TABLE found (position INTEGER PRIMARY KEY, message INTEGER NOT NULL, delivery INTEGER NOT NULL)';

/**
 * Migrates the file to the current schema, each step in one transaction. Throws when a later
 * version of Packetboat wrote the file.
 */
export function migrate(database: DatabaseSync): void {
  const version = Number(database.prepare('PRAGMA user_version').get()?.user_version);
  if (version > migrations.length)
    throw new Failure(
      'unavailable',
      `the database has version ${version}, this Packetboat knows ${migrations.length}: a newer one wrote it`,
    );
  migrations.slice(version).forEach((sql, i) => {
    database.exec(`BEGIN IMMEDIATE; ${sql}; PRAGMA user_version = ${version + i + 1}; COMMIT`);
  });
  database.exec(FOUND);
}
