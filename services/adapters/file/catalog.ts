// The catalog from a folder of YAML files, for embedded mode. The folder is looked at a few times a second rather than watched: notices of file
// systems get lost on mounts of containers and networks. A good change is live within a second; of what is bad the last good revision stays.

import { setTimeout } from 'node:timers/promises';
import type { CatalogSnapshot, Sender, TemplateRevision } from '../../core/catalog.ts';
import { senderKey, templateKey } from '../../core/catalog.ts';
import { compileFolder } from '../../core/compile.ts';
import { Failure } from '../../core/failure.ts';
import type { Fault } from '../../core/fault.ts';
import type { Keys } from '../../core/keyring.ts';
import { limits } from '../../core/limits.ts';
import { snapshotOf } from '../../core/snapshot.ts';
import type { Catalog } from '../../ports/catalog.ts';
import type { Random } from '../../ports/random.ts';
import { CatalogState, type Live } from './catalog-state.ts';
import { areSame, documentsOf, type Stamps, stampsOf } from './folder.ts';

export interface FolderCatalogParts {
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

/** Rejects with `Failure('invalid')` when there is no such folder. Objects with faults are reported, and are no reason to reject. */
export async function openCatalog(parts: FolderCatalogParts): Promise<Catalog> {
  const state = await CatalogState.open(parts.state, parts.keys, parts.random);
  const catalog = new FolderCatalog(parts, state, await state.live());
  await catalog.start();
  return catalog;
}

class FolderCatalog implements Catalog {
  readonly #parts: FolderCatalogParts;
  readonly #state: CatalogState;
  readonly #listeners = new Set<() => void>();
  readonly #end = new AbortController();
  #live: Live;
  #snapshot: CatalogSnapshot;
  #faults: ReadonlySet<string> = new Set();
  #loaded: Stamps = new Map();
  #trouble: unknown = null;
  #watching: Promise<void> = Promise.resolve();

  constructor(parts: FolderCatalogParts, state: CatalogState, live: Live) {
    this.#parts = parts;
    this.#state = state;
    this.#live = live;
    this.#snapshot = snapshotOf(0, [...live.senders.values()], [...live.templates.values()]);
  }

  async start(): Promise<void> {
    const stamps = await stampsOf(this.#parts.folder).catch((error) => {
      throw new Failure('invalid', `the catalog folder ${this.#parts.folder} cannot be read`, { cause: error });
    });
    await this.#load(stamps);
    this.#watching = this.#watch();
  }

  current(): CatalogSnapshot {
    return this.#snapshot;
  }

  async revision(tenant: string, identifier: string, revision: number): Promise<TemplateRevision | null> {
    const live = this.#live.templates.get(templateKey(tenant, identifier));
    return live?.revision === revision ? live : this.#state.revision(tenant, identifier, revision);
  }

  onChange(listener: () => void): Disposable {
    // a function of its own, so that one who listens twice is called twice
    const entry = () => listener();
    this.#listeners.add(entry);
    return { [Symbol.dispose]: () => void this.#listeners.delete(entry) };
  }

  async check(): Promise<void> {
    if (this.#trouble !== null) throw new Failure('unavailable', 'the catalog folder cannot be read', { cause: this.#trouble });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#end.abort();
    this.#listeners.clear();
    await this.#watching;
  }

  /** Never rejects. A change is read once it has stood still for one look, since files are often written in several steps. */
  async #watch(): Promise<void> {
    let before = this.#loaded;
    const { signal } = this.#end;
    while (await setTimeout(limits.catalogPollMs, true, { signal, ref: false }).catch(() => false)) {
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
    // what cannot be compiled stays as it was, and so does what may stand in a file that cannot be read
    const stays = (key: string): boolean => !isWhole || compiled.present.has(key);
    const senders = new Map([...this.#live.senders].filter(([key]) => stays(key)));
    const templates = new Map([...this.#live.templates].filter(([key]) => stays(key)));
    for (const sender of compiled.senders) {
      const key = senderKey(sender.tenant, sender.name);
      senders.set(key, numbered(sender, this.#live.senders.get(key)));
    }
    for (const template of compiled.templates) {
      templates.set(templateKey(template.tenant, template.identifier), await this.#state.number(template));
    }
    await this.#goLive({ senders, templates });
    this.#loaded = stamps;
  }

  /** Kept first: whoever has seen a revision can pin it. */
  async #goLive(live: Live): Promise<void> {
    if (areSameLive(live, this.#live)) return;
    await this.#state.keep(live);
    this.#live = live;
    this.#snapshot = snapshotOf(this.#snapshot.version + 1, [...live.senders.values()], [...live.templates.values()]);
    for (const listener of this.#listeners) listener();
  }

  #report(faults: readonly Fault[]): void {
    const seen = new Map(faults.map((fault) => [JSON.stringify(fault), fault]));
    for (const [text, fault] of seen) if (!this.#faults.has(text)) this.#parts.report(fault);
    this.#faults = new Set(seen.keys());
  }
}

/** A sender's number tells people that something has changed; unlike a template's nobody pins it. */
function numbered(sender: Sender, last: Sender | undefined): Sender {
  return { ...sender, revision: last === undefined ? 1 : last.hash === sender.hash ? last.revision : last.revision + 1 };
}

/** Equal as far as a reader can see: of a template its number says that, of a sender the logins too. */
function areSameLive(a: Live, b: Live): boolean {
  const shown = ({ senders, templates }: Live): string =>
    JSON.stringify([
      [...senders.values()].toSorted((left, right) => compare(senderKey(left.tenant, left.name), senderKey(right.tenant, right.name))),
      [...templates].map(([key, { revision }]) => `${key}@${revision}`).toSorted(compare),
    ]);
  return shown(a) === shown(b);
}

const compare = (a: string, b: string): number => (a < b ? -1 : a > b ? 1 : 0);
