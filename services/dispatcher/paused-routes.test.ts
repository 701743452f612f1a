import { expect, test } from 'vitest';
import type { Route } from '../core/catalog/catalog.ts';
import { dispatchLimits } from '../core/limits/dispatch.ts';
import { PausedRoutes } from './paused-routes.ts';

const mine: Route = {
  name: 'relay',
  host: 'relay.example.net',
  port: 587,
  tls: 'StartTLS',
  credentials: { username: 'ana', password: 'wrong' },
  ca: null,
};
const anothers: Route = { ...mine, credentials: { username: 'ben', password: 'right' } };

test('a route is paused for a while, or until mail got through', () => {
  const paused = new PausedRoutes();
  expect(paused.until(mine)).toBeLessThan(1_000);
  expect(paused.pause(mine, 1_000)).toBe(1_000 + dispatchLimits.routePausedMs);
  expect(paused.until(mine)).toBe(1_000 + dispatchLimits.routePausedMs);
  paused.resume(mine);
  expect(paused.until(mine)).toBeLessThan(1_000);
});

test("one tenant's wrong password does not hold up another's mail to the same relay", () => {
  const paused = new PausedRoutes();
  paused.pause(mine, 1_000);
  expect(paused.until(anothers)).toBeLessThan(1_000);
});
