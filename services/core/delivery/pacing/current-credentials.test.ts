import { expect, test } from 'vitest';
import type { Route, RouteCredentials, Sender } from '../../catalog/catalog.ts';
import { currentCredentials } from './current-credentials.ts';

const token = (accessToken: string): RouteCredentials => ({
  username: 'ana',
  accessToken,
  tenant: 'shop',
  sender: 'billing',
});
const route = (credentials: RouteCredentials | null, more: Partial<Route> = {}): Route => ({
  name: 'relay',
  host: 'relay.example.net',
  port: 587,
  tls: 'StartTLS',
  ca: null,
  credentials,
  ...more,
});
const catalogOf = (...routes: readonly Route[]) => ({
  sender: (tenant: string, name: string) =>
    tenant === 'shop' && name === 'billing' ? ({ routes } as unknown as Sender) : null,
});

test('a login uses the token that the catalog has now', () => {
  expect(currentCredentials(catalogOf(route(token('new'))), route(token('old')))).toEqual(token('new'));
});

test.each<[string, readonly Route[]]>([
  ['no longer has the sender or the route', []],
  ['has another server for the route', [route(token('new'), { host: 'mx.example.net' })]],
  ['has another user for the route', [route({ ...token('new'), username: 'ben' } as RouteCredentials)]],
  ['has a password for the route', [route({ username: 'ana', password: 'new' })]],
  ['may not open the secrets', [route(null)]],
])('and the token of the delivery where the catalog %s', (_, routes) => {
  expect(currentCredentials(catalogOf(...routes), route(token('old')))).toEqual(token('old'));
});

test.each([null, { username: 'ana', password: 'old' }])(
  'a password belongs to its route: %j',
  (credentials) => {
    expect(
      currentCredentials(catalogOf(route({ username: 'ana', password: 'new' })), route(credentials)),
    ).toBe(credentials);
  },
);
