import { mkdtempDisposable, readdir } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { acceptLimits } from '../services/core/limits/accept.ts';
import { doorLimits } from '../services/core/limits/door.ts';
import { ingestLimits } from '../services/core/limits/ingest.ts';
import { goodMessage, type TestGateway, testGateway } from './gateway.fixture.ts';

let folder: Awaited<ReturnType<typeof mkdtempDisposable>>;
let gateway: TestGateway;
beforeAll(async () => {
  folder = await mkdtempDisposable(join(tmpdir(), 'packetboat-large-'));
  gateway = await testGateway({ folder: folder.path });
});
afterAll(async () => {
  await gateway[Symbol.asyncDispose]();
  await folder[Symbol.asyncDispose]();
});

const json = (value: unknown): string => JSON.stringify(value);

/** `size` bytes of body: a message whose text is as long as it takes. */
function bodyOf(size: number): string {
  const empty = json({ ...goodMessage, text: '' });
  return json({ ...goodMessage, text: 'x'.repeat(size - empty.length) });
}

/** The bytes of each blob that a message of this id refers to. */
async function blobsOf(id: string): Promise<Buffer[]> {
  const [message] = await gateway.ingest.messages.find([id as never]);
  const { html, text, attachments } = (message?.content ?? {}) as {
    html?: unknown;
    text?: unknown;
    attachments?: readonly { readonly blob: string }[];
  };
  const ids = [html, text, ...(attachments ?? [])].flatMap((part) =>
    typeof part === 'object' && part !== null && 'blob' in part ? [part.blob as never] : [],
  );
  return Promise.all(
    ids.map(async (blob) => Buffer.concat(await Array.fromAsync(gateway.ingest.blobs.get(blob)))),
  );
}

describe('content', () => {
  test('of a large body arrives byte for byte', async () => {
    const file = Buffer.from(Array.from({ length: 1_000_003 }, (_, i) => (i * 7) % 251));
    const html = `<p>${'grüße 😀 \\" '.repeat(20_000)}</p>`;
    const attachments = [
      { filename: 'a.bin', content: file.toString('base64') },
      { filename: 'b.bin', content: 'QUJD' },
    ];
    const { status, body } = await gateway.send('/v1/messages', {
      body: json({ ...goodMessage, html, attachments }),
    });
    expect([status, body.error]).toEqual([202, undefined]);
    const blobs = await blobsOf(body.message_id);
    expect(blobs.map((blob) => blob.length)).toEqual(
      expect.arrayContaining([Buffer.byteLength(html), file.length, 3]),
    );
    expect(blobs.some((blob) => blob.equals(file))).toBe(true);
    expect(blobs.some((blob) => blob.toString() === html)).toBe(true);
  });

  test('of a small body too, when it is a file', async () => {
    const attachments = [{ filename: 'a.txt', content: 'QUJD' }];
    const { status, body } = await gateway.send('/v1/messages', {
      body: json({ ...goodMessage, attachments }),
    });
    expect(status).toBe(202);
    expect((await blobsOf(body.message_id)).map(String)).toEqual(['ABC']);
  });

  test('of a request that is repeated under its key is the same', async () => {
    const headers = { authorization: `Bearer ${gateway.key}`, 'idempotency-key': 'large' };
    const body = bodyOf(300_000);
    const answers = [
      await gateway.send('/v1/messages', { body, headers }),
      await gateway.send('/v1/messages', { body, headers }),
    ];
    expect(answers.map((a) => [a.status, a.headers.get('idempotent-replayed')])).toEqual([
      [202, null],
      [202, 'true'],
    ]);
  });

  test('in template data is judged like small data, with the paths of the caller', async () => {
    const send = (data: object) =>
      gateway.send('/v1/messages', {
        body: json({ recipient: 'a@example.com', template: 'otp-code', template_data: data }),
      });
    const large = await send({ code: '847291', unknown: 'x'.repeat(ingestLimits.contentInlineBytes) });
    expect([large.status, large.body.error]).toEqual([202, undefined]);
    const wrong = await send({ code: '1', expires_in: 'x'.repeat(ingestLimits.contentInlineBytes) });
    expect(wrong.body.error.errors.map((e) => e.field)).toEqual([
      'template_data.code',
      'template_data.expires_in',
    ]);
    const tooMuch = await send({ code: 'x'.repeat(acceptLimits.templateDataBytesMax) });
    expect([tooMuch.status, tooMuch.body.error.errors[0]?.field]).toEqual([422, 'template_data']);
  });
});

