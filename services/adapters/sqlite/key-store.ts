// The API keys of embedded mode.

import type { ApiKey, KeyStore } from '../../ports/key-store.ts';
import type { Jobs } from './database.ts';
import { command, query, type Row, type Statement, type Value } from './statement.ts';

const insert = command(
  'INSERT INTO api_key (id, tenant, created_at, revoked_at, document) VALUES (?, ?, ?, ?, ?) ON CONFLICT DO NOTHING',
);
const selectOne = query('SELECT revoked_at, document FROM api_key WHERE id = ?');
const selectTenant = query(
  'SELECT revoked_at, document FROM api_key WHERE tenant = ? ORDER BY created_at DESC, rowid DESC',
);
const revoke = command('UPDATE api_key SET revoked_at = coalesce(revoked_at, ?) WHERE tenant = ? AND id = ?');

export class SqliteKeyStore implements KeyStore {
  readonly #database: Jobs;

  constructor(database: Jobs) {
    this.#database = database;
  }

  async add(key: ApiKey): Promise<boolean> {
    const { revokedAt, ...document } = key;
    const [added] = await this.#database.run([
      [insert, key.id, key.tenant, key.createdAt, revokedAt, JSON.stringify(document)],
    ]);
    return added === 1;
  }

  async find(id: string): Promise<ApiKey | null> {
    const [row] = await this.#rows(selectOne, id);
    return row === undefined ? null : toKey(row);
  }

  async list(tenant: string): Promise<readonly ApiKey[]> {
    return (await this.#rows(selectTenant, tenant)).map(toKey);
  }

  async revoke(tenant: string, id: string, at: number): Promise<boolean> {
    const [changed] = await this.#database.run([[revoke, at, tenant, id]]);
    return changed === 1;
  }

  /** Does nothing: the database is closed by its opener. */
  async [Symbol.asyncDispose](): Promise<void> {}

  async #rows(statement: Statement, ...parameters: Value[]): Promise<readonly Row[]> {
    const [rows] = await this.#database.run([[statement, ...parameters]]);
    return typeof rows === 'object' ? rows : [];
  }
}

function toKey(row: Row): ApiKey {
  const [revokedAt, document] = row as readonly [number | null, string];
  // null in keys from before this column existed
  return { createdBy: null, ...(JSON.parse(document) as Omit<ApiKey, 'revokedAt' | 'createdBy'>), revokedAt };
}
