// What the inbox's pages refuse: other sites, other host names, other paths, and the contents of
// hostile mails.

import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import Fastify, { type FastifyInstance } from 'fastify';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { MailFolder } from './mail-folder.ts';
import { inboxPages } from './pages.ts';

let folder: string;
let mails: MailFolder;
let app: FastifyInstance;

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'packetboat-pages-'));
  mails = await MailFolder.open(join(folder, 'mails'));
  app = Fastify();
  app.get('/elsewhere', async () => 'not ours');
  await app.register(inboxPages({ mails }, { hosts: ['mail.dev.example'] }));
});
afterEach(async () => {
  await app.close();
  await rm(folder, { recursive: true });
});

const receive = (...lines: string[]) =>
  mails.receive(Readable.from([Buffer.from(lines.join('\r\n'))]), {
    mail_from: 'a@example.com',
    rcpt_to: ['b@example.com'],
  });

test.each([
  ['localhost', 200],
  ['localhost:8080', 200],
  ['LOCALHOST:8080', 200],
  ['127.0.0.1:8080', 200],
  ['[::1]:8080', 200],
  ['mail.dev.example', 200],
  ['mail.dev.example:443', 200],
  ['evil.example', 421],
  ['evil.example:8080', 421],
  ['localhost.evil.example', 421],
  ['127.0.0.1.evil.example', 421],
  ['localhost:8080@evil.example', 421],
  ['localhost evil.example', 421],
  ['0.0.0.0:8080', 421],
  ['[::ffff:127.0.0.1]:8080', 421],
  [' ', 421],
  [':8080', 421],
])('a request for the host %j gets %i', async (host, status) => {
  for (const url of ['/inbox', '/inbox/inbox.js', '/inbox/messages', '/inbox/messages/x/source']) {
    const expected = status === 200 && url.endsWith('source') ? 404 : status;
    expect((await app.inject({ url, headers: { host } })).statusCode).toBe(expected);
  }
});

test('the guard covers only the inbox', async () => {
  expect((await app.inject({ url: '/elsewhere', headers: { host: 'evil.example' } })).statusCode).toBe(200);
});

test.each([
  ['no browser', {}, 204],
  ['the page itself', { 'sec-fetch-site': 'same-origin', origin: 'http://localhost:8080' }, 204],
  ['an old browser on the page itself', { origin: 'http://localhost:8080' }, 204],
  ['a client with a content type and no body', { 'content-type': 'application/json' }, 204],
  ['another site', { 'sec-fetch-site': 'cross-site', origin: 'https://evil.example' }, 403],
  ['another site in an old browser', { origin: 'https://evil.example' }, 403],
  ['another port of this machine', { 'sec-fetch-site': 'same-site', origin: 'http://localhost:3000' }, 403],
  ['a sandboxed frame', { origin: 'null' }, 403],
])('emptying requested by %s', async (_title, headers, status) => {
  await receive('Subject: x', '', 'x');
  const answer = await app.inject({
    method: 'DELETE',
    url: '/inbox/messages',
    headers: { host: 'localhost:8080', ...headers },
  });
  expect(answer.statusCode).toBe(status);
  expect(mails.list()).toHaveLength(status === 204 ? 0 : 1);
});

test.each(['GET', 'POST', 'HEAD'] as const)('%s never empties the inbox', async (method) => {
  await receive('Subject: x', '', 'x');
  await app.inject({ method, url: '/inbox/messages', headers: { 'content-type': 'text/plain' } });
  await app.inject({
    method,
    url: '/inbox/messages?_method=DELETE',
    headers: { 'x-http-method-override': 'DELETE' },
  });
  expect(mails.list()).toHaveLength(1);
});

test.each([
  '..%2f..%2fsecret',
  '..%2fsecret.eml',
  '....//secret',
  '%2e%2e%2fsecret',
  '..\\secret',
  'secret%00',
  '000000000000000000000000',
  '__proto__',
  'constructor',
  'x'.repeat(90),
])('the id %j is a 404 in JSON', async (id) => {
  await writeFile(join(folder, 'secret'), 'outside');
  await writeFile(join(folder, 'secret.eml'), 'outside');
  for (const rest of ['', '/source', '/html', '/attachments/0']) {
    const answer = await app.inject({ url: `/inbox/messages/${id}${rest}` });
    expect(answer.statusCode).toBe(404);
    expect(answer.headers['content-type']).toContain('application/json');
    expect(answer.body).not.toContain('outside');
  }
});

