import { expect, test } from 'vitest';
import { ManualClock } from '../adapters/memory/clock.ts';
import type { Route } from '../core/catalog/catalog.ts';
import { dispatchLimits } from '../core/limits/dispatch.ts';
import { RouteSlots } from './route-slots.ts';

const max = dispatchLimits.deliveriesInFlightMax;
const routeTo = (host: string): Route => ({
  name: host,
  host,
  port: 25,
  tls: 'None',
  credentials: null,
  ca: null,
});
const [a, b] = [routeTo('a.example'), routeTo('b.example')];

function begin(relay: Route | null = null) {
  const clock = new ManualClock();
  const slots = new RouteSlots({ clock, relay, messages: clock });
  return {
    clock,
    slots,
    fill: (route: Route, count: number) => {
      for (let i = 0; i < count; i++) slots.enter(route, max, false);
    },
  };
}

test('one fast route has half, and nothing is taken beyond it', () => {
  const { slots, fill } = begin();
  expect(slots.room(0)).toBe(max / 2);
  fill(a, max / 2);
  expect(slots.room(max / 2)).toBe(0);
});

test('what is being planned counts as if it went to the route that has most', () => {
  const { slots, fill } = begin();
  fill(a, 100);
  expect(slots.room(150)).toBe(max / 2 - 150);
});

test('a route without progress counts as slow after a second: then others find room, and it finds none', async () => {
  const { clock, slots, fill } = begin();
  fill(a, max / 2);
  expect(slots.nextSlowMs).toBe(dispatchLimits.routeSlowMs);
  await clock.advance(dispatchLimits.routeSlowMs);
  expect(slots.room(max / 2)).toBe(max / 4);
  expect(slots.enter(a, max / 2, true)).toBe(false);
  expect(slots.enter(b, max / 2, false)).toBe(true);
});

test('a slow route keeps half of its part for mail that was held before', async () => {
  const { clock, slots, fill } = begin();
  fill(a, max / 4);
  await clock.advance(dispatchLimits.routeSlowMs);
  expect(slots.enter(a, max / 2, false)).toBe(false);
  expect(slots.enter(a, max / 2, true)).toBe(true);
});

test('a route that became fast is not slow any more', async () => {
  const { clock, slots, fill } = begin();
  fill(a, max / 2);
  await clock.advance(20_000);
  slots.attempted(a, 20_000);
  expect(slots.enter(a, max / 2, true)).toBe(false);
  for (let i = 0; i < 30; i++) slots.attempted(a, 10);
  expect(slots.enter(a, max / 2, true)).toBe(true);
});

test('mail that finds no place comes back at the pace of its route, within the limits of a hold', async () => {
  const { clock, slots, fill } = begin();
  fill(a, 200);
  await clock.advance(2_000);
  const now = clock.now();
  expect(slots.dues(a, [], 3)).toEqual([now + 1_000, now + 1_010, now + 1_020]);
  const [last] = slots.dues(a, [], 10_000).slice(-1);
  expect(last).toBe(now + dispatchLimits.routeHoldMaxMs);
});

test('with one way out for everybody nothing is slow: it is enough not to take more', async () => {
  const { clock, slots, fill } = begin(a);
  fill(a, max / 2);
  await clock.advance(60_000);
  expect(slots.nextSlowMs).toBeNull();
  expect(slots.room(max / 2)).toBe(0);
});
