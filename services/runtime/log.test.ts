import { describe, expect, test } from 'vitest';
import { Failure } from '../core/failure.ts';
import { runningLimits } from '../core/limits/running.ts';
import { createLog, type LogOptions, reporter } from './log.ts';

function lines(options: Partial<LogOptions> = {}) {
  const written: string[] = [];
  const log = createLog({
    program: 'test',
    level: 'info',
    destination: { write: (line) => void written.push(line) },
    ...options,
  });
  return { log, written };
}

describe('a log line', () => {
  test('is one JSON object with level, time, program and message', () => {
    const { log, written } = lines();
    log.info({ ports: { grpc: 9090 } }, 'started');
    expect(JSON.parse(written.join(''))).toEqual({
      level: 'info',
      time: expect.stringMatching(/^\d{4}-\d\d-\d\dT/),
      program: 'test',
      ports: { grpc: 9090 },
      msg: 'started',
    });
  });

  test.each([
    ['a key', 'sk_live_0123456789abcdefghijklmnop'],
    ['an address', 'user.name+tag@example.com'],
    ['an address in brackets', '<user@example.com>'],
    ['the password of a URL', 'mongodb://packetboat:hunter2@db.example/'],
  ])('never contains %s, whatever its source', (_, secret) => {
    const { log, written } = lines();
    const failure = new Failure('unavailable', `refused ${secret}`, { cause: new Error(`said "${secret}"`) });
    reporter(log)('could not do it', failure);
    log.warn({ url: `/v1/messages?q=${secret}`, nested: { deep: [secret] } }, `about ${secret}`);
    expect(written.join('')).not.toMatch(/sk_live|user@example|user\.name|hunter2/);
    for (const line of written) expect(() => JSON.parse(line)).not.toThrow();
  });

  test('has only harmless parts of an error: no documents, commands or URLs that a driver attached to it', () => {
    const { log, written } = lines();
    reporter(log)(
      'it failed',
      Object.assign(new TypeError('no'), { code: 'EPIPE', document: { subject: 'hidden' }, url: 'hidden' }),
    );
    const { err } = JSON.parse(written.join(''));
    expect(Object.keys(err).toSorted()).toEqual(['code', 'stack', 'type']);
    expect(written.join('')).not.toContain('hidden');
  });

  test('has the cause of a failure, without a stack', () => {
    const { log, written } = lines();
    reporter(log)(
      'it failed',
      new Failure('unavailable', 'no answer', { cause: new Failure('unavailable', 'refused') }),
    );
    expect(JSON.parse(written.join('')).err).toEqual({
      type: 'Failure',
      message: 'no answer',
      code: 'unavailable',
      cause: { type: 'Failure', message: 'refused', code: 'unavailable' },
    });
  });

  test('has a message of its own if only an error is logged', () => {
    const { log, written } = lines();
    log.error(new Error('hidden'));
    log.error({ err: new Error('hidden') });
    log.error({ cause: Object.assign(new Error('hidden'), { document: 'hidden' }) }, 'it failed');
    expect(written.map((line) => JSON.parse(line).msg)).toEqual([
      'an error occurred',
      'an error occurred',
      'it failed',
    ]);
    expect(written.join('')).not.toContain('hidden');
  });

  test('that is cut has a bounded depth, so that the recursion is bounded', () => {
    const { written, log } = lines();
    log.info(
      { deep: Array.from({ length: 100 }).reduce((inner) => ({ inner }), 'x'), field: 'f'.repeat(10_000) },
      'm',
    );
    expect(written[0]?.match(/"inner":/g)?.length).toBeLessThanOrEqual(runningLimits.logDepthMax);
  });

  test.each([
    ['a long message', {}, 'm'.repeat(100_000)],
    ['a long field', { field: 'f'.repeat(1_000_000) }, 'it failed'],
    ['characters of several bytes', { field: '€😀'.repeat(10_000) }, 'it failed'],
    [
      'many fields',
      Object.fromEntries(Array.from({ length: 10_000 }, (_, i) => [`field${i}`, i])),
      'it failed',
    ],
    ['a long list', { list: Array.from({ length: 100_000 }, () => ({ a: 'b' })) }, 'it failed'],
    [
      'deep objects',
      { deep: Array.from({ length: 3_000 }).reduce((inner) => ({ inner }), 'x') },
      'it failed',
    ],
    [
      'a failure with a long message and long causes',
      {
        err: new Failure('invalid', 'e'.repeat(50_000), {
          cause: new Failure('invalid', 'c'.repeat(50_000)),
        }),
      },
      'it failed',
    ],
    ['characters that JSON escapes', { field: '\u0000"'.repeat(50_000) }, 'it failed'],
  ])('is cut to 8 KiB, says so and stays valid JSON: %s', (_, fields, message) => {
    const { log, written } = lines();
    log.warn(fields, message);
    const [line = ''] = written;
    expect(Buffer.byteLength(line)).toBeLessThanOrEqual(8 * 1024);
    expect(line.endsWith('\n')).toBe(true);
    expect(JSON.parse(line)).toMatchObject({
      level: 'warn',
      program: 'test',
      truncated: true,
      msg: expect.stringMatching(/^(?:it failed|m+…)$/),
    });
  });

  test('of 8 KiB or less is not cut', () => {
    const { log, written } = lines();
    log.warn({ field: 'f'.repeat(8_000) }, 'it failed');
    expect(JSON.parse(written[0] ?? '')).toMatchObject({ field: 'f'.repeat(8_000) });
    expect(written[0]).not.toContain('truncated');
  });

  test('is redacted before it is cut, so that no part of a key is left', () => {
    const { log, written } = lines();
    for (let pad = 2_000; pad < 2_100; pad += 1)
      log.warn({ field: `${'x'.repeat(pad)} sk_live_${'s'.repeat(40)} ${'y'.repeat(20_000)}` }, 'it failed');
    expect(written.join('')).not.toContain('sss');
  });

  test('is text in development, also without keys and addresses', () => {
    const { log, written } = lines({ isForPeople: true });
    log.warn({ place: 'otp.yaml:3', err: new Failure('invalid', 'about user@example.com') }, 'not good');
    expect(written.join('')).toMatch(
      /^\d\d:\d\d:\d\d warn {2}not good \{"place":"otp.yaml:3"\}: about \[address\]\n$/,
    );
  });
});
