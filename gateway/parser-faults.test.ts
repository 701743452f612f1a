import { expect, onTestFinished, test } from 'vitest';
import { doorLimits } from '../services/core/limits/door.ts';
import { goodMessage, type TestGateway, testGateway } from './gateway.fixture.ts';
import type { ParserLimits } from './rest/parser-pool.ts';

const generous: ParserLimits = { heapMib: doorLimits.parserHeapMib, parseMs: doorLimits.parseMs };

async function open(limits: Partial<ParserLimits>): Promise<TestGateway> {
  const gateway = await testGateway({ parserLimits: { ...generous, ...limits } });
  onTestFinished(() => gateway[Symbol.asyncDispose]());
  return gateway;
}

/** Parsed by a thread, with little memory. */
const modest = JSON.stringify({ ...goodMessage, text: 'x'.repeat(doorLimits.bodyInMemoryBytes) });
/** 20 MB of values that stay on the heap of the thread until the whole body is read. */
const greedy = JSON.stringify({
  ...goodMessage,
  metadata: Object.fromEntries(Array.from({ length: 40_000 }, (_, i) => [`key${i}`, String(i).repeat(100)])),
});
/** One more than there are threads: the last one needs a slot that a fault freed. */
const times = Array.from({ length: doorLimits.parsersMax + 1 });

test('a body that takes more memory than a parser has gets 413, and the next body is parsed', async () => {
  const gateway = await open({ heapMib: 24 });
  const answers = await Promise.all(times.map(() => gateway.send('/v1/messages', { body: greedy })));
  expect(answers.map(({ status, body }) => [status, body.error.code, body.error.message])).toEqual(
    times.map(() => [
      413,
      'too_large',
      'Reading this request takes too much memory. Send fewer or shorter fields.',
    ]),
  );
  expect((await gateway.send('/readyz')).status).toBe(200);
  expect((await gateway.send('/v1/messages', { body: modest })).status).toBe(202);
  expect(gateway.logged.flat()).not.toContain('a request failed');
});

test('a body that takes longer than a parser may work gets 503, and the slot is free again', async () => {
  const gateway = await open({ parseMs: 1 });
  const answers = await Promise.all(times.map(() => gateway.send('/v1/messages', { body: modest })));
  expect(
    answers.map(({ status, headers, body }) => [status, headers.get('retry-after'), body.error.code]),
  ).toEqual(times.map(() => [503, '1', 'unavailable']));
  expect(answers[0]?.body.error.message).toBe(
    'Reading this request took too long; try again soon, or send a smaller request.',
  );
  expect((await gateway.send('/readyz')).status).toBe(200);
  // still parsed on the event loop, which needs no slot
  expect((await gateway.send('/v1/messages', { body: JSON.stringify(goodMessage) })).status).toBe(202);
  expect(gateway.logged.flat()).not.toContain('a request failed');
});
