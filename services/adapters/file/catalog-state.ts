// The catalog of a folder as it survives restarts: one file for each object, removed objects
// included, and one file for each revision of a template. Files are replaced as a whole, and a
// revision's file never changes. So pinned revisions and last good revisions outlive the YAML they
// came from. Relay logins are sealed. This file makes no decisions, and only one process may use a
// state.

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
 * An object as stored in its file. Removed objects are kept, so that revision numbers continue and
 * writes of old leaders are recognised.
 */
export interface KeptObject extends StoredObject {
  /** `sender/<tenant>/<name>` or `template/<tenant>/<identifier>`. */
  readonly key: string;
  readonly revision: number;
  /** Null for a template, whose content is in its revision's file, and for a removed object. */
  readonly sender: SealedSender | null;
  /** When the sender was retired, by the store's clock; null unless it is draining. */
  readonly retiredAt: number | null;
}

export class CatalogState {
  readonly #folder: string;
  readonly #keys: Keys;
  readonly #objects = new Map<string, KeptObject>();
  /** The objects that readers see, by the same keys. */
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

  /**
   * Runs `work` after all earlier work, so that each piece of work sees the results of those before
   * it.
   */
  inTurn<Result>(work: () => Promise<Result>): Promise<Result> {
    const result = this.#turn.then(work);
    // the caller of `inTurn` gets the error
    this.#turn = result.catch(() => {});
    return result;
  }

  /** Stores an object. The revision that a template's object points to must be stored before. */
  async keepObject(object: KeptObject): Promise<void> {
    await writeWhole(join(this.#folder, 'objects', `${nameOf(object.key)}.json`), JSON.stringify(object));
    await this.#show(object);
  }

  async keepRevision(template: TemplateRevision): Promise<void> {
    const key = templateKey(template.tenant, template.identifier);
    await writeWhole(this.#fileOf(key, template.revision), JSON.stringify(template));
  }

  /**
   * Makes an object visible from its stored form, so that readers never see an object that a crash
   * could lose.
   */
  async #show(object: KeptObject): Promise<void> {
    const { key, state, revision } = object;
    const isSeen = state === 'live' || state === 'draining';
    const sender = isSeen && object.sender !== null ? this.#opened(object.sender) : null;
    const template = isSeen && object.sender === null ? await this.#revision(key, revision) : null;
    this.#objects.set(key, object);
    setOrDelete(this.#senders, key, sender && { ...sender, retiring: state === 'draining' });
    setOrDelete(this.#templates, key, template);
  }

  /**
   * Null if the logins were sealed with another keyring. Such a sender is not visible until it is
   * written again.
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
 * A readable part and a digest, because identifiers can be longer than file names and contain other
 * characters.
 */
function nameOf(key: string): string {
  const readable = key.toLowerCase().replaceAll(/[^a-z0-9]+/g, '-');
  return `${readable.slice(0, 80)}-${createHash('sha256').update(key).digest('hex').slice(0, 16)}`;
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
 * Replaces a file: after a crash it has either the old text or the new text. The new text is
 * durable when the promise resolves.
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
