// The catalog from a folder of YAML files, for embedded mode. The folder is polled a few times a
// second, because file system notifications get lost on container and network mounts. A valid
// change is live within a second; an object with faults keeps its last good revision.

import { setTimeout } from 'node:timers/promises';
import type { CatalogSnapshot, TemplateRevision } from '../../core/catalog/catalog.ts';
import type { Fault } from '../../core/documents/fault.ts';
import { Failure } from '../../core/failure.ts';
import { catalogLimits } from '../../core/limits/catalog.ts';
import { compileFolder } from '../../core/objects/compile-folder.ts';
import type { Keys } from '../../core/secrets/keyring.ts';
import type { Catalog } from '../../ports/catalog.ts';
import type { CatalogSource, CatalogWriter } from '../../ports/catalog-writer.ts';
import type { DrainingSenders } from '../../ports/draining-senders.ts';
import type { Random } from '../../ports/random.ts';
import { CatalogState } from './catalog-state.ts';
import { createCatalogWriter } from './catalog-writer.ts';
import { drainingSendersOf } from './draining-senders.ts';
import { areSame, documentsOf, type Stamps, stampsOf } from './folder.ts';

interface FolderCatalogParts {
  /** The folder of the YAML files. */
  readonly folder: string;
  /** The folder of the catalog's state; no other process writes there. */
  readonly state: string;
  /** The keys of purpose `catalog`, which seal the senders' logins in the state. */
  readonly keys: Keys;
  readonly random: Random;
  /** Milliseconds since 1970, by the store's clock. */
  readonly now: () => number;
  /** Called with each new fault, and not again while the fault remains. */
  readonly report: (fault: Fault) => void;
  /**
   * Called when the folder or the state cannot be read or written. The last good state stays live.
   */
  readonly reportTrouble: (error: unknown) => void;
}

/**
 * The name of this source does not depend on the folder's path, so a folder that was moved keeps
 * its revisions. The state has no other writer.
 */
const SOURCE: CatalogSource = { kind: 'folder', name: 'embedded', fence: { term: 0, generation: 0 } };

/** The catalog, and its senders whose file was deleted. */
export interface EmbeddedCatalog extends Catalog {
  readonly drainingSenders: DrainingSenders;
}

/**
 * Opens the catalog. Rejects with `Failure('invalid')` if the folder cannot be read. Objects with
 * faults are reported and do not reject.
 */
export async function openCatalog(parts: FolderCatalogParts): Promise<EmbeddedCatalog> {
  const catalog = new FolderCatalog(parts, await CatalogState.open(parts.state, parts.keys));
  await catalog.start();
  return catalog;
}

class FolderCatalog implements EmbeddedCatalog {
  readonly drainingSenders: DrainingSenders;
  readonly #parts: FolderCatalogParts;
  readonly #state: CatalogState;
  readonly #writer: CatalogWriter;
  readonly #listeners = new Set<() => void>();
  readonly #end = new AbortController();
  #snapshot: CatalogSnapshot;
  /** True from a write to the state until the next snapshot, even if a load fails in between. */
  #isStale = false;
  #faults: ReadonlySet<string> = new Set();
  #loaded: Stamps = new Map();
  #isTroubled = false;
  #watching: Promise<void> = Promise.resolve();

  constructor(parts: FolderCatalogParts, state: CatalogState) {
    this.#parts = parts;
    this.#state = state;
    const publish = () => {
      this.#isStale = true;
    };
    this.#writer = createCatalogWriter(state, { ...parts, notices: { publish } });
    this.drainingSenders = drainingSendersOf(state, () => this.#goLive());
    this.#snapshot = state.snapshot(0);
  }

  async start(): Promise<void> {
    const stamps = await stampsOf(this.#parts.folder).catch((error: NodeJS.ErrnoException) => {
      throw new Failure(
        'invalid',
        `the catalog folder ${this.#parts.folder} cannot be read (${error.code})`,
        { cause: error },
      );
    });
    await this.#load(stamps);
    this.#watching = this.#watch();
  }

  current(): CatalogSnapshot {
    return this.#snapshot;
  }

  async revision(tenant: string, identifier: string, revision: number): Promise<TemplateRevision | null> {
    const live = this.#snapshot.template(tenant, identifier);
    return live?.revision === revision ? live : this.#state.revision(tenant, identifier, revision);
  }

  onChange(listener: () => void): Disposable {
    // a new function each time, so that a listener that is added twice is called twice
    const entry = () => listener();
    this.#listeners.add(entry);
    return { [Symbol.dispose]: () => void this.#listeners.delete(entry) };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#end.abort();
    this.#listeners.clear();
    await this.#watching;
  }

  /**
   * Polls the folder until the catalog is closed; never rejects. A change is loaded when two polls
   * in a row have found it the same, because files are often written in several steps.
   */
  async #watch(): Promise<void> {
    let before = this.#loaded;
    const { signal } = this.#end;
    while (await setTimeout(catalogLimits.catalogPollMs, true, { signal, ref: false }).catch(() => false)) {
      try {
        const stamps = await stampsOf(this.#parts.folder);
        const isStill = areSame(stamps, before);
        before = stamps;
        if (isStill && !areSame(stamps, this.#loaded)) await this.#load(stamps);
        this.#isTroubled = false;
      } catch (error) {
        if (!this.#isTroubled) this.#parts.reportTrouble(error);
        this.#isTroubled = true;
      }
    }
  }

  async #load(stamps: Stamps): Promise<void> {
    const { documents, faults, isWhole } = await documentsOf(this.#parts.folder, stamps.keys());
    const compiled = compileFolder(documents);
    this.#report([...faults, ...compiled.faults]);
    for (const sender of compiled.senders) await this.#writer.put(SOURCE, { kind: 'sender', sender });
    for (const template of compiled.templates) await this.#writer.put(SOURCE, { kind: 'template', template });
    // an object with faults keeps its last revision, and so do all objects while a file cannot be
    // parsed
    if (isWhole) await this.#writer.prune(SOURCE, compiled.present);
    if (this.#isStale) this.#goLive();
    this.#loaded = stamps;
  }

  #goLive(): void {
    this.#isStale = false;
    this.#snapshot = this.#state.snapshot(this.#snapshot.version + 1);
    for (const listener of this.#listeners) listener();
  }

  #report(faults: readonly Fault[]): void {
    const seen = new Map(faults.map((fault) => [JSON.stringify(fault), fault]));
    for (const [text, fault] of seen) if (!this.#faults.has(text)) this.#parts.report(fault);
    this.#faults = new Set(seen.keys());
  }
}
