// Suppressions in MongoDB: one document per suppression, whose `_id` is its tenant, scope and hash.

import type { Collection } from 'mongodb';
import type { Suppression, SuppressionStore } from '../../ports/suppression-store.ts';
import { isNew, type Mongo } from './connection.ts';

interface SuppressionDocument {
  /** Tenant, scope and hash. */
  readonly _id: string;
  readonly tenant: string;
  readonly scope: string;
  readonly hash: string;
  readonly reason: string;
  /** Milliseconds since 1970. */
  readonly created_at: number;
}

export function openSuppressionStore(mongo: Mongo): SuppressionStore {
  return new MongoSuppressionStore(mongo, mongo.db.collection<SuppressionDocument>('suppressions'));
}

class MongoSuppressionStore implements SuppressionStore {
  readonly #mongo: Mongo;
  readonly #suppressions: Collection<SuppressionDocument>;

  constructor(mongo: Mongo, suppressions: Collection<SuppressionDocument>) {
    this.#mongo = mongo;
    this.#suppressions = suppressions;
  }

  async add(
    suppression: Suppression,
  ): Promise<{ readonly suppression: Suppression; readonly created: boolean }> {
    const { tenant, scope, hash } = suppression;
    if (await this.#mongo.call(isNew(this.#suppressions.insertOne(toDocument(suppression)))))
      return { suppression, created: true };
    const stored = await this.find(tenant, scope, [hash]);
    // it was removed between the two calls: the next round adds it
    return stored === null ? this.add(suppression) : { suppression: stored, created: false };
  }

  async find(tenant: string, scope: string, hashes: readonly string[]): Promise<Suppression | null> {
    const found = new Map(
      (await this.#read(tenant, scope, hashes)).map((suppression) => [suppression.hash, suppression]),
    );
    const first = hashes.find((hash) => found.has(hash));
    return first === undefined ? null : (found.get(first) ?? null);
  }

  async matches(tenant: string, scope: string, hashes: readonly string[]): Promise<ReadonlySet<string>> {
    return new Set((await this.#read(tenant, scope, hashes)).map(({ hash }) => hash));
  }

  async remove(tenant: string, scope: string, hash: string): Promise<boolean> {
    const { deletedCount } = await this.#mongo.call(
      this.#suppressions.deleteOne({ _id: idOf(tenant, scope, hash) }),
    );
    return deletedCount === 1;
  }

  /** Does nothing: the connection is closed by its opener. */
  async [Symbol.asyncDispose](): Promise<void> {}

  async #read(tenant: string, scope: string, hashes: readonly string[]): Promise<Suppression[]> {
    if (hashes.length === 0) return [];
    const ids = hashes.map((hash) => idOf(tenant, scope, hash));
    return (await this.#mongo.call(this.#suppressions.find({ _id: { $in: ids } }).toArray())).map(
      fromDocument,
    );
  }
}

const idOf = (tenant: string, scope: string, hash: string): string => `${tenant}\n${scope}\n${hash}`;

const toDocument = ({ tenant, scope, hash, reason, createdAt }: Suppression): SuppressionDocument => ({
  _id: idOf(tenant, scope, hash),
  tenant,
  scope,
  hash,
  reason,
  created_at: createdAt,
});

const fromDocument = ({ tenant, scope, hash, reason, created_at }: SuppressionDocument): Suppression => ({
  tenant,
  scope,
  hash,
  reason,
  createdAt: created_at,
});
