// What a folder's catalog remembers over restarts, in files that are written whole: one for each
// object, whatever became of it, and one for each revision of a template, never changed. So pinned
// revisions and the last good ones outlast the files they came from. Logins of senders are sealed.
// It decides nothing, and one process owns it.

import { createHash } from 'node:crypto';
import { mkdir, open, readdir, readFile, rename } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import {
  type CatalogSnapshot,
  type Sender,
  type TemplateRevision,
  templateKey,
} from '../../core/catalog/catalog.ts';
import type { StoredObject } from '../../core/catalog/catalog-write.ts';
import { openSender, type SealedSender } from '../../core/catalog/sealed-sender.ts';
import { snapshotOf } from '../../core/catalog/snapshot.ts';
import type { Keys } from '../../core/secrets/keyring.ts';

/**
 * An object as its file holds it. Removed ones stay, so that their numbers go on and old leaders
 * are known.
 */
export interface KeptObject extends StoredObject {
  /** `sender/<tenant>/<name>` or `template/<tenant>/<identifier>`. */
  readonly key: string;
  readonly revision: number;
  /** Null for a template, whose content is its revision's, and for what was removed. */
  readonly sender: SealedSender | null;
}

export class CatalogState {
  readonly #folder: string;
  readonly #keys: Keys;
  readonly #objects = new Map<string, KeptObject>();
  /** What is in view, by the same keys. */
  readonly #senders = new Map<string, Sender>();
  readonly #templates = new Map<string, TemplateRevision>();
  #turn: Promise<unknown> = Promise.resolve();

  private constructor(folder: string, keys: Keys) {
    this.#folder = folder;
    this.#keys = keys;
  }

  static async open(folder: string, keys: Keys): Promise<CatalogState> {
    const state = new CatalogState(folder, keys);
    for (const name of ['objects', 'revisions'])
      await mkdir(join(folder, name), { recursive: true, mode: 0o700 });
    for (const file of await readdir(join(folder, 'objects'))) {
      if (file.endsWith('.json'))
        await state.#show(JSON.parse(await readFile(join(folder, 'objects', file), 'utf8')));
    }
    return state;
  }

  snapshot(version: number): CatalogSnapshot {
    return snapshotOf(version, [...this.#senders.values()], [...this.#templates.values()]);
  }

  object(key: string): KeptObject | null {
    return this.#objects.get(key) ?? null;
  }

  objects(): readonly KeptObject[] {
    return [...this.#objects.values()];
  }

  async revision(tenant: string, identifier: string, revision: number): Promise<TemplateRevision | null> {
    return this.#revision(templateKey(tenant, identifier), revision);
  }

  /** One piece of work at a time: each decides by what the one before it left. */
  inTurn<Result>(work: () => Promise<Result>): Promise<Result> {
    const result = this.#turn.then(work);
    // whoever asked for the work hears of its failure
    this.#turn = result.catch(() => {});
    return result;
  }

  /** A template's revision has to be kept before the object that points to it. */
  async keepObject(object: KeptObject): Promise<void> {
    await writeWhole(join(this.#folder, 'objects', `${nameOf(object.key)}.json`), JSON.stringify(object));
    await this.#show(object);
  }

  async keepRevision(template: TemplateRevision): Promise<void> {
    const key = templateKey(template.tenant, template.identifier);
    await writeWhole(this.#fileOf(key, template.revision), JSON.stringify(template));
  }

  /** What is shown is what was read back: nobody sees what was not kept. */
  async #show(object: KeptObject): Promise<void> {
    const { key, isLive, revision } = object;
    const sender = isLive && object.sender !== null ? this.#opened(object.sender) : null;
    const template = isLive && object.sender === null ? await this.#revision(key, revision) : null;
    this.#objects.set(key, object);
    setOrDelete(this.#senders, key, sender);
    setOrDelete(this.#templates, key, template);
  }

  /**
   * Null when its logins were sealed with another keyring: such a sender is out of view until it is
   * written anew.
   */
  #opened(sealed: SealedSender): Sender | null {
    try {
      return openSender(sealed, this.#keys);
    } catch {
      return null;
    }
  }

  async #revision(key: string, revision: number): Promise<TemplateRevision | null> {
    const text = await readOrNull(this.#fileOf(key, revision));
    return text === null ? null : (JSON.parse(text) as TemplateRevision);
  }

  #fileOf(key: string, revision: number): string {
    return join(this.#folder, 'revisions', `${nameOf(key)}@${revision}.json`);
  }
}

function setOrDelete<Value>(map: Map<string, Value>, key: string, value: Value | null): void {
  if (value === null) map.delete(key);
  else map.set(key, value);
}

/**
 * Something that a person can read, and a digest, because identifiers are longer and more various
 * than names of files.
 */
function nameOf(key: string): string {
  const shown = key.toLowerCase().replaceAll(/[^a-z0-9]+/g, '-');
  return `${shown.slice(0, 80)}-${createHash('sha256').update(key).digest('hex').slice(0, 16)}`;
}

async function readOrNull(file: string): Promise<string | null> {
  try {
    return await readFile(file, 'utf8');
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return null;
    throw error;
  }
}

/**
 * The file has the new text or the old one, whatever happens; it has the new one for good when this
 * resolves.
 */
async function writeWhole(file: string, text: string): Promise<void> {
  const draft = `${file}.draft`;
  await using handle = await open(draft, 'w', 0o600);
  await handle.writeFile(text);
  await handle.sync();
  await rename(draft, file);
  await using folder = await open(dirname(file));
  await folder.sync();
}
