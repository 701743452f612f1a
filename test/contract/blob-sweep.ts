// What sweeping blobs promises over any pair of stores: content that nobody refers to is deleted
// after a day, and content of a stored message is never deleted.

import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { Content } from '../../services/core/delivery/message.ts';
import type { BlobId } from '../../services/core/ids.ts';
import { sweepLimits } from '../../services/core/limits/sweep.ts';
import type { BlobStore } from '../../services/ports/blob-store.ts';
import type { DueDeliveries } from '../../services/ports/due-deliveries.ts';
import type { MessageStore } from '../../services/ports/message-store.ts';
import { sweepBlobs } from '../../services/sweeper/sweep-blobs.ts';
import { newBlobId, sampleMessage } from './sample-message.ts';

export interface BlobSweepSubject extends AsyncDisposable {
  readonly messages: MessageStore & DueDeliveries;
  readonly blobs: BlobStore;
  /** Moves the clock of both stores. */
  elapse(ms: number): Promise<void>;
}

const HOUR = 3_600_000;
const DAY = 24 * HOUR;

export function blobSweepContract(name: string, open: () => Promise<BlobSweepSubject>): void {
  describe(`sweeping blobs: ${name}`, () => {
    let subject: BlobSweepSubject;
    beforeEach(async () => {
      subject = await open();
    });
    afterEach(() => subject[Symbol.asyncDispose]());

    async function upload(): Promise<BlobId> {
      const id = newBlobId(subject.messages.now());
      await subject.blobs.put(id, 'default', oneByte());
      return id;
    }
    async function insert(content: Partial<Content>, scheduledAt: number | null = null): Promise<void> {
      const message = sampleMessage({ createdAt: subject.messages.now(), scheduledAt });
      await subject.messages.insert([{ ...message, content: { ...message.content, ...content } }]);
    }
    /** The number of blobs that were deleted. */
    async function sweep(blobs = subject.blobs): Promise<number> {
      let deleted = 0;
      const metrics = {
        swept: (_: string, count: number) => {
          deleted += count;
        },
      };
      const { messages } = subject;
      await sweepBlobs({ messages, blobs, metrics }, new AbortController().signal);
      return deleted;
    }
    const areThere = async (ids: readonly BlobId[]): Promise<boolean[]> =>
      (await subject.blobs.stat(ids)).map((info) => info !== null);

    it('deletes what nobody refers to at 25 hours, and keeps it at 23', async () => {
      const older = await upload();
      await subject.elapse(2 * HOUR);
      const younger = await upload();
      await subject.elapse(23 * HOUR);
      expect(await sweep()).toBe(1);
      expect(await areThere([older, younger])).toEqual([false, true]);
      await subject.elapse(2 * HOUR);
      expect(await sweep()).toBe(1);
      expect(await areThere([younger])).toEqual([false]);
    });

    it('keeps each part of the content of mail that is scheduled 365 days ahead', async () => {
      const [html, text, data, file] = [await upload(), await upload(), await upload(), await upload()];
      const unused = await upload();
      const bytes = 1;
      const type = { contentType: 'text/plain', contentId: null, disposition: 'attachment' } as const;
      await insert(
        {
          html: { blob: html, bytes },
          text: { blob: text, bytes },
          templateData: { blob: data, bytes },
          attachments: [{ filename: 'a.txt', ...type, blob: file, bytes }],
        },
        subject.messages.now() + 365 * DAY,
      );
      for (const days of [2, 100, 262]) {
        await subject.elapse(days * DAY);
        await sweep();
      }
      expect(await areThere([html, text, data, file, unused])).toEqual([true, true, true, true, false]);
      for (const id of [html, text, data, file])
        expect(Buffer.concat(await Array.fromAsync(subject.blobs.get(id)))).toHaveLength(bytes);
    });

    it('keeps a blob whose message is inserted after the walk has found the blob', async () => {
      const [used, unused] = [await upload(), await upload()];
      await subject.elapse(sweepLimits.blobGraceMs + HOUR);
      const { blobs } = subject;
      const found: BlobId[] = [];
      const duringTheWalk: BlobStore = Object.assign(Object.create(blobs) as BlobStore, {
        delete: (ids: readonly BlobId[]) => blobs.delete(ids),
        olderThan: async (...asked: Parameters<BlobStore['olderThan']>) => {
          const page = await blobs.olderThan(...asked);
          if (page.includes(used)) await insert({ html: { blob: used, bytes: 1 } });
          found.push(...page);
          return page;
        },
      });
      expect(await sweep(duringTheWalk)).toBe(1);
      expect(found).toEqual(expect.arrayContaining([used, unused]));
      expect(await areThere([used, unused])).toEqual([true, false]);
    });

    it('walks over more blobs than one page has, and past those that are in use', async () => {
      const ids: BlobId[] = [];
      for (let i = 0; i < 7; i++) ids.push(await upload());
      await insert({ html: { blob: ids[0] as BlobId, bytes: 1 } });
      await insert({ html: { blob: ids[3] as BlobId, bytes: 1 } });
      await subject.elapse(25 * HOUR);
      const { blobs } = subject;
      const inSmallPages: BlobStore = Object.assign(Object.create(blobs) as BlobStore, {
        delete: (each: readonly BlobId[]) => blobs.delete(each),
        olderThan: (before: number, _: number, after: BlobId | null) => blobs.olderThan(before, 2, after),
      });
      expect(await sweep(inSmallPages)).toBe(5);
      expect(await areThere(ids)).toEqual([true, false, false, true, false, false, false]);
    });
  });
}

async function* oneByte(): AsyncGenerator<Uint8Array> {
  yield new Uint8Array(1);
}
