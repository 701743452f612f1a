import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  type Bucket,
  fullBucket,
  fullInMs,
  nextTokenMs,
  type Rate,
  refill,
  take,
  tokensIn,
} from './bucket.ts';

/** Ten tokens a second, bursts of three. */
const rate: Rate = { limit: 10, windowMs: 1_000, burst: 3 };
const tokens = (count: number): Bucket => ({ level: count * rate.windowMs, at: 0 });

describe('taking tokens', () => {
  it.each([
    { title: 'what is there', has: 3, ask: 2, now: 0, granted: 2, left: 1 },
    { title: 'no more than is there', has: 3, ask: 5, now: 0, granted: 3, left: 0 },
    { title: 'nothing from an empty bucket', has: 0, ask: 1, now: 0, granted: 0, left: 0 },
    { title: 'nothing one millisecond too early', has: 0, ask: 1, now: 99, granted: 0, left: 0.99 },
    { title: 'a token in the millisecond it is due', has: 0, ask: 1, now: 100, granted: 1, left: 0 },
    { title: 'no more than the burst after a long time', has: 0, ask: 9, now: 1e9, granted: 3, left: 0 },
    { title: 'nothing when nothing is asked for', has: 2, ask: 0, now: 0, granted: 0, left: 2 },
    { title: 'no part of a token', has: 0.99, ask: 1, now: 0, granted: 0, left: 0.99 },
    { title: 'nothing from a debt', has: -1, ask: 1, now: 100, granted: 0, left: 0 },
    { title: 'nothing filled by a clock that went back', has: 1, ask: 2, now: -500, granted: 1, left: 0 },
  ])('$title', ({ has, ask, now, granted, left }) => {
    const took = take(tokens(has), rate, ask, now);
    expect(took.granted).toBe(granted);
    expect(took.bucket.level).toBe(left * rate.windowMs);
  });

  it('starts full', () => {
    expect(tokensIn(fullBucket(rate, 0), rate)).toBe(3);
  });
});

describe('waiting times', () => {
  it.each([
    { has: 3, next: 100, full: 0 },
    { has: 2, next: 100, full: 100 },
    { has: 1.5, next: 50, full: 150 },
    { has: 0, next: 100, full: 300 },
  ])('with $has tokens the next comes in $next ms, and all in $full ms', ({ has, next, full }) => {
    expect(nextTokenMs(tokens(has), rate)).toBe(next);
    expect(fullInMs(tokens(has), rate)).toBe(full);
  });

  it('a limit of 0 is asked again after a window', () => {
    const none = { ...rate, limit: 0 };
    expect([nextTokenMs(tokens(0), none), fullInMs(tokens(0), none)]).toEqual([1_000, 1_000]);
  });
});

const anyRate = fc.record({
  limit: fc.integer({ min: 1, max: 10_000 }),
  windowMs: fc.integer({ min: 1, max: 3_600_000 }),
  burst: fc.nat(500),
});

it('never grants more than limit + burst in any window', () => {
  const asks = fc.array(fc.record({ wait: fc.nat(5_000), ask: fc.nat(50) }), {
    minLength: 1,
    maxLength: 200,
  });
  fc.assert(
    fc.property(anyRate, asks, (r, calls) => {
      let now = 0;
      let bucket = fullBucket(r, now);
      const grants: { at: number; granted: number }[] = [];
      for (const { wait, ask } of calls) {
        now += wait;
        const took = take(bucket, r, ask, now);
        bucket = took.bucket;
        grants.push({ at: now, granted: took.granted });
      }
      for (const first of grants) {
        const inWindow = grants.filter((g) => g.at >= first.at && g.at < first.at + r.windowMs);
        expect(inWindow.reduce((sum, g) => sum + g.granted, 0)).toBeLessThanOrEqual(r.limit + r.burst);
      }
    }),
  );
});

it('has the next token after the returned wait, and not a millisecond earlier', () => {
  fc.assert(
    fc.property(anyRate, fc.nat(500), fc.nat(1_000), (r, taken, then) => {
      fc.pre(r.burst > 0);
      const { bucket } = take(fullBucket(r, 0), r, taken, 0);
      const now = refill(bucket, r, then);
      fc.pre(tokensIn(now, r) < r.burst);
      const wait = nextTokenMs(now, r);
      expect(tokensIn(refill(now, r, then + wait), r)).toBeGreaterThan(tokensIn(now, r));
      expect(tokensIn(refill(now, r, then + wait - 1), r)).toBe(tokensIn(now, r));
    }),
  );
});
