// Compressed bodies: all limits apply to what they become, and a broken one is an error of the
// caller.

import { randomBytes } from 'node:crypto';
import { Readable } from 'node:stream';
import { buffer } from 'node:stream/consumers';
import {
  brotliCompressSync,
  constants,
  createZstdCompress,
  deflateSync,
  gzipSync,
  zstdCompressSync,
} from 'node:zlib';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { doorLimits } from '../services/core/limits/door.ts';
import { type TestGateway, testGateway } from './gateway.fixture.ts';

let gateway: TestGateway;
beforeAll(async () => {
  gateway = await testGateway();
});
afterAll(() => gateway[Symbol.asyncDispose]());

const codings: readonly (readonly [string, (bytes: Buffer) => Buffer])[] = [
  ['gzip', (bytes) => gzipSync(bytes)],
  ['x-gzip', (bytes) => gzipSync(bytes)],
  ['GZIP', (bytes) => gzipSync(bytes)],
  ['br', (bytes) => brotliCompressSync(bytes)],
  ['zstd', (bytes) => zstdCompressSync(bytes)],
];

const message = (more: object = {}): Buffer =>
  Buffer.from(
    JSON.stringify({
      from: 'billing@mail.shop.example',
      to: ['ana@example.com'],
      subject: 'a',
      text: 'a',
      ...more,
    }),
  );
const post = (body: Buffer, coding: string) =>
  gateway.send('/v1/messages', {
    body,
    headers: { authorization: `Bearer ${gateway.key}`, 'content-encoding': coding },
  });
const large = message({
  attachments: [{ filename: 'a.bin', content: randomBytes(300_000).toString('base64') }],
});

describe.each(codings)('a body in %s', (coding, compress) => {
  test('is read as what it becomes', async () => {
    expect((await post(compress(message()), coding)).status).toBe(202);
    expect((await post(compress(large), coding)).status).toBe(202);
  });

  test.each([
    ['cut off', (bytes: Buffer) => bytes.subarray(0, bytes.length - 5)],
    ['cut in half', (bytes: Buffer) => bytes.subarray(0, bytes.length / 2)],
    ['of another form', (bytes: Buffer) => Buffer.alloc(bytes.length, 'c4nary')],
  ])('is 400 when it is %s', async (_, damage) => {
    for (const body of [message(), large]) {
      const { status, body: answer } = await post(damage(compress(body)), coding);
      expect([status, answer.error?.code]).toEqual([400, 'invalid_request']);
      expect(JSON.stringify(answer)).not.toContain('c4nary');
    }
  });

  test('is 413 when it becomes one byte too many', async () => {
    const most = Buffer.concat([message(), Buffer.alloc(doorLimits.bodyBytesMax - message().length, ' ')]);
    expect((await post(compress(most), coding)).status).toBe(202);
    expect((await post(compress(Buffer.concat([most, Buffer.from(' ')])), coding)).status).toBe(413);
  });
});

test('a body of a few kB that would become 5 GB is 413 once 50 MiB were read', async () => {
  const block = Buffer.alloc(10_000_000, ' ');
  const zeros = Readable.from(Array.from({ length: 500 }, () => block));
  const bomb = await buffer(zeros.pipe(createZstdCompress({ params: { [constants.ZSTD_c_windowLog]: 20 } })));
  expect(bomb.length).toBeLessThan(600_000);
  const before = gateway.bodies.buffered;
  expect((await post(bomb, 'zstd')).status).toBe(413);
  expect(gateway.bodies.buffered - before).toBeLessThan(doorLimits.bodyBytesMax + 1_000_000);
});

test('zstd with a window above the limit is refused, since its decoder would need as much memory', async () => {
  const wide = zstdCompressSync(Buffer.concat([message(), Buffer.alloc(20_000_000, ' ')]), {
    params: { [constants.ZSTD_c_windowLog]: 24 },
  });
  expect((await post(wide, 'zstd')).status).toBe(400);
});

test('what an empty body is, and what is not compressed, is not gzip', async () => {
  for (const body of [Buffer.alloc(0), message(), deflateSync(message())])
    expect((await post(body, 'gzip')).status).toBe(400);
});
