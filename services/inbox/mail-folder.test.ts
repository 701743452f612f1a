import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { MailFolder } from './mail-folder.ts';

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'packetboat-mails-'));
});
afterEach(() => rm(folder, { recursive: true }));

const envelope = { mail_from: 'a@example.com', rcpt_to: ['b@example.com'] };
const mail = (subject: string, bytes = 0) =>
  Readable.from([Buffer.from(`Subject: ${subject}\r\n\r\n${'x'.repeat(bytes)}`)]);
const subjects = (mails: MailFolder) => mails.list().map(({ subject }) => subject);

test('the oldest mail is deleted when there are too many mails', async () => {
  const mails = await MailFolder.open(folder, { mailsMax: 2, bytesMax: 1_000_000 });
  for (const subject of ['one', 'two', 'three']) await mails.receive(mail(subject), envelope);

  expect(subjects(mails)).toEqual(['three', 'two']);
  expect(await readdir(folder)).toHaveLength(4);
});

test('the oldest mail is deleted when there are too many bytes, but never the newest', async () => {
  const mails = await MailFolder.open(folder, { mailsMax: 10, bytesMax: 1_000 });
  await mails.receive(mail('one', 400), envelope);
  await mails.receive(mail('two', 400), envelope);
  expect(subjects(mails)).toEqual(['two', 'one']);
  await mails.receive(mail('three', 400), envelope);
  expect(subjects(mails)).toEqual(['three', 'two']);
  await mails.receive(mail('huge', 2_000), envelope);
  expect(subjects(mails)).toEqual(['huge']);
});

test('mails of the same millisecond keep their order', async () => {
  const mails = await MailFolder.open(folder);
  const expected: string[] = [];
  for (let i = 0; i < 30; i++) {
    await mails.receive(mail(`mail ${i}`), envelope);
    expected.unshift(`mail ${i}`);
  }
  expect(subjects(mails)).toEqual(expected);
});

test('a source that fails leaves nothing behind', async () => {
  const mails = await MailFolder.open(folder);
  const broken = async function* () {
    yield Buffer.from('Subject: half');
    throw new Error('connection lost');
  };
  await expect(mails.receive(broken(), envelope)).rejects.toThrow('connection lost');
  expect(await readdir(folder)).toEqual([]);
  expect(mails.list()).toEqual([]);
});

test.each([
  ['no header at all', 'just text without a blank line', ''],
  ['no subject', 'From: a@example.com\r\n\r\nSubject: in the body', ''],
  ['a folded one', 'Subject: one\r\n two\r\n\r\n', 'one two'],
  ['raw UTF-8', 'Subject: Grüße\r\n\r\n', 'Grüße'],
  ['an endless head', `X-Long: ${'x'.repeat(200_000)}\r\nSubject: too late\r\n\r\n`, ''],
  ['an empty mail', '', ''],
])('the subject of a mail with %s', async (_title, source, subject) => {
  const mails = await MailFolder.open(folder);
  const { id } = await mails.receive(Readable.from([Buffer.from(source)]), envelope);
  expect(mails.find(id)).toMatchObject({ subject, bytes: Buffer.byteLength(source) });
});

test('emptying deletes all files of the inbox', async () => {
  const mails = await MailFolder.open(folder);
  await mails.receive(mail('one'), envelope);
  await mails.receive(mail('two'), envelope);
  await mails.clear();
  expect(mails.list()).toEqual([]);
  expect(await readdir(folder)).toEqual([]);
});
