import { expect, test } from 'vitest';
import type { Route } from '../../catalog/catalog.ts';
import { routeDigest } from './route-digest.ts';

const route: Route = {
  name: 'relay',
  host: 'relay.example.net',
  port: 587,
  tls: 'StartTLS',
  credentials: { username: 'ana', password: 'one' },
  ca: null,
};

test('routes to the same server with the same settings have one digest, whatever their names', () => {
  expect(routeDigest({ ...route, name: 'other' })).toBe(routeDigest(route));
});

test.each<[string, Partial<Route>]>([
  ['host', { host: 'mx.example.net' }],
  ['port', { port: 25 }],
  ['TLS policy', { tls: 'Implicit' }],
  ['login', { credentials: { username: 'ana', password: 'two' } }],
  ['no login', { credentials: null }],
  ['authority', { ca: 'another' }],
])('another %s changes the digest', (_, difference) => {
  expect(routeDigest({ ...route, ...difference })).not.toBe(routeDigest(route));
});
