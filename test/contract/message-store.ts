// What every MessageStore promises. An adapter's test opens by calling this with a way to get an
// empty store; nothing in here sleeps.

import { describe, expect, it } from 'vitest';
import type { MessageStore } from '../../services/ports/message-store.ts';
import { applyChanges } from './message-store-apply.ts';
import { idempotencyKeys } from './message-store-idempotency.ts';
import { insertAndFind } from './message-store-insert.ts';
import { newBlobId } from './sample-message.ts';
import { MINUTE, missing, type OpenedStore, openForEachTest } from './store-in-test.ts';

export function messageStoreContract(name: string, open: () => Promise<OpenedStore<MessageStore>>): void {
  describe(`MessageStore contract: ${name}`, () => {
    const opened = openForEachTest(open);
    const { sample, put } = opened;

    insertAndFind(opened);
    idempotencyKeys(opened);
    applyChanges(opened);

    it('returns the blobs that a message refers to', async () => {
      const blobs = Array.from({ length: 6 }, () => newBlobId(opened.t0));
      const [html = missing(), data = missing(), image = missing(), text = missing(), ...unused] = blobs;
      const attachment = {
        filename: 'a.png',
        contentType: 'image/png',
        contentId: null,
        disposition: 'attachment',
        blob: image,
        bytes: 3,
      } as const;
      const base = sample().content;
      await put(
        {
          content: {
            ...base,
            html: { blob: html, bytes: 70_000 },
            templateData: { blob: data, bytes: 70_000 },
          },
        },
        {
          content: { ...base, text: { blob: text, bytes: 70_000 }, attachments: [attachment, attachment] },
        },
        { tenant: 'other', content: { ...base, attachments: [attachment] } },
      );
      expect(await opened.store.blobsInUse(blobs)).toEqual(new Set([html, data, image, text]));
      expect(await opened.store.blobsInUse(unused)).toEqual(new Set());
      expect(await opened.store.blobsInUse([])).toEqual(new Set());
    });

    it('its clock advances', async () => {
      await opened.elapse(MINUTE);
      expect(opened.store.now()).toBeGreaterThanOrEqual(opened.t0 + MINUTE);
    });

    it('check resolves while the store can write', async () => {
      await expect(opened.store.check()).resolves.toBeUndefined();
    });
  });
}
