import fastify from 'fastify';
import { expect, test } from 'vitest';
import { frontPage } from './front-page.ts';

async function get(accept: string | undefined, plugin = frontPage(), method: 'GET' | 'HEAD' = 'GET') {
  await using app = fastify();
  await app.register(plugin);
  return await app.inject({ method, url: '/', headers: accept === undefined ? {} : { accept } });
}

test('a browser gets a page that links to the documentation, has no script and loads nothing', async () => {
  const page = await get('text/html,application/xhtml+xml,*/*;q=0.8');
  expect(page.headers['content-type']).toBe('text/html; charset=utf-8');
  expect(page.headers['content-security-policy']).toContain("default-src 'none'");
  expect(page.body.match(/href="[^"]+"/g)).toEqual([
    'href="/docs"',
    'href="/openapi.json"',
    'href="/readyz"',
  ]);
  expect(page.body).not.toContain('<script');
});

test.each([undefined, '*/*', 'application/json'])('Accept: %s gets JSON', async (accept) => {
  const answer = await get(accept);
  expect([answer.statusCode, answer.headers.vary]).toEqual([200, 'Accept']);
  expect(answer.json()).toEqual({
    name: 'packetboat',
    links: { docs: '/docs', openapi: '/openapi.json', readyz: '/readyz' },
  });
});

test('what else a server has comes first', async () => {
  const plugin = frontPage([{ path: '/inbox', about: 'The development inbox' }]);
  expect((await get('text/html', plugin)).body.match(/href="[^"]+"/)?.[0]).toBe('href="/inbox"');
  expect((await get(undefined, plugin)).json().links.inbox).toBe('/inbox');
});

test('HEAD has the headers and no body', async () => {
  const answer = await get('text/html', frontPage(), 'HEAD');
  expect([answer.statusCode, answer.headers['content-type'], answer.body]).toEqual([
    200,
    'text/html; charset=utf-8',
    '',
  ]);
});
