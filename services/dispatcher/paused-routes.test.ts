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

const down = { reason: 'connect', message: 'the server refused the connection' } as const;
const refused = { reason: 'auth', message: 'the server replied 535 to AUTH' } as const;

test('a route is paused for a while, or until mail got through', () => {
  const paused = new PausedRoutes();
  expect(paused.until(mine)).toBeLessThan(1_000);
  expect(paused.pause(mine, 1_000, down)).toBe(1_000 + dispatchLimits.routePausedMs);
  expect(paused.until(mine)).toBe(1_000 + dispatchLimits.routePausedMs);
  expect(paused.message(mine)).toBe(down.message);
  paused.resume(mine);
  expect(paused.message(mine)).toBeNull();
  expect(paused.until(mine)).toBeLessThan(1_000);
});

test("one tenant's wrong password does not hold up another's mail to the same relay", () => {
  const paused = new PausedRoutes();
  paused.pause(mine, 1_000, down);
  expect(paused.until(anothers)).toBeLessThan(1_000);
});

test('a new access token ends the pause that a refused token caused, and no other pause', () => {
  const withToken = (accessToken: string): Route => ({
    ...mine,
    credentials: { username: 'ana', accessToken, tenant: 'shop', sender: 'billing' },
  });
  const paused = new PausedRoutes();
  paused.pause(withToken('old'), 1_000, refused);
  expect(paused.until(withToken('old'))).toBeGreaterThan(1_000);
  expect(paused.until(withToken('new'))).toBeLessThan(1_000);
  expect(paused.message(withToken('new'))).toBeNull();

  paused.pause(withToken('old'), 1_000, down);
  expect(paused.until(withToken('new'))).toBeGreaterThan(1_000);
});
