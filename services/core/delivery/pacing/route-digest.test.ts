import { describe, expect, test } from 'vitest';
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

describe('a route with an access token', () => {
  const token = { username: 'ana', accessToken: 'one', tenant: 'shop', sender: 'billing' };
  const own: Route = { ...route, credentials: token };

  test('stays the same route when its token changes', () => {
    expect(routeDigest({ ...own, credentials: { ...token, accessToken: 'two' } })).toBe(routeDigest(own));
  });

  test.each<[string, Route]>([
    ['tenant', { ...own, credentials: { ...token, tenant: 'other' } }],
    ['sender', { ...own, credentials: { ...token, sender: 'other' } }],
    ['name', { ...own, name: 'other' }],
    ['user name', { ...own, credentials: { ...token, username: 'ben' } }],
    ['host', { ...own, host: 'mx.example.net' }],
    ['kind of login', { ...own, credentials: { username: 'ana', password: 'one' } }],
  ])('with another %s is another route, although the token is the same', (_, other) => {
    expect(routeDigest(other)).not.toBe(routeDigest(own));
  });
});
