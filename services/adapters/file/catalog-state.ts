// What a folder's catalog remembers over restarts: every revision of every template, never changed, and what is live, so that pinned revisions and
// the last good ones outlast the files they came from. Logins of senders are sealed.

import { createHash } from 'node:crypto';
import { mkdir, open, readdir, readFile, rename } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { type Sender, senderKey, type TemplateRevision, templateKey } from '../../core/catalog.ts';
import type { Keys } from '../../core/keyring.ts';
import { NONCE_BYTES } from '../../core/seal.ts';
import { openSender, type SealedSender, sealSender } from '../../core/sealed-sender.ts';
import type { Random } from '../../ports/random.ts';

/** Live objects by `sender/<tenant>/<name>` and `template/<tenant>/<identifier>`. */
export interface Live {
  readonly senders: ReadonlyMap<string, Sender>;
  readonly templates: ReadonlyMap<string, TemplateRevision>;
}

interface LiveFile {
  readonly senders: readonly SealedSender[];
  readonly templates: readonly { readonly tenant: string; readonly identifier: string; readonly revision: number }[];
}

export class CatalogState {
  readonly #folder: string;
  readonly #keys: Keys;
  readonly #random: Random;
  /** The highest number of each template, by the beginning of its files' names. */
  readonly #last: Map<string, number>;

  private constructor(folder: string, keys: Keys, random: Random, last: Map<string, number>) {
    this.#folder = folder;
    this.#keys = keys;
    this.#random = random;
    this.#last = last;
  }

  static async open(folder: string, keys: Keys, random: Random): Promise<CatalogState> {
    await mkdir(join(folder, 'revisions'), { recursive: true, mode: 0o700 });
    const last = new Map<string, number>();
    for (const file of await readdir(join(folder, 'revisions'))) {
      const [, name = '', number = ''] = /^(.+)@(\d+)\.json$/.exec(file) ?? [];
      if (name !== '') last.set(name, Math.max(last.get(name) ?? 0, Number(number)));
    }
    return new CatalogState(folder, keys, random, last);
  }

  /** What was live when the program ended, but for senders whose logins were sealed with another keyring: those have to be read anew. */
  async live(): Promise<Live> {
    const text = await readOrNull(join(this.#folder, 'live.json'));
    const file: LiveFile = text === null ? { senders: [], templates: [] } : JSON.parse(text);
    const senders = file.senders.flatMap((sealed) => {
      try {
        return [openSender(sealed, this.#keys)];
      } catch {
        return [];
      }
    });
    const read = file.templates.map(({ tenant, identifier, revision }) => this.revision(tenant, identifier, revision));
    const templates = (await Promise.all(read)).filter((template) => template !== null);
    return {
      senders: new Map(senders.map((sender) => [senderKey(sender.tenant, sender.name), sender])),
      templates: new Map(templates.map((template) => [templateKey(template.tenant, template.identifier), template])),
    };
  }

  async revision(tenant: string, identifier: string, revision: number): Promise<TemplateRevision | null> {
    const text = await readOrNull(this.#fileOf(nameOf(tenant, identifier), revision));
    return text === null ? null : (JSON.parse(text) as TemplateRevision);
  }

  /** The template under its number: that of the last revision when the content is the same, else one higher, and kept from now on. */
  async number(template: TemplateRevision): Promise<TemplateRevision> {
    const { tenant, identifier, hash } = template;
    const name = nameOf(tenant, identifier);
    const last = this.#last.get(name) ?? 0;
    const known = last === 0 ? null : await this.revision(tenant, identifier, last);
    if (known?.hash === hash) return known;
    const numbered = { ...template, revision: last + 1 };
    await writeWhole(this.#fileOf(name, numbered.revision), JSON.stringify(numbered));
    this.#last.set(name, numbered.revision);
    return numbered;
  }

  async keep(live: Live): Promise<void> {
    const file: LiveFile = {
      senders: [...live.senders.values()].map((sender) => sealSender(sender, this.#keys, () => this.#random.bytes(NONCE_BYTES))),
      templates: [...live.templates.values()].map(({ tenant, identifier, revision }) => ({ tenant, identifier, revision })),
    };
    await writeWhole(join(this.#folder, 'live.json'), JSON.stringify(file));
  }

  #fileOf(name: string, revision: number): string {
    return join(this.#folder, 'revisions', `${name}@${revision}.json`);
  }
}

/** Something that a person can read, and a digest, because identifiers are longer and more various than names of files. */
function nameOf(tenant: string, identifier: string): string {
  const key = `${tenant}/${identifier}`;
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

/** The file has the new text or the old one, whatever happens; it has the new one for good when this resolves. */
async function writeWhole(file: string, text: string): Promise<void> {
  const draft = `${file}.draft`;
  await using handle = await open(draft, 'w', 0o600);
  await handle.writeFile(text);
  await handle.sync();
  await rename(draft, file);
  await using folder = await open(dirname(file));
  await folder.sync();
}
