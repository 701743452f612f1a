// Requests of 50 MB: refused ones leave nothing, accepted ones arrive whole, and no event loop may
// stall. A body is a Blob, which `fetch` reads piece by piece, and content is compared in pieces:
// bytes are copied for each request, and the process that ran these tests with large buffers and
// texts took 1.2 GiB and ended twice in the middle of a run.

import { createHash, randomBytes } from 'node:crypto';
import { expect, it, vi } from 'vitest';
import { doorLimits } from '../../services/core/limits/door.ts';
import { good } from './bad-requests.ts';
import { withoutStall } from './event-loop.ts';
import { leftovers } from './leftovers.ts';
import { bytesOf, untilMailTo } from './mails.ts';
import { sender } from './objects.ts';
import { expectPolite } from './polite.ts';
import { codeOf, errorsOf } from './rest-client.ts';
import { onEachSubject } from './stage.ts';

const MINUTES = 120_000;
const MEGABYTE = 1_000_000;
/** Of content: a multiple of 3, so that base 64 needs no padding. */
const PIECE = 3 * 256 * 1024;
/** 10,000 lines of base 64 with their line ends. */
const LINES = 10_000 * (76 + 2);

/** This text, 50 MB of it, behind a beginning. */
function repeated(text: string, beginning = ''): Blob {
  const piece = Buffer.alloc(MEGABYTE, text);
  return new Blob([beginning, ...Array.from({ length: 50 }, () => piece)]);
}

/**
 * A request of exactly this many bytes, nearly all of them attachment, and the hash of its content.
 */
function ofBytes(bytes: number, recipient: string): { readonly body: Blob; readonly sha256: string } {
  const head = `${JSON.stringify({ ...good, to: [recipient] }).slice(0, -1)},"attachments":[{"filename":"a.bin","content":"`;
  const tail = '"}]}';
  const hash = createHash('sha256');
  const parts = [head];
  let left = bytes - head.length - tail.length;
  for (; left >= 4; left -= parts.at(-1)?.length ?? 0) {
    const content = randomBytes(Math.min(Math.floor(left / 4) * 3, PIECE));
    hash.update(content);
    parts.push(content.toString('base64'));
  }
  return { body: new Blob([...parts, tail, ' '.repeat(left)]), sha256: hash.digest('hex') };
}

/** Of the content of the only attachment, read in pieces of whole lines. */
function sha256OfAttachment(mail: Buffer): string {
  const hash = createHash('sha256');
  const start = mail.indexOf('\r\n\r\n', mail.indexOf('filename="a.bin"')) + 4;
  const end = mail.indexOf('\r\n--', start);
  for (let at = start; at < end; at += LINES)
    hash.update(Buffer.from(mail.subarray(at, Math.min(at + LINES, end)).toString('latin1'), 'base64'));
  return hash.digest('hex');
}

onEachSubject(
  'large requests',
  { objects: [sender('shop', { limits: { messagesPerSecond: 0 } })] },
  (stage) => {
    it.each<readonly [string, () => Blob]>([
      ['{},', () => repeated('{},')],
      ['[', () => repeated('[')],
      ['spaces and no value', () => repeated(' ')],
      ['one text that is not closed', () => repeated('c4nary ', '{"text":"')],
      ['backslashes', () => repeated('\\', '{"text":"')],
    ])('a body of 50 MB of %s is 400', { timeout: MINUTES }, async (_, body) => {
      const answer = await withoutStall(stage.packetboat, () => stage.rest.send(body()));
      expect([answer.status, codeOf(answer)]).toEqual([400, 'invalid_request']);
      expect(errorsOf(answer)).toEqual([]);
      expectPolite(answer);
    });

    it.each([
      ['where there is nothing', 'POST', '/x', null, 404],
      ['with a method that is not there', 'PUT', '/v1/messages', null, 405],
      ['without a key', 'POST', '/v1/messages', null, 401],
      ['with a malformed key', 'POST', '/v1/messages', 'sk_live_c4nary', 401],
      ['with an unknown key', 'POST', '/v1/messages', `sk_live_${'c4nary_'.repeat(4)}`, 401],
    ])('50 MB of {}, %s stalls nothing', { timeout: MINUTES }, async (_, method, path, key, code) => {
      const body = repeated('{},');
      const ask = () =>
        stage.rest
          .withKey(key)
          .request(method, path, { body, headers: { 'content-type': 'application/json' } });
      const [answer, ...others] = await withoutStall(stage.packetboat, () =>
        Promise.all([ask(), ask(), ask(), ask()]),
      );
      expect([answer, ...others].map(({ status }) => status)).toEqual([code, code, code, code]);
      expectPolite(answer);
      expect(answer.headers.get('x-ratelimit-limit')).toBe('0');
    });

    it('50 MiB are accepted; one byte more returns 413', { timeout: MINUTES }, async () => {
      const { body, sha256 } = ofBytes(doorLimits.bodyBytesMax, 'largest@example.com');
      const id = await withoutStall(stage.packetboat, async () => {
        const answer = await stage.rest.send(body, { 'Idempotency-Key': 'largest' });
        expect(answer.status).toBe(202);
        return String(answer.body.message_id);
      });
      await stage.rest.until(id, 'delivered', 60_000);
      const mail = bytesOf(await untilMailTo(stage.sink, 'largest@example.com'));
      expect(sha256OfAttachment(mail)).toBe(sha256);

      const before = await leftovers(stage.packetboat);
      const larger = await withoutStall(stage.packetboat, () =>
        stage.rest.send(ofBytes(doorLimits.bodyBytesMax + 1, 'too-large@example.com').body),
      );
      expect([larger.status, codeOf(larger)]).toEqual([413, 'too_large']);
      expectPolite(larger);
      const withoutLength = await fetch(`${stage.rest.url}/v1/messages`, {
        method: 'POST',
        headers: { authorization: `Bearer ${stage.rest.key}` },
        body: ofBytes(doorLimits.bodyBytesMax + 1, 'too-large@example.com').body.stream(),
        duplex: 'half',
      });
      expect(withoutLength.status).toBe(413);
      const refused = await stage.rest.send(ofBytes(MEGABYTE, 'c4nary').body);
      expect(errorsOf(refused).map(({ field }) => field)).toEqual(['to[0]']);
      expectPolite(refused);
      await vi.waitFor(async () => expect(await leftovers(stage.packetboat)).toBe(before), {
        timeout: 10_000,
      });
      expect(stage.sink.mails.flatMap(({ to }) => to)).toEqual(['largest@example.com']);
    });
  },
);
