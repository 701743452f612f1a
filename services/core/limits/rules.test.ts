import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { assertLimits, limits } from './rules.ts';

const but = (more: Partial<Record<keyof typeof limits, number>>): typeof limits =>
  ({ ...limits, ...more }) as typeof limits;

it('the limits obey their rules', () => {
  expect(() => assertLimits()).not.toThrow();
});

it.each([
  ['a lease survives one renewal that failed', { leaseRenewShare: 0.45 }],
  [
    'a dispatcher stops to trust its lease before the fastest clock of a store ends the lease',
    { storeClockSlewShare: 0.2 },
  ],
  ['the default lease lies between the lowest and the highest', { leaseMs: limits.leaseMaxMs + 1 }],
  [
    'the queue does not redeliver an entry while a slow server takes its mail',
    { ackWaitMs: limits.smtpDotMs },
  ],
  ['a full turn fits into one gRPC message', { grpcMessageBytesMax: limits.turnBytesMax }],
  ['an inline message fits into a turn', { contentInlineBytes: limits.turnBytesMax / 2 }],
  ['a body parsed in memory fits into a turn', { bodyInMemoryBytes: limits.turnBytesMax + 1 }],
  [
    'a mail with the content of the largest body is within the limit of a sender without one',
    { mailBytesMax: 3 * limits.bodyBytesMax },
  ],
  ['the inbox takes the largest mail with its signatures', { inboxMailBytesMax: limits.mailBytesMax }],
  [
    'no blob is deleted while the accept that refers to it may still run',
    { blobGraceMs: limits.uploadUsableMs },
  ],
  ['a publish has ended before its entry counts as lost', { republishMinMs: limits.publishMs }],
  [
    'an entry gets all its redeliveries before the queue drops it for its age',
    { queueEntryAgeMs: limits.ackWaitMs },
  ],
  ['a delivery waits at least once before the last lapse ends it', { lapsesWithoutDelayMax: 4 }],
  ['one fetch does not empty the window', { windowPerLane: limits.consumeBatch - 1 }],
])('no program starts unless %s', (rule, more) => {
  expect(() => assertLimits(but(more))).toThrow(rule);
});

it('each limit has a name of its own', () => {
  const files = readdirSync(import.meta.dirname).filter((file) => !/^(?:rules|units)\b/.test(file));
  const names = files.flatMap((file) =>
    [...readFileSync(join(import.meta.dirname, file), 'utf8').matchAll(/^ {2}(\w+):/gm)].map(
      (m) => m[1] ?? '',
    ),
  );
  expect(files.length).toBeGreaterThan(10);
  expect(names.toSorted()).toEqual(Object.keys(limits).toSorted());
});