test.each(['1', '-1', '0.0', 'x', '99999999999', '__proto__'])(
  'attachment %j of a mail with one is a 404',
  async (index) => {
    const { id } = await receive(
      'Content-Type: application/pdf; name=a.pdf',
      'Content-Disposition: attachment',
      '',
      'x',
    );
    expect((await app.inject({ url: `/inbox/messages/${id}/attachments/0` })).statusCode).toBe(200);
    expect((await app.inject({ url: `/inbox/messages/${id}/attachments/${index}` })).statusCode).toBe(404);
  },
);

test('hostile HTML is served only at its own URL, unchanged and sandboxed', async () => {
  const hostile =
    '<script>parent.document.title="owned"</script><img src=x onerror=alert(1)><img src="https://evil.example/track.gif">';
  const { id } = await receive(`Subject: ${hostile}`, 'Content-Type: text/html', '', hostile);

  const html = await app.inject({ url: `/inbox/messages/${id}/html` });
  expect(html.body).toContain(hostile);
  const policy = String(html.headers['content-security-policy']).split('; ');
  expect(policy).toContain('sandbox');
  expect(policy).toContain("default-src 'none'");
  expect(policy).toContain('img-src data:');
  expect(html.headers).toMatchObject({
    'x-content-type-options': 'nosniff',
    'referrer-policy': 'no-referrer',
  });

  expect((await app.inject({ url: '/inbox' })).body).not.toContain('owned');
  expect((await app.inject({ url: `/inbox/messages/${id}` })).headers['content-type']).toContain(
    'application/json',
  );
  const source = await app.inject({ url: `/inbox/messages/${id}/source` });
  expect(source.headers).toMatchObject({
    'content-type': 'text/plain; charset=utf-8',
    'x-content-type-options': 'nosniff',
  });
});

test('hostile attachments are downloads whose names and types stay within their headers', async () => {
  const { id } = await receive(
    'Content-Type: multipart/mixed; boundary=b',
    '',
    '--b',
    'Content-Type: text/html',
    `Content-Disposition: attachment; filename*=utf-8''a%22%0D%0ASet-Cookie%3A%20x%3D1%3B%27.html`,
    '',
    '<script>alert(1)</script>',
    '--b',
    'Content-Type: image/svg+xml;"\u00e9',
    'Content-Disposition: attachment; filename="../../../../etc/passwd"',
    '',
    '<svg onload="alert(1)"/>',
    '--b--',
  );
  for (const index of [0, 1]) {
    const { headers } = await app.inject({ url: `/inbox/messages/${id}/attachments/${index}` });
    expect(headers['set-cookie']).toBeUndefined();
    expect(headers['content-disposition']).toMatch(/^attachment; filename\*=UTF-8''[A-Za-z0-9%._~-]+$/);
    expect(headers).toMatchObject({
      'x-content-type-options': 'nosniff',
      'cross-origin-resource-policy': 'same-origin',
    });
    expect(headers['content-security-policy']).toContain('sandbox');
  }
});

test('a mail with a header named __proto__ is read like any other', async () => {
  const { id } = await receive('__proto__: x', 'constructor: y', 'Subject: odd', '', 'x');
  expect((await app.inject({ url: `/inbox/messages/${id}` })).json()).toMatchObject({
    subject: 'odd',
    html: null,
    text: 'x',
  });
});

test('the page contains all its resources and loads no others', async () => {
  const page = await app.inject({ url: '/inbox' });
  expect(page.headers['content-type']).toBe('text/html; charset=utf-8');
  expect(page.headers['content-security-policy']).toContain("script-src 'self'");
  const linked = [...page.body.matchAll(/(?:src|href)="(\/[^"]+\.\w+)"/g)].map(([, url]) => String(url));
  expect(linked).toHaveLength(2);
  for (const url of linked) expect((await app.inject({ url })).statusCode).toBe(200);
  expect(page.body).not.toMatch(/https?:|<script>|style=|onclick/);
});
