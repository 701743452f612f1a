// The suppressions of embedded mode.

import type { Suppression, SuppressionStore } from '../../ports/suppression-store.ts';
import type { Jobs } from './database.ts';
import { command, query, type Result, type Row } from './statement.ts';

const insert = command(
  'INSERT INTO suppression (tenant, scope, hash, reason, created_at) VALUES (?, ?, ?, ?, ?) ON CONFLICT DO NOTHING',
);
const select = query(`
  SELECT s.tenant, s.scope, s.hash, s.reason, s.created_at FROM json_each(?3) AS asked
  CROSS JOIN suppression AS s ON s.tenant = ?1 AND s.scope = ?2 AND s.hash = asked.value ORDER BY asked.key`);
const remove = command('DELETE FROM suppression WHERE tenant = ? AND scope = ? AND hash = ?');

export class SqliteSuppressionStore implements SuppressionStore {
  readonly #database: Jobs;

  constructor(database: Jobs) {
    this.#database = database;
  }

  async add(
    suppression: Suppression,
  ): Promise<{ readonly suppression: Suppression; readonly created: boolean }> {
    const { tenant, scope, hash, reason, createdAt } = suppression;
    const [created, rows] = await this.#database.run([
      [insert, tenant, scope, hash, reason, createdAt],
      [select, tenant, scope, JSON.stringify([hash])],
    ]);
    return { suppression: toSuppressions(rows)[0] ?? suppression, created: created === 1 };
  }

  async find(tenant: string, scope: string, hashes: readonly string[]): Promise<Suppression | null> {
    return (await this.#select(tenant, scope, hashes))[0] ?? null;
  }

  async matches(tenant: string, scope: string, hashes: readonly string[]): Promise<ReadonlySet<string>> {
    return new Set((await this.#select(tenant, scope, hashes)).map((suppression) => suppression.hash));
  }

  async remove(tenant: string, scope: string, hash: string): Promise<boolean> {
    const [removed] = await this.#database.run([[remove, tenant, scope, hash]]);
    return removed === 1;
  }

  /** Does nothing: the database is closed by its opener. */
  async [Symbol.asyncDispose](): Promise<void> {}

  async #select(tenant: string, scope: string, hashes: readonly string[]): Promise<Suppression[]> {
    const [rows] = await this.#database.run([[select, tenant, scope, JSON.stringify(hashes)]]);
    return toSuppressions(rows);
  }
}

const toSuppressions = (rows: Result | undefined): Suppression[] =>
  typeof rows === 'object' ? rows.map(toSuppression) : [];

function toSuppression(row: Row): Suppression {
  const [tenant, scope, hash, reason, createdAt] = row as readonly [string, string, string, string, number];
  return { tenant, scope, hash, reason, createdAt };
}
