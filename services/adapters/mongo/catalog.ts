// The catalog as services read it from MongoDB: all objects in memory, updated after each notice
// and at regular intervals.

import type { CatalogSnapshot, Sender, TemplateRevision } from '../../core/catalog/catalog.ts';
import { NOTICE, templateKey } from '../../core/catalog/catalog.ts';
import { openSender } from '../../core/catalog/sealed-sender.ts';
import { snapshotOf } from '../../core/catalog/snapshot.ts';
import { catalogLimits } from '../../core/limits/catalog.ts';
import type { Key } from '../../core/secrets/keyring.ts';
import type { Catalog } from '../../ports/catalog.ts';
import type { Notices } from '../../ports/notices.ts';
import {
  type CatalogCollections,
  type ObjectDocument,
  openCatalogCollections,
  revisionId,
} from './catalog-document.ts';
import type { Mongo } from './connection.ts';

interface CatalogParts {
  readonly notices: Notices;
  /**
   * The keys of purpose `catalog`. Null in a program without these keys: then all credentials are
   * null.
   */
  readonly keys: readonly Key[] | null;
  /**
   * Called when the catalog cannot be updated or the secrets of an object cannot be opened. The
   * last good state stays.
   */
  readonly report: (error: unknown) => void;
}

/**
 * Rejects with `Failure('unavailable')` when the catalog cannot be read. An empty catalog is valid:
 * the first start has one.
 */
export async function openCatalog(mongo: Mongo, parts: CatalogParts): Promise<Catalog> {
  const catalog = new MongoCatalog(mongo, parts, await openCatalogCollections(mongo));
  try {
    await catalog.start();
  } catch (error) {
    await catalog[Symbol.asyncDispose]();
    throw error;
  }
  return catalog;
}

interface Known {
  readonly updatedAt: number;
  readonly live: { readonly sender: Sender } | { readonly template: TemplateRevision } | null;
}

class MongoCatalog implements Catalog {
  readonly #mongo: Mongo;
  readonly #parts: CatalogParts;
  readonly #collections: CatalogCollections;
  readonly #known = new Map<string, Known>();
  readonly #listeners = new Set<() => void>();
  readonly #subscription: Disposable;
  readonly #timer: NodeJS.Timeout;
  #snapshot: CatalogSnapshot = snapshotOf(0, [], []);
  /** Time of the newest change that was read. */
  #changedAt = 0;
  #isWanted = false;
  #refreshing: Promise<void> | null = null;

  constructor(mongo: Mongo, parts: CatalogParts, collections: CatalogCollections) {
    this.#mongo = mongo;
    this.#parts = parts;
    this.#collections = collections;
    this.#subscription = parts.notices.subscribe(NOTICE, () => this.#refresh());
    this.#timer = setInterval(() => this.#refresh(), catalogLimits.catalogHeadEveryMs).unref();
  }

  current(): CatalogSnapshot {
    return this.#snapshot;
  }

  async revision(tenant: string, identifier: string, revision: number): Promise<TemplateRevision | null> {
    const live = this.#snapshot.template(tenant, identifier);
    if (live?.revision === revision) return live;
    return this.#readRevision(templateKey(tenant, identifier), revision);
  }

  onChange(listener: () => void): Disposable {
    // a new function for each call, so that a listener that is added twice is called twice
    const entry = () => listener();
    this.#listeners.add(entry);
    return { [Symbol.dispose]: () => void this.#listeners.delete(entry) };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    clearInterval(this.#timer);
    this.#subscription[Symbol.dispose]();
    this.#listeners.clear();
    await this.#refreshing;
  }

  /** The first read. Rejects with its failure. */
  async start(): Promise<void> {
    this.#isWanted = true;
    const first = this.#catchUp();
    this.#refreshing = first.catch(() => {});
    await first;
  }

  #refresh(): void {
    this.#isWanted = true;
    this.#refreshing ??= this.#catchUp().catch(this.#parts.report);
  }

  /**
   * Reads once at a time. A call during a read causes another read after it, because the running
   * one may have read too early.
   */
  async #catchUp(): Promise<void> {
    try {
      while (this.#isWanted) {
        this.#isWanted = false;
        await this.#load();
      }
    } finally {
      this.#refreshing = null;
    }
  }

  /**
   * Reads the objects that have changed since the last read. Writers date the changes, by clocks
   * that may differ, so the read starts some time before the last change.
   */
  async #load(): Promise<void> {
    const since = this.#changedAt - catalogLimits.catalogOverlapMs;
    const recent = await this.#mongo.call(
      this.#collections.objects.find({ updatedAt: { $gte: since } }).toArray(),
    );
    const changed = recent.filter(({ _id, updatedAt }) => this.#known.get(_id)?.updatedAt !== updatedAt);
    if (changed.length === 0) return;
    const news = await Promise.all(changed.map((document) => this.#read(document)));
    changed.forEach(({ _id, updatedAt }, i) => {
      this.#known.set(_id, { updatedAt, live: news[i] ?? null });
    });
    this.#changedAt = changed.reduce((latest, { updatedAt }) => Math.max(latest, updatedAt), this.#changedAt);

    const live = [...this.#known.values()].flatMap((known) => known.live ?? []);
    const senders = live.flatMap((entry) => ('sender' in entry ? [entry.sender] : []));
    const templates = live.flatMap((entry) => ('template' in entry ? [entry.template] : []));
    this.#snapshot = snapshotOf(this.#snapshot.version + 1, senders, templates);
    for (const listener of this.#listeners) listener();
  }

  async #read(document: ObjectDocument): Promise<Known['live']> {
    if (document.state === 'removed') return null;
    if (document.config !== null) {
      const sender = this.#open({ config: document.config, sealed: document.sealed });
      return { sender: { ...sender, retiring: document.state === 'draining' } };
    }
    const template = await this.#readRevision(document._id, document.revision);
    return template === null ? null : { template };
  }

  /**
   * Without its credentials a sender stays in the catalog: the relay rejects the login, which
   * counts as a fault on our side and spends no attempt, so the mail waits for the right keyring.
   */
  #open(stored: Parameters<typeof openSender>[0]): Sender {
    try {
      return openSender(stored, this.#parts.keys);
    } catch (error) {
      this.#parts.report(error);
      return openSender(stored, null);
    }
  }

  async #readRevision(key: string, revision: number): Promise<TemplateRevision | null> {
    const stored = await this.#mongo.call(
      this.#collections.revisions.findOne({ _id: revisionId(key, revision) }),
    );
    return stored === null ? null : (JSON.parse(stored.config) as TemplateRevision);
  }
}
