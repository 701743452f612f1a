// The whole inbox: mail arrives over SMTP and is read over HTTP on a real port, and survives
// restarts.

import { randomBytes } from 'node:crypto';
import { mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { createConnection } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import Fastify from 'fastify';
import MailComposer from 'nodemailer/lib/mail-composer';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { sendMail } from '../../test/support/send-mail.ts';
import { type Inbox, startInbox } from './inbox.ts';
import { inboxPages } from './pages.ts';

const MIB = 1024 * 1024;
let folder: string;
let inbox: Inbox;

const start = () => startInbox({ smtp: { host: '127.0.0.1', port: 0 }, folder });

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'packetboat-inbox-'));
  inbox = await start();
});

afterEach(async () => {
  await inbox[Symbol.asyncDispose]();
  await rm(folder, { recursive: true });
});

interface ReadAnswer {
  html: string;
  headers: Record<string, string[]>;
  attachments: { filename: string; content_id: string | null; url: string }[];
}
const json = async <Answer>(url: string) => (await (await fetch(url)).json()) as Answer;
const lines = (...written: string[]) => `${written.join('\r\n')}\r\n`;

test('a mail that got 250 is listed, newest first, with its envelope and decoded subject', async () => {
  const before = Date.now();
  await sendMail({
    port: inbox.smtpPort,
    from: '',
    to: ['a@example.com', 'b@example.com'],
    mail: lines('Subject: first', '', 'x'),
  });
  await sendMail({ port: inbox.smtpPort, mail: lines('Subject: =?utf-8?B?w5xtbMOkdXRl?=', '', 'x') });

  const [second, first] = inbox.mails.list();
  expect(first).toMatchObject({
    mail_from: '',
    rcpt_to: ['a@example.com', 'b@example.com'],
    subject: 'first',
  });
  expect(second).toMatchObject({
    mail_from: 'sender@example.com',
    rcpt_to: ['recipient@example.com'],
    subject: 'Ümläute',
  });
  const receivedAt = Date.parse(second?.received_at ?? '');
  expect(receivedAt).toBeGreaterThanOrEqual(before);
  expect(receivedAt).toBeLessThanOrEqual(Date.now());
});

test('HTTP returns what SMTP sent', async () => {
  const image = randomBytes(500);
  const mail = await new MailComposer({
    from: '"Größe & Co" <from@example.com>',
    to: 'to@example.com',
    subject: 'Rechnung für dich',
    text: '.dots\r\n..at the start',
    html: '<p>Hello <img src="cid:logo@example.com"></p>',
    attachments: [
      { filename: "it's ünique.pdf", content: randomBytes(1000), contentType: 'application/pdf' },
      { filename: 'logo.png', content: image, cid: 'logo@example.com', contentType: 'image/png' },
    ],
  })
    .compile()
    .build();
  await sendMail({ port: inbox.smtpPort, mail });

  await using app = await listening();
  const [listed] = (await json<{ messages: { id: string }[] }>(`${app.url}/inbox/messages`)).messages;
  const url = `${app.url}/inbox/messages/${listed?.id}`;
  const read = await json<ReadAnswer>(url);

  expect(Object.keys(listed ?? {})).toEqual(['id', 'received_at', 'mail_from', 'rcpt_to', 'subject']);
  expect(read).toMatchObject({ ...listed, subject: 'Rechnung für dich', text: '.dots\n..at the start' });
  expect(read.html).toContain('cid:logo@example.com');
  expect(read.headers.from).toEqual(['"Größe & Co" <from@example.com>']);
  expect(read.headers['message-id']).toHaveLength(1);
  expect(read.attachments.map(({ filename }) => filename).sort()).toEqual(["it's ünique.pdf", 'logo.png']);

  const logo = read.attachments.find(({ content_id }) => content_id === 'logo@example.com');
  expect(logo).toMatchObject({ content_type: 'image/png', bytes: 500 });
  expect(Buffer.from(await (await fetch(`${app.url}${logo?.url}`)).arrayBuffer())).toEqual(image);
  expect(await (await fetch(`${url}/html`)).text()).toContain(
    `<img src="data:image/png;base64,${image.toString('base64')}">`,
  );
  expect(Buffer.from(await (await fetch(`${url}/source`)).arrayBuffer())).toEqual(mail);
});

test('mail survives a restart, and half-written files of a crash are removed', async () => {
  await sendMail({ port: inbox.smtpPort, mail: lines('Subject: kept', '', 'body') });
  await inbox[Symbol.asyncDispose]();
  const orphan = '0'.repeat(24);
  await writeFile(join(folder, `${orphan}.eml`), 'renamed, but its facts were not');
  await writeFile(join(folder, `${'1'.repeat(24)}.part`), 'half a m');
  await writeFile(join(folder, `${'2'.repeat(24)}.json`), '{"received_at":"20');
  await writeFile(join(folder, 'notes.txt'), 'not ours');

  inbox = await start();

  const [mail] = inbox.mails.list();
  expect(mail?.subject).toBe('kept');
  expect((await readdir(folder)).sort()).toEqual([`${mail?.id}.eml`, `${mail?.id}.json`, 'notes.txt'].sort());
});

test('a client that disconnects in the middle of a mail leaves nothing behind', async () => {
  const client = createConnection(inbox.smtpPort, '127.0.0.1');
  client.write('EHLO client.example\r\nMAIL FROM:<a@example.com>\r\nRCPT TO:<b@example.com>\r\nDATA\r\n');
  for await (const reply of client) if (String(reply).includes('354')) break;
  await inbox[Symbol.asyncDispose]();

  expect(await readdir(folder)).toEqual([]);
  inbox = await start();
});

test('large mails in parallel are not held in memory', async () => {
  const before = process.memoryUsage.rss();
  let peak = before;
  const chunk = Buffer.from(`${'x'.repeat(70)}\r\n`.repeat(900));
  const large = function* () {
    yield Buffer.from('Subject: large\r\n\r\n');
    for (let sent = 0; sent < 50 * MIB; sent += chunk.length) {
      peak = Math.max(peak, process.memoryUsage.rss());
      yield chunk;
    }
  };
  await Promise.all(
    Array.from({ length: 8 }, () => sendMail({ port: inbox.smtpPort, mail: Readable.from(large()) })),
  );

  expect(inbox.mails.list().map(({ bytes }) => bytes > 50 * MIB)).toEqual(Array(8).fill(true));
  // 400 MiB passed through this process, which is both sender and inbox.
  expect(peak - before).toBeLessThan(200 * MIB);
});

async function listening() {
  const app = Fastify({ forceCloseConnections: true });
  await app.register(inboxPages(inbox, { hosts: [] }));
  const url = await app.listen({ host: '127.0.0.1', port: 0 });
  return { url, [Symbol.asyncDispose]: () => app.close() };
}
