import { generateKeyPairSync } from 'node:crypto';
import { beforeEach, describe, expect, it } from 'vitest';
import { address, newBlobId, type Sample, sampleMessage } from '../../test/contract/sample-message.ts';
import { catalogOf, sampleSender } from '../../test/simulation/catalog.ts';
import { MemoryBlobStore } from '../adapters/memory/blob-store.ts';
import { ManualClock } from '../adapters/memory/clock.ts';
import type { Mailbox } from '../core/address.ts';
import type { DkimKey, Sender } from '../core/catalog/catalog.ts';
import type { Attachment, Content, Message } from '../core/delivery/message.ts';
import type { BlobId } from '../core/ids.ts';
import { CompiledTemplates } from '../core/template/compiled-templates.ts';
import { bytesOf, type ComposedMail, type ComposeParts, composeMail } from './compose-mail.ts';
import { SigningKeys } from './sign.ts';

const NOW = Date.UTC(2026, 10, 23, 6, 50, 35, 700);
const HOUR = 3_600_000;

const unsigned = sampleSender([60_000]);
const signed: Sender = {
  ...unsigned,
  dkim: [
    key('r1', 'rsa-sha256', generateKeyPairSync('rsa', { modulusLength: 2_048 }).privateKey),
    key('e1', 'ed25519-sha256', generateKeyPairSync('ed25519').privateKey),
  ],
};
const senders = [
  ['unsigned', unsigned],
  ['signed', signed],
] as const;

function key(
  selector: string,
  algorithm: DkimKey['algorithm'],
  privateKey: { export(format: { format: 'pem'; type: 'pkcs8' }): string | Buffer },
): DkimKey {
  const pem = String(privateKey.export({ format: 'pem', type: 'pkcs8' }));
  return { selector, algorithm, privateKey: pem, fingerprint: selector };
}

const blobs = new MemoryBlobStore(new ManualClock());
/** The blobs that were read since the test began. */
let reads: BlobId[] = [];
beforeEach(() => {
  reads = [];
});
const d: ComposeParts = {
  blobs: Object.assign(Object.create(blobs) as MemoryBlobStore, {
    get: (id: BlobId) => {
      reads.push(id);
      return blobs.get(id);
    },
  }),
  catalog: catalogOf([unsigned]).catalog,
  templates: new CompiledTemplates(),
  signingKeys: new SigningKeys(),
};

function message(content: Partial<Content>, more: Partial<Sample> = {}): Message {
  const sample = sampleMessage({ createdAt: NOW, ...more });
  return {
    ...sample,
    content: { ...sample.content, ...content },
    deliveries: sample.deliveries.map((delivery) => ({ ...delivery, version: '1' })),
    events: [],
  };
}

async function blob(content: string): Promise<{ readonly blob: BlobId; readonly bytes: number }> {
  const id = newBlobId(NOW);
  async function* chunks() {
    const bytes = Buffer.from(content);
    for (let at = 0; at < bytes.length; at += 1_000) yield bytes.subarray(at, at + 1_000);
  }
  const { bytes } = await blobs.put(id, 'default', chunks());
  return { blob: id, bytes };
}

async function file(content: string): Promise<Attachment> {
  const type = { contentType: 'text/plain', contentId: null, disposition: 'attachment' } as const;
  return { filename: 'a.txt', ...type, ...(await blob(content)) };
}

const written = async (mail: ComposedMail): Promise<string> =>
  Buffer.concat(await Array.fromAsync(bytesOf(blobs, mail.parts))).toString('latin1');

describe('the Date', () => {
  it.each([
    ['of acceptance', null, 'Mon, 23 Nov 2026 06:50:35 +0000'],
    ['of acceptance when the scheduled time was in the past', NOW - HOUR, 'Mon, 23 Nov 2026 06:50:35 +0000'],
    ['of a later scheduled time', NOW + HOUR, 'Mon, 23 Nov 2026 07:50:35 +0000'],
  ])('is the time %s, and t= of each signature follows', async (_, scheduledAt, date) => {
    const sent = message({}, { scheduledAt });
    const mail = await written(await composeMail(d, sent, signed));
    expect(/^Date: (.*)\r$/m.exec(mail)?.[1]).toBe(date);
    expect([...mail.matchAll(/; t=(\d+);/g)].map((match) => Number(match[1]) * 1_000)).toEqual([
      Date.parse(date),
      Date.parse(date),
    ]);
    expect(mail).not.toMatch(/;\s+x=/);
    expect(await written(await composeMail(d, sent, signed))).toBe(mail);
  });
});

describe('SMTPUTF8', () => {
  const utf8: Mailbox = { name: null, address: address('änne@b.example') };
  const domain: Mailbox = { name: 'Änne', address: address('anne@größe.example') };
  it.each<[string, Partial<Sample>, boolean]>([
    ['From', { from: utf8 }, true],
    ['To', { to: [domain, utf8] }, true],
    ['Cc', { cc: [domain, utf8] }, true],
    ['Reply-To', { replyTo: [domain, utf8] }, true],
    ['no mailbox', { from: domain, to: [domain], cc: [domain], replyTo: [domain] }, false],
    ['only the recipient of a blind copy', { deliveries: [{ to: 'änne@b.example' }] }, false],
  ])('%s has a local part beyond ASCII', async (_, more, isNeeded) => {
    expect((await composeMail(d, message({}, more), unsigned)).smtpUtf8).toBe(isNeeded);
  });
});

describe.each(senders)('the size of a mail that is %s', (_, sender) => {
  const long = 'Größe = 1 \n'.repeat(9_000);
  it.each<[string, () => Promise<Partial<Content>>]>([
    ['a text', async () => ({})],
    ['a file', async () => ({ attachments: [await file('x'.repeat(5_000))] })],
    ['an empty file', async () => ({ attachments: [await file('')] })],
    ['streamed text', async () => ({ text: await blob(long) })],
    [
      'streamed text and html with files',
      async () => ({ text: await blob(long), html: await blob(long), attachments: [await file(long)] }),
    ],
  ])('of %s is that of its bytes', async (_, content) => {
    const mail = await composeMail(d, message(await content()), sender);
    expect(mail.bytes).toBe((await written(mail)).length);
  });

  it.each<[string, () => Promise<Partial<Content>>]>([
    ['a text', async () => ({})],
    ['a file', async () => ({ attachments: [await file('x'.repeat(5_000))] })],
    ['streamed text', async () => ({ text: await blob(long) })],
  ])('of %s may reach the limit of the sender, without the signatures', async (_, content) => {
    const sent = message(await content());
    const { bytes } = await composeMail(d, sent, unsigned);
    const limited = (maxMessageBytes: number): Sender => {
      return { ...sender, limits: { ...sender.limits, maxMessageBytes } };
    };
    expect((await composeMail(d, sent, limited(bytes))).parts.length).toBeGreaterThan(0);
    await expect(composeMail(d, sent, limited(bytes - 1))).rejects.toMatchObject({ kind: 'too_large' });
  });
});

it('nothing of a mail that is certainly too large is read', async () => {
  const sent = message({ text: await blob('x'.repeat(2_000_000)) });
  await expect(composeMail(d, sent, signed)).rejects.toMatchObject({ kind: 'too_large' });
  expect(reads).toEqual([]);
});

it('without signatures, only streamed text is read to measure a mail', async () => {
  const text = await blob('x'.repeat(100_000));
  await composeMail(d, message({ text, attachments: [await file('x')] }), unsigned);
  expect(reads).toEqual([text.blob]);
});
