import { describe, expect, test } from 'vitest';
import { Failure } from '../core/failure.ts';
import { createLog, type LogOptions, reporter } from './log.ts';

function lines(options: Partial<LogOptions> = {}) {
  const written: string[] = [];
  const log = createLog({ program: 'test', level: 'info', destination: { write: (line) => void written.push(line) }, ...options });
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
  ])('never holds %s, wherever it comes from', (_, secret) => {
    const { log, written } = lines();
    const failure = new Failure('unavailable', `refused ${secret}`, { cause: new Error(`said "${secret}"`) });
    reporter(log)('could not do it', failure);
    log.warn({ url: `/v1/messages?q=${secret}`, nested: { deep: [secret] } }, `about ${secret}`);
    expect(written.join('')).not.toMatch(/sk_live|user@example|user\.name|hunter2/);
    for (const line of written) expect(() => JSON.parse(line)).not.toThrow();
  });

  test('tells of an error what is harmless: no documents, commands or URLs that a driver hung onto it', () => {
    const { log, written } = lines();
    reporter(log)('it failed', Object.assign(new TypeError('no'), { code: 'EPIPE', document: { subject: 'hidden' }, url: 'hidden' }));
    const { err } = JSON.parse(written.join(''));
    expect(Object.keys(err).toSorted()).toEqual(['code', 'message', 'stack', 'type']);
    expect(written.join('')).not.toContain('hidden');
  });

  test('shows the cause of a failure, and no stack where nobody needs one', () => {
    const { log, written } = lines();
    reporter(log)('it failed', new Failure('unavailable', 'no answer', { cause: new Failure('unavailable', 'refused') }));
    expect(JSON.parse(written.join('')).err).toEqual({
      type: 'Failure',
      message: 'no answer',
      code: 'unavailable',
      cause: { type: 'Failure', message: 'refused', code: 'unavailable' },
    });
  });

  test('is text for people in development, without keys and addresses either', () => {
    const { log, written } = lines({ isForPeople: true });
    log.warn({ place: 'otp.yaml:3', err: new Failure('invalid', 'about user@example.com') }, 'not good');
    expect(written.join('')).toMatch(/^\d\d:\d\d:\d\d warn {2}not good \{"place":"otp.yaml:3"\}: about \[address\]\n$/);
  });
});
