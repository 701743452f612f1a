// Writes the catalog to MongoDB. Each write is a compare-and-set on the document that it read, so
// concurrent writers do not mix. A revision is stored before the object that refers to it.

import { entryKey, noticeOf, type TemplateRevision } from '../../core/catalog/catalog.ts';
import { decideWrite, mayRetire } from '../../core/catalog/catalog-write.ts';
import { isStoredAs, sealSender } from '../../core/catalog/sealed-sender.ts';
import { Failure } from '../../core/failure.ts';
import { catalogLimits } from '../../core/limits/catalog.ts';
import type { Keys } from '../../core/secrets/keyring.ts';
import { NONCE_BYTES } from '../../core/secrets/seal.ts';
import type {
  CatalogEntry,
  CatalogSource,
  CatalogWriter,
  OwnEntry,
  WriteResult,
} from '../../ports/catalog-writer.ts';
import type { Notices } from '../../ports/notices.ts';
import type { Random } from '../../ports/random.ts';
import {
  type CatalogCollections,
  domainOf,
  type ObjectDocument,
  openCatalogCollections,
  revisionId,
  toStoredObject,
} from './catalog-document.ts';
import { isNew, type Mongo } from './connection.ts';

interface MongoCatalogWriterParts {
  readonly notices: Notices;
  readonly random: Random;
  /** The keys of purpose `catalog`. */
  readonly keys: Keys;
}

export async function openCatalogWriter(
  mongo: Mongo,
  parts: MongoCatalogWriterParts,
): Promise<CatalogWriter> {
  return new MongoCatalogWriter(mongo, parts, await openCatalogCollections(mongo));
}

class MongoCatalogWriter implements CatalogWriter {
  readonly #mongo: Mongo;
  readonly #parts: MongoCatalogWriterParts;
  readonly #collections: CatalogCollections;

  constructor(mongo: Mongo, parts: MongoCatalogWriterParts, collections: CatalogCollections) {
    this.#mongo = mongo;
    this.#parts = parts;
    this.#collections = collections;
  }

  async put(source: CatalogSource, entry: CatalogEntry): Promise<WriteResult> {
    const { objects } = this.#collections;
    const key = entryKey(entry);
    for (let tries = 0; tries < catalogLimits.catalogWriteTriesMax; tries++) {
      const stored = await this.#mongo.call(objects.findOne({ _id: key }));
      const { hash } = entry.kind === 'sender' ? entry.sender : entry.template;
      const domain = entry.kind === 'sender' ? entry.sender.domain : null;
      const isWhole = stored === null || stored.hash !== hash || (await this.#holds(stored, source, entry));
      const kind = decideWrite(stored === null ? null : toStoredObject(stored), source, {
        ...{ hash, domain, isSame: isWhole },
      });
      const last = stored?.revision ?? 0;
      if (kind === 'fenced' || kind === 'foreign' || kind === 'draining') return { kind, revision: last };
      const revision = stored?.hash === hash ? last : await this.#number(entry, last + 1);
      if (!isWhole) await this.#mend(entry, revision);
      if (
        kind === 'unchanged'
          ? await this.#raise(stored, source)
          : await this.#replace(stored, this.#toDocument(source, entry, revision))
      ) {
        if (kind !== 'unchanged') this.#parts.notices.publish(noticeOf(key));
        return { kind, revision };
      }
    }
    throw new Failure('conflict', `${key} is being written by too many at once`);
  }

  async prune(source: CatalogSource, keep: ReadonlySet<string>): Promise<number> {
    const { objects } = this.#collections;
    const own = { 'source.kind': source.kind, 'source.name': source.name, state: 'live' } as const;
    let count = 0;
    for (const stored of await this.#mongo.call(objects.find(own).toArray())) {
      // an object that was written in between stays
      if (!keep.has(stored._id) && (await this.#retire(source, stored))) count += 1;
    }
    return count;
  }

  async list({ kind, name }: Pick<CatalogSource, 'kind' | 'name'>): Promise<readonly OwnEntry[]> {
    const own = { 'source.kind': kind, 'source.name': name, state: 'live' } as const;
    const projection = { source: 1, fence: 1, config: 1 } as const;
    const found = await this.#mongo.call(this.#collections.objects.find(own, { projection }).toArray());
    return found.map(({ _id, source, fence, config }) => ({
      ...{ key: _id, uid: source.uid ?? null, namespace: source.namespace ?? null },
      ...{ version: source.version ?? null, fence },
      domain: domainOf(config),
    }));
  }

  async retire(source: CatalogSource, key: string): Promise<boolean> {
    const stored = await this.#mongo.call(this.#collections.objects.findOne({ _id: key }));
    return stored !== null && this.#retire(source, stored);
  }

  async #retire(source: CatalogSource, stored: ObjectDocument): Promise<boolean> {
    if (!mayRetire(toStoredObject(stored), source)) return false;
    const fence = { term: source.fence.term, generation: stored.fence.generation };
    const retiredAt = this.#changeTime(stored);
    const next =
      stored.config === null
        ? ({ ...stored, state: 'removed', fence } as const)
        : ({ ...stored, state: 'draining', retiredAt, fence } as const);
    if (!(await this.#replace(stored, next, retiredAt))) return false;
    this.#parts.notices.publish(noticeOf(stored._id));
    return true;
  }

  /** Does nothing: the connection and the notices are closed by their openers. */
  async [Symbol.asyncDispose](): Promise<void> {}

  /**
   * False: the stored content differs from the written one in spite of the hash, or the secrets
   * differ, or they are sealed with an older key.
   */
  async #holds(stored: ObjectDocument, source: CatalogSource, entry: CatalogEntry): Promise<boolean> {
    const { revision } = stored;
    const { tenant, name, sendable } = this.#toDocument(source, entry, revision);
    if (stored.tenant !== tenant || stored.name !== name || stored.sendable !== sendable) return false;
    if (entry.kind === 'sender') {
      const { config, sealed } = stored;
      return (
        config !== null && isStoredAs({ config, sealed }, { ...entry.sender, revision }, this.#parts.keys)
      );
    }
    const found = await this.#mongo.call(
      this.#collections.revisions.findOne({ _id: revisionId(stored._id, revision) }),
    );
    return (
      stored.config === null &&
      found?.hash === entry.template.hash &&
      found.config === configOf(entry.template, revision)
    );
  }

  /** Restores a revision that somebody else modified in the store. */
  async #mend(entry: CatalogEntry, revision: number): Promise<void> {
    if (entry.kind === 'sender') return;
    const _id = revisionId(entryKey(entry), revision);
    const fields = { hash: entry.template.hash, config: configOf(entry.template, revision) };
    await this.#mongo.call(
      this.#collections.revisions.updateOne({ _id }, { $set: fields }, { upsert: true }),
    );
  }

  /**
   * The revision number of this content. The number of a writer that died or lost is used again
   * only for the same content.
   */
  async #number(entry: CatalogEntry, from: number): Promise<number> {
    if (entry.kind === 'sender') return from;
    const { revisions } = this.#collections;
    const { hash } = entry.template;
    for (let revision = from; ; revision++) {
      const document = {
        _id: revisionId(entryKey(entry), revision),
        hash,
        config: configOf(entry.template, revision),
      };
      if (await this.#mongo.call(isNew(revisions.insertOne(document)))) return revision;
      const taken = await this.#mongo.call(
        revisions.findOne({ _id: document._id }, { projection: { hash: 1 } }),
      );
      if (taken?.hash === hash) return revision;
    }
  }

