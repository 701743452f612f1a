// API keys in MongoDB: one document per key, under its public id.

import type { Collection } from 'mongodb';
import type { Environment } from '../../core/catalog/catalog.ts';
import type { ApiKey, KeyStore } from '../../ports/key-store.ts';
import { ensureIndexes, isNew, type Mongo } from './connection.ts';

/** Times are milliseconds since 1970. */
interface KeyDocument {
  readonly _id: string;
  readonly tenant: string;
  readonly name: string;
  readonly secret_hash: string;
  readonly scopes: readonly string[];
  readonly environment: Environment;
  readonly senders: readonly string[];
  readonly requests_per_minute: number;
  readonly expires_at: number | null;
  readonly revoked_at: number | null;
  readonly created_at: number;
  /** Absent in keys from before this field was stored. */
  readonly created_by?: string | null;
}

export async function openKeyStore(mongo: Mongo): Promise<KeyStore> {
  const keys = mongo.db.collection<KeyDocument>('keys');
  await ensureIndexes(mongo, keys, [{ name: 'list', key: { tenant: 1, created_at: -1, _id: -1 } }]);
  return new MongoKeyStore(mongo, keys);
}

class MongoKeyStore implements KeyStore {
  readonly #mongo: Mongo;
  readonly #keys: Collection<KeyDocument>;

  constructor(mongo: Mongo, keys: Collection<KeyDocument>) {
    this.#mongo = mongo;
    this.#keys = keys;
  }

  async add(key: ApiKey): Promise<boolean> {
    return this.#mongo.call(isNew(this.#keys.insertOne(toDocument(key))));
  }

  async find(id: string): Promise<ApiKey | null> {
    const found = await this.#mongo.call(this.#keys.findOne({ _id: id }));
    return found === null ? null : fromDocument(found);
  }

  async list(tenant: string): Promise<readonly ApiKey[]> {
    return (
      await this.#mongo.call(this.#keys.find({ tenant }, { sort: { created_at: -1, _id: -1 } }).toArray())
    ).map(fromDocument);
  }

  async revoke(tenant: string, id: string, at: number): Promise<boolean> {
    const revoked = await this.#mongo.call(
      this.#keys.updateOne({ _id: id, tenant, revoked_at: null }, { $set: { revoked_at: at } }),
    );
    return (
      revoked.matchedCount === 1 ||
      (await this.#mongo.call(this.#keys.countDocuments({ _id: id, tenant }))) === 1
    );
  }

  /** Does nothing: the connection is closed by its opener. */
  async [Symbol.asyncDispose](): Promise<void> {}
}

const toDocument = (key: ApiKey): KeyDocument => ({
  _id: key.id,
  tenant: key.tenant,
  name: key.name,
  secret_hash: key.secretHash,
  scopes: key.scopes,
  environment: key.environment,
  senders: key.senders,
  requests_per_minute: key.requestsPerMinute,
  expires_at: key.expiresAt,
  revoked_at: key.revokedAt,
  created_at: key.createdAt,
  created_by: key.createdBy,
});

const fromDocument = (document: KeyDocument): ApiKey => ({
  id: document._id,
  tenant: document.tenant,
  name: document.name,
  secretHash: document.secret_hash,
  scopes: document.scopes,
  environment: document.environment,
  senders: document.senders,
  requestsPerMinute: document.requests_per_minute,
  expiresAt: document.expires_at,
  revokedAt: document.revoked_at,
  createdAt: document.created_at,
  createdBy: document.created_by ?? null,
});
