// The mail of the development inbox: `<id>.eml` has the bytes as received, `<id>.json` the envelope
// and subject. The oldest mail is deleted when the folder is full. One process owns a folder. Files
// are not synced, because a lost test mail does no harm.

import { randomBytes } from 'node:crypto';
import { createReadStream, createWriteStream } from 'node:fs';
import { mkdir, readdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { z } from 'zod';
import { inboxLimits } from '../core/limits/inbox.ts';
import { readSubject } from './read-mail.ts';

const kept = z.object({
  /** RFC 3339, UTC. */
  received_at: z.string(),
  /** Empty for the null reverse-path. */
  mail_from: z.string(),
  rcpt_to: z.array(z.string()),
  subject: z.string(),
  bytes: z.number(),
});

/** A mail as lists show it. */
export type KeptMail = Readonly<z.infer<typeof kept>> & { readonly id: string };

interface ReceivedEnvelope {
  readonly mail_from: string;
  readonly rcpt_to: readonly string[];
}

interface MailFolderLimits {
  readonly mailsMax: number;
  readonly bytesMax: number;
}

// The time in milliseconds, a counter for mails of the same millisecond, and random digits: ids
// sort by arrival and cannot be guessed.
const ID = /^[0-9a-f]{24}$/;
const FILE = /^([0-9a-f]{24})\.(eml|json|part)$/;

export class MailFolder {
  readonly #folder: string;
  readonly #limits: MailFolderLimits;
  readonly #mails = new Map<string, KeptMail>();
  #arrivals = 0;

  private constructor(folder: string, folderLimits: MailFolderLimits) {
    this.#folder = folder;
    this.#limits = folderLimits;
  }

  /**
   * Opens the folder: creates it if missing, loads the mail of earlier runs and deletes
   * half-written files.
   */
  static async open(
    folder: string,
    folderLimits: MailFolderLimits = {
      mailsMax: inboxLimits.inboxMailsMax,
      bytesMax: inboxLimits.inboxBytesMax,
    },
  ): Promise<MailFolder> {
    await mkdir(folder, { recursive: true, mode: 0o700 });
    const opened = new MailFolder(folder, folderLimits);
    const files = (await readdir(folder)).filter((name) => FILE.test(name));
    for (const name of files.filter((name) => name.endsWith('.json')).sort())
      await opened.#readBack(name.slice(0, -'.json'.length));
    for (const name of files)
      if (!opened.#mails.has(name.slice(0, 24))) await rm(join(folder, name), { force: true });
    await opened.#dropOldest();
    return opened;
  }

  /** Newest first. */
  list(): KeptMail[] {
    return [...this.#mails.values()].sort((a, b) => (a.id < b.id ? 1 : -1));
  }

  /**
   * Null if there is no mail with this id. An id of any form is safe, because it becomes part of a
   * path only if a mail has it.
   */
  find(id: string): KeptMail | null {
    return ID.test(id) ? (this.#mails.get(id) ?? null) : null;
  }

  /** The bytes as received. The stream fails with ENOENT if the mail was deleted meanwhile. */
  source(mail: KeptMail): Readable {
    return createReadStream(this.#path(mail.id, 'eml'));
  }

  /**
   * Stores a mail. It survives a restart when the promise resolves. Rejects with the error of the
   * source or the disk, and then keeps nothing.
   */
  async receive(source: AsyncIterable<Buffer>, envelope: ReceivedEnvelope): Promise<KeptMail> {
    const part = this.#path(randomBytes(12).toString('hex'), 'part');
    try {
      const { head, bytes } = await writeDown(source, part);
      const receivedAt = new Date();
      const id = this.#newId(receivedAt);
      const facts = {
        received_at: receivedAt.toISOString(),
        ...envelope,
        rcpt_to: [...envelope.rcpt_to],
        subject: await readSubject(head),
        bytes,
      };
      await rename(part, this.#path(id, 'eml'));
      // The JSON comes last: without it the mail does not exist, and the next start deletes its
      // bytes.
      await writeFile(part, JSON.stringify(facts), { mode: 0o600 });
      await rename(part, this.#path(id, 'json'));
      const mail = { id, ...facts };
      this.#mails.set(id, mail);
      await this.#dropOldest();
      return mail;
    } finally {
      await rm(part, { force: true });
    }
  }

  async clear(): Promise<void> {
    await Promise.all([...this.#mails.keys()].map((id) => this.#remove(id)));
  }

  async #dropOldest(): Promise<void> {
    const newestFirst = this.list();
    let bytes = newestFirst.reduce((sum, mail) => sum + mail.bytes, 0);
    while (
      newestFirst.length > this.#limits.mailsMax ||
      (bytes > this.#limits.bytesMax && newestFirst.length > 1)
    ) {
      const oldest = newestFirst.pop();
      if (oldest === undefined) return;
      bytes -= oldest.bytes;
      await this.#remove(oldest.id);
    }
  }

  async #remove(id: string): Promise<void> {
    this.#mails.delete(id);
    await rm(this.#path(id, 'json'), { force: true });
    await rm(this.#path(id, 'eml'), { force: true });
  }

  async #readBack(id: string): Promise<void> {
    const facts = kept.safeParse(parseOrNull(await readFile(this.#path(id, 'json'), 'utf8')));
    if (facts.success) this.#mails.set(id, { id, ...facts.data });
  }

  #newId(at: Date): string {
    this.#arrivals = (this.#arrivals + 1) % 0x10000;
    const hex = (value: number, digits: number) => value.toString(16).padStart(digits, '0');
    return hex(at.getTime(), 12) + hex(this.#arrivals, 4) + randomBytes(4).toString('hex');
  }

  #path(id: string, kind: 'eml' | 'json' | 'part'): string {
    return join(this.#folder, `${id}.${kind}`);
  }
}

/** Streams the mail to a new file. Returns its first bytes and its length. */
async function writeDown(
  source: AsyncIterable<Buffer>,
  path: string,
): Promise<{ head: Buffer; bytes: number }> {
  const heads: Buffer[] = [];
  let bytes = 0;
  const count = async function* (chunks: AsyncIterable<Buffer>) {
    for await (const chunk of chunks) {
      if (bytes < inboxLimits.inboxHeadBytes)
        heads.push(chunk.subarray(0, inboxLimits.inboxHeadBytes - bytes));
      bytes += chunk.length;
      yield chunk;
    }
  };
  await pipeline(source, count, createWriteStream(path, { flags: 'wx', mode: 0o600 }));
  return { head: Buffer.concat(heads), bytes };
}

function parseOrNull(json: string): unknown {
  try {
    return JSON.parse(json);
  } catch {
    return null; // truncated by a power loss: the mail counts as not received
  }
}