  /** Stores the fence of a newer writer of the same object, so that older writers are fenced. */
  async #raise(stored: ObjectDocument | null, writing: CatalogSource): Promise<boolean> {
    if (stored === null) return true;
    const { uid, fence } = writing;
    const isKnown =
      stored.fence.term === fence.term &&
      stored.fence.generation === fence.generation &&
      stored.source.uid === uid;
    const next = { ...stored, source: toSource(writing), fence };
    return isKnown || this.#replace(stored, next, stored.updatedAt);
  }

  async #replace(
    stored: ObjectDocument | null,
    next: Omit<ObjectDocument, 'writes' | 'updatedAt'>,
    updatedAt: number = this.#changeTime(stored),
  ): Promise<boolean> {
    const { objects } = this.#collections;
    if (stored === null) return this.#mongo.call(isNew(objects.insertOne({ ...next, writes: 1, updatedAt })));
    const { _id, ...fields } = { ...next, writes: stored.writes + 1, updatedAt };
    return (
      (await this.#mongo.call(objects.updateOne({ _id, writes: stored.writes }, { $set: fields })))
        .matchedCount === 1
    );
  }

  /** Later than the change before, so that readers see the new one. */
  #changeTime(stored: ObjectDocument | null): number {
    return Math.max(this.#mongo.now(), (stored?.updatedAt ?? 0) + 1);
  }

  #toDocument(
    source: CatalogSource,
    entry: CatalogEntry,
    revision: number,
  ): Omit<ObjectDocument, 'writes' | 'updatedAt'> {
    const common = {
      _id: entryKey(entry),
      revision,
      state: 'live',
      retiredAt: null,
      source: toSource(source),
      fence: source.fence,
    } as const;
    if (entry.kind === 'template') {
      const { tenant, identifier, hash } = entry.template;
      return { ...common, tenant, name: identifier, hash, sendable: true, config: null, sealed: [] };
    }
    const { tenant, name, hash, suspended, verified } = entry.sender;
    const { config, sealed } = sealSender({ ...entry.sender, revision }, this.#parts.keys, () =>
      this.#parts.random.bytes(NONCE_BYTES),
    );
    return { ...common, tenant, name, hash, sendable: !suspended && verified, config, sealed };
  }
}

const toSource = ({ kind, name, uid, namespace, version }: CatalogSource): ObjectDocument['source'] => ({
  kind,
  name,
  ...(uid === undefined ? {} : { uid }),
  ...(namespace === undefined ? {} : { namespace }),
  ...(version === undefined ? {} : { version }),
});

const configOf = (template: TemplateRevision, revision: number): string =>
  JSON.stringify({ ...template, revision });