describe('the size of a body', () => {
  test.each([
    doorLimits.bodyInMemoryBytes - 1,
    doorLimits.bodyInMemoryBytes,
    doorLimits.bodyInMemoryBytes + 1,
  ])('around what stays in memory: %s', async (size) => {
    expect((await gateway.send('/v1/messages', { body: bodyOf(size) })).status).toBe(202);
  });

  test('may be 50 MiB', async () => {
    const { status, body } = await gateway.send('/v1/messages', { body: bodyOf(doorLimits.bodyBytesMax) });
    expect([status, body.error]).toEqual([202, undefined]);
  });

  test.each([
    ['announced', (body: string) => body],
    [
      'not announced',
      (body: string) =>
        (async function* () {
          yield Buffer.from(body);
        })(),
    ],
  ])('may not be one byte more, %s', async (_, given) => {
    const { status, body } = await gateway.send('/v1/messages', {
      body: given(bodyOf(doorLimits.bodyBytesMax + 1)),
    });
    expect([status, body.error.code]).toEqual([413, 'too_large']);
  });

  test('may be large only where content is', async () => {
    const { status, body } = await gateway.send('/v1/messages', {
      body: json({ ...goodMessage, subject: 'x'.repeat(2_000_000) }),
    });
    expect([status, body.error.code]).toEqual([413, 'too_large']);
  });
});

describe('what would cost too much to read', () => {
  const size = 50_000_000;
  let plainCpuMs = 0;
  beforeAll(async () => {
    const { answer, cpuMs } = await sendInPieces(bodyOf(size));
    expect(answer.status).toBe(202);
    plainCpuMs = cpuMs;
  });

  test.each([
    ['empty objects', `[${'{},'.repeat(size / 3)}{}]`],
    ['numbers', `[${'1,'.repeat(size / 2)}1]`],
    ['brackets', '['.repeat(size)],
    ['depth in a small body', `{"metadata":${'{"a":'.repeat(1_000)}1${'}'.repeat(1_001)}`],
    ['depth of 10,000', `{"metadata":${'{"a":'.repeat(10_000)}1${'}'.repeat(10_001)}`],
    ['unknown fields', `{${Array.from({ length: 20_000 }, (_, i) => `"f${i}":1`).join(',')}}`],
    ['a string that never ends', `{"text":"${'x'.repeat(size)}`],
    ['a number that never ends', `{"metadata":{"a":${'1'.repeat(100_000)}}}`],
    ['base64 that is none', json({ attachments: [{ filename: 'a', content: `${'A'.repeat(size)}-` }] })],
    ['blanks', ' '.repeat(size)],
  ])('%s: refused, and no work for the event loop', async (_, body) => {
    const { answer, cpuMs } = await sendInPieces(body);
    expect([answer.status, answer.body.error.code]).toEqual([400, 'invalid_request']);
    expect(answer.body.error.errors.length).toBeLessThanOrEqual(acceptLimits.fieldFaultsMax);
    expect(cpuMs).toBeLessThan(plainCpuMs * COST_ALLOWANCE);
  });
});

/**
 * Against a plain message of the same size, in CPU time of this thread. Measured: up to 3.5 times,
 * and a parser on the event loop takes about 70 times as much.
 */
const COST_ALLOWANCE = 10;

/**
 * `cpuMs` is CPU time of this thread, which sends the body and runs the gateway's event loop. The
 * time on the clock would depend on what else the machine does.
 */
async function sendInPieces(body: string) {
  const bytes = Buffer.from(body);
  const stream = (async function* () {
    for (let at = 0; at < bytes.length; at += 65_536) yield bytes.subarray(at, at + 65_536);
  })();
  const before = process.threadCpuUsage();
  const answer = await gateway.send('/v1/messages', { body: stream });
  const { user, system } = process.threadCpuUsage(before);
  return { answer, cpuMs: (user + system) / 1_000 };
}

test('nothing is left behind', async () => {
  expect(await readdir(folder.path)).toEqual([]);
});

test('more at a time than may wait are told to come back', async () => {
  const body = bodyOf(doorLimits.bodyInMemoryBytes + 1);
  const many = doorLimits.parserQueueMax + doorLimits.parsersMax + 60;
  const answers = await Promise.all(
    Array.from({ length: many }, () => gateway.send('/v1/messages', { body })),
  );
  const statuses = new Set(answers.map((a) => a.status));
  expect([...statuses].filter((status) => status !== 202 && status !== 503)).toEqual([]);
  for (const answer of answers)
    if (answer.status === 503) expect(answer.headers.get('retry-after')).toBe('1');
});
