// The catalog from a folder of YAML files, for embedded mode. The folder is looked at a few times a
// second rather than watched: notices of file systems get lost on mounts of containers and
// networks. A good change is live within a second; of what is bad the last good revision stays.

import { setTimeout } from 'node:timers/promises';
import type { CatalogSnapshot, TemplateRevision } from '../../core/catalog/catalog.ts';
import type { Fault } from '../../core/documents/fault.ts';
import { Failure } from '../../core/failure.ts';
import { catalogLimits } from '../../core/limits/catalog.ts';
import { compileFolder } from '../../core/objects/compile.ts';
import type { Keys } from '../../core/secrets/keyring.ts';
import type { Catalog } from '../../ports/catalog.ts';
import type { CatalogSource, CatalogWriter } from '../../ports/catalog-writer.ts';
import type { Random } from '../../ports/random.ts';
import { CatalogState } from './catalog-state.ts';
import { createCatalogWriter } from './catalog-writer.ts';
import { areSame, documentsOf, type Stamps, stampsOf } from './folder.ts';

interface FolderCatalogParts {
  /** Where people write. */
  readonly folder: string;
  /** Where revisions are kept; nobody else writes there. */
  readonly state: string;
  /** Those of purpose `catalog`: the state holds logins of senders. */
  readonly keys: Keys;
  readonly random: Random;
  /** Told of each fault when it comes up, not again while it stays. */
  readonly report: (fault: Fault) => void;
  /** Told when the folder or the state cannot be read or written; the last good state stays. */
  readonly reportTrouble: (error: unknown) => void;
}

/**
 * The only writer of its state, and the same one whatever its folder is called: one that was moved
 * goes on where it was.
 */
const SOURCE: CatalogSource = { kind: 'folder', name: 'embedded', fence: { term: 0, generation: 0 } };

/**
 * Rejects with `Failure('invalid')` when there is no such folder. Objects with faults are reported,
 * and are no reason to reject.
 */
export async function openCatalog(parts: FolderCatalogParts): Promise<Catalog> {
  const catalog = new FolderCatalog(parts, await CatalogState.open(parts.state, parts.keys));
  await catalog.start();
  return catalog;
}

class FolderCatalog implements Catalog {
  readonly #parts: FolderCatalogParts;
  readonly #state: CatalogState;
  readonly #writer: CatalogWriter;
  readonly #listeners = new Set<() => void>();
  readonly #end = new AbortController();
  #snapshot: CatalogSnapshot;
  /** The state has changed since the snapshot was taken. It stays so when a look fails half-way. */
  #isStale = false;
  #faults: ReadonlySet<string> = new Set();
  #loaded: Stamps = new Map();
  #trouble: unknown = null;
  #watching: Promise<void> = Promise.resolve();

  constructor(parts: FolderCatalogParts, state: CatalogState) {
    this.#parts = parts;
    this.#state = state;
    const publish = () => {
      this.#isStale = true;
    };
    this.#writer = createCatalogWriter(state, { ...parts, notices: { publish } });
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
    // a function of its own, so that one who listens twice is called twice
    const entry = () => listener();
    this.#listeners.add(entry);
    return { [Symbol.dispose]: () => void this.#listeners.delete(entry) };
  }

  async check(): Promise<void> {
    if (this.#trouble !== null)
      throw new Failure('unavailable', 'the catalog folder cannot be read', { cause: this.#trouble });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#end.abort();
    this.#listeners.clear();
    await this.#watching;
  }

  /**
   * Never rejects. A change is read once it has stood still for one look, since files are often
   * written in several steps.
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
        this.#trouble = null;
      } catch (error) {
        if (this.#trouble === null) this.#parts.reportTrouble(error);
        this.#trouble = error;
      }
    }
  }

  async #load(stamps: Stamps): Promise<void> {
    const { documents, faults, isWhole } = await documentsOf(this.#parts.folder, stamps.keys());
    const compiled = compileFolder(documents);
    this.#report([...faults, ...compiled.faults]);
    for (const sender of compiled.senders) await this.#writer.put(SOURCE, { kind: 'sender', sender });
    for (const template of compiled.templates) await this.#writer.put(SOURCE, { kind: 'template', template });
    // what cannot be compiled stays as it was, and so does what may stand in a file that cannot be
    // read
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
