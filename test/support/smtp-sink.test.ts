// The sink is what other tests believe, so each of its faults and each of its judgements is shown
// here to happen, with nodemailer and with raw bytes.

import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { createConnection, type Socket } from 'node:net';
import { connect as connectTls } from 'node:tls';
import { afterEach, describe, expect, test } from 'vitest';
import { makeAuthority } from './certificates.ts';
import { sendMail } from './send-mail.ts';
import { type Sink, type SinkOptions, startSink } from './smtp-sink.ts';
import { BodyReader } from './smtp-sink-body.ts';
import { startSinkProcess } from './smtp-sink-process.ts';
import type { Rule } from './smtp-sink-rules.ts';

const MAIL = 'Message-ID: <one@example.com>\r\nSubject: x\r\n\r\nbody\r\n';
const TAKES = ['220', '250', '250', '250', '354', '250', '221'];

let sink: Sink | null = null;
const clients: Socket[] = [];

afterEach(async () => {
  for (const client of clients.splice(0)) client.destroy();
  await sink?.[Symbol.asyncDispose]();
  sink = null;
});

async function start(options: SinkOptions = {}): Promise<Sink> {
  sink = await startSink(options);
  return sink;
}

/** Says all of it at once and collects what comes back until the connection ends. */
async function say(port: number, text: string | Buffer): Promise<string> {
  const client = createConnection(port, '127.0.0.1');
  clients.push(client);
  let heard = '';
  client.on('data', (chunk) => {
    heard += String(chunk);
  });
  client.on('error', () => {});
  client.write(text);
  await new Promise<void>((closed) => client.on('close', () => closed()));
  return heard;
}

const dialogue = (body: string, { to = ['b@example.com'], mail = '', hello = 'EHLO client.example' } = {}) =>
  [
    hello,
    `MAIL FROM:<a@example.com>${mail}`,
    ...to.map((recipient) => `RCPT TO:<${recipient}>`),
    'DATA',
    `${body}.`,
    'QUIT',
    '',
  ].join('\r\n');

/** The code of each reply, however many lines it has. */
const codes = (heard: string) =>
  heard.split('\r\n').flatMap((line) => (/^\d{3} /.test(line) ? [line.slice(0, 3)] : []));

describe('taking mail', () => {
  test('the envelope, the bytes, their digest and the headers asked for are recorded', async () => {
    const { port, mails, anomalies } = await start({ headers: ['x-round'] });
    const mail = 'Message-ID: <one@example.com>\r\nX-Round: 1,\r\n 2\r\n\r\n.dot\r\n..two\r\n.\r\nend\r\n';
    await sendMail({ port, from: 'a@example.com', to: ['b@example.com', 'c@example.com'], mail });

    expect(mails).toEqual([
      {
        connection: 1,
        from: 'a@example.com',
        to: ['b@example.com', 'c@example.com'],
        parameters: [],
        messageId: '<one@example.com>',
        headers: { 'message-id': ['<one@example.com>'], 'x-round': ['1, 2'] },
        bytes: mail.length,
        sha256: createHash('sha256').update(mail).digest('hex'),
        isTls: false,
        user: null,
        answered: 250,
        raw: Buffer.from(mail),
      },
    ]);
    expect(anomalies).toEqual([]);
  });

  test('a whole pipelined dialogue is answered in order, and several mails on one connection', async () => {
    const { port, mails } = await start();
    const twice =
      dialogue(MAIL).replace('QUIT\r\n', '') + dialogue(MAIL).replace('EHLO client.example\r\n', '');
    expect(codes(await say(port, twice))).toEqual([
      '220',
      '250',
      '250',
      '250',
      '354',
      '250',
      '250',
      '250',
      '354',
      '250',
      '221',
    ]);
    expect(mails).toHaveLength(2);
  });

  test('with keep: digest the bytes are forgotten, digest and Message-ID are not', async () => {
    const { port, mails } = await start({ keep: 'digest' });
    const mail = `${MAIL}${'x'.repeat(70)}\r\n`.repeat(3_000);
    await sendMail({ port, mail });
    expect(mails[0]).toMatchObject({
      raw: null,
      messageId: '<one@example.com>',
      sha256: createHash('sha256').update(mail).digest('hex'),
    });
  });

  test.each([
    ['MAIL before EHLO', 'MAIL FROM:<a@example.com>\r\nQUIT\r\n', ['220', '503', '221']],
    ['RCPT before MAIL', 'EHLO x\r\nRCPT TO:<a@example.com>\r\nQUIT\r\n', ['220', '250', '503', '221']],
    ['DATA without RCPT', 'EHLO x\r\nMAIL FROM:<>\r\nDATA\r\nQUIT\r\n', ['220', '250', '250', '503', '221']],
    [
      'a second MAIL',
      'EHLO x\r\nMAIL FROM:<>\r\nMAIL FROM:<>\r\nRSET\r\nMAIL FROM:<>\r\nQUIT\r\n',
      ['220', '250', '250', '503', '250', '250', '221'],
    ],
    ['MAIL without brackets', 'EHLO x\r\nMAIL FROM:a@example.com\r\nQUIT\r\n', ['220', '250', '501', '221']],
    ['STARTTLS that is not on', 'EHLO x\r\nSTARTTLS\r\nQUIT\r\n', ['220', '250', '502', '221']],
    ['what nobody knows', 'EHLO x\r\nBDAT 5\r\nNOOP\r\nQUIT\r\n', ['220', '250', '500', '250', '221']],
    [
      'a mail that announces to be too large',
      'EHLO x\r\nMAIL FROM:<> SIZE=2000\r\nQUIT\r\n',
      ['220', '250', '552', '221'],
    ],
    [
      'a mail that is too large',
      dialogue('x'.repeat(900).concat('\r\n').repeat(2)),
      ['220', '250', '250', '250', '354', '552', '221'],
    ],
  ])('%s is answered as the RFC says', async (_title, said, expected) => {
    const { port, mails } = await start({ mailBytesMax: 1_000 });
    expect(codes(await say(port, said))).toEqual(expected);
    expect(mails).toEqual([]);
  });

  test('copies are counted for each Message-ID and recipient, and whether they were the same bytes', async () => {
    const running = await start();
    const { port } = running;
    await sendMail({ port, to: ['b@example.com', 'c@example.com'], mail: MAIL });
    await sendMail({ port, to: 'b@example.com', mail: MAIL });
    await sendMail({ port, to: 'c@example.com', mail: `${MAIL}changed\r\n` });
    await sendMail({ port, to: 'c@example.com', mail: 'Subject: none\r\n\r\n' });
    expect(running.copies()).toEqual([
      { messageId: '<one@example.com>', recipient: 'b@example.com', copies: 2, contents: 1 },
      { messageId: '<one@example.com>', recipient: 'c@example.com', copies: 2, contents: 2 },
      { messageId: '', recipient: 'c@example.com', copies: 1, contents: 1 },
    ]);
    running.forget();
    expect(running.copies()).toEqual([]);
  });
});

describe('judging the sender', () => {
  test.each([
    ['a bare LF in the body', dialogue('a\nb\r\n'), 'bare LF in the body'],
    ['a bare CR in the body', dialogue('a\rb\r\n'), 'bare CR in the body'],
    ['a CR before CRLF', dialogue('a\r\r\n'), 'bare CR in the body'],
    ['a line of 999 octets', dialogue(`${'x'.repeat(999)}\r\n`), 'line above 998 octets'],
    ['a line of a megabyte', dialogue(`${'x'.repeat(1_000_000)}\r\n`), 'line above 998 octets'],
    ['a dot that is not stuffed', dialogue('.a\r\n'), 'dot at the start of a line without another before it'],
    ['LF.CRLF, which must not end a mail', dialogue('a\n.\r\nb\r\n'), 'bare LF in the body'],
    ['CRLF.LF, which must not end a mail', dialogue('a\r\n.\nb\r\n'), 'bare LF in the body'],
    ['8 bits that were not announced', dialogue('Grüße\r\n'), '8-bit body without BODY=8BITMIME'],
    [
      'an address in UTF-8 that was not announced',
      dialogue('a\r\n', { to: ['grüße@example.com'] }),
      'non-ASCII address without SMTPUTF8',
    ],
    ['a bare LF after a command', dialogue('a\r\n', { hello: 'EHLO x\nNOOP' }), 'bare LF after a command'],
    ['a bare CR in a command', dialogue('a\r\n', { hello: 'EHLO x\ry' }), 'bare CR in a command'],
    ['a command that does not exist', dialogue('a\r\n', { hello: 'XYZ\r\nEHLO x' }), 'unknown command'],
  ])('%s is noted, and the mail is one mail', async (_title, said, what) => {
    const { port, anomalies, mails } = await start();
    await say(port, said);
    expect(anomalies).toContainEqual({ connection: 1, what });
    expect(mails).toHaveLength(1);
  });

  test.each([
    ['a line of 998 octets', dialogue(`${'x'.repeat(998)}\r\n`)],
    ['a stuffed line of 998 octets', dialogue(`..${'x'.repeat(997)}\r\n`)],
    ['an empty mail', dialogue('')],
    ['8 bits that were announced', dialogue('Grüße\r\n', { mail: ' BODY=8BITMIME' })],
    [
      'an address in UTF-8 that was announced',
      dialogue('a\r\n', { to: ['grüße@example.com'], mail: ' SMTPUTF8' }),
    ],
    ['stuffed dots', dialogue('..\r\n...\r\n..a\r\n')],
  ])('%s is fine', async (_title, said) => {
    const { port, anomalies, mails } = await start();
    expect(codes(await say(port, said))).toEqual(TAKES);
    expect(anomalies).toEqual([]);
    expect(mails).toHaveLength(1);
  });

  test('a body is read the same however it is cut into chunks', () => {
    const whole = Buffer.from(
      `A: b\r\n\r\n..dot\r\n${'y'.repeat(3_000)}\r\nlf\n.\r\ncr\rx\r\n..\r\nlast\r\n.\r\nQUIT\r\n`,
    );
    const read = (size: number) => {
      const reader = new BodyReader(true);
      for (let at = 0; at < whole.length; at += size) {
        const rest = reader.feed(whole.subarray(at, at + size));
        if (rest !== null)
          return { ...reader.end(), rest: rest.toString() + whole.subarray(at + size).toString() };
      }
      return null;
    };
    const expected = read(whole.length);
    expect(expected?.raw?.toString()).toBe(
      `A: b\r\n\r\n.dot\r\n${'y'.repeat(3_000)}\r\nlf\n\r\ncr\rx\r\n.\r\nlast\r\n`,
    );
    expect(expected).toMatchObject({ head: 'A: b\r\n', rest: 'QUIT\r\n' });
    expect(expected?.anomalies).toHaveLength(4);
    for (const size of [1, 2, 3, 5, 7, 64, 999, 1_000, 1_001]) {
      const { anomalies, ...other } = read(size) ?? { anomalies: [] };
      expect({ ...other, anomalies: anomalies.toSorted() }).toEqual({
        ...expected,
        anomalies: expected?.anomalies.toSorted(),
      });
    }
  });
});

describe('making trouble', () => {
  const answers: [Rule['at'], string[]][] = [
    ['greeting', ['450', '503']],
    ['ehlo', ['220', '450', '503']],
    ['mail', ['220', '250', '450', '503']],
    ['rcpt', ['220', '250', '250', '450', '503']],
    ['data', ['220', '250', '250', '250', '450']],
    ['dot', ['220', '250', '250', '250', '354', '450', '221']],
    ['quit', ['220', '250', '250', '250', '354', '250', '450']],
  ];

  test.each(answers)('a reply of its own at %s', async (at, expected) => {
    const running = await start({ rules: [{ at, reply: '450 4.0.0 not now' }] });
    expect(codes(await say(running.port, dialogue(MAIL))).slice(0, expected.length)).toEqual(expected);
    expect(running.mails).toHaveLength(at === 'quit' ? 1 : 0);
    expect(running.refused).toBe(at === 'dot' ? 1 : 0);
  });

  test.each(answers)('a connection dropped at %s', async (at, expected) => {
    for (const drop of ['close', 'reset'] as const) {
      await using running = await startSink({ rules: [{ at, drop }] });
      expect(codes(await say(running.port, dialogue(MAIL)))).toSatisfy((heard: string[]) =>
        // After a reset what was answered before may be lost on the way.
        drop === 'reset'
          ? heard.length < expected.length
          : heard.join() === expected.slice(0, expected.indexOf('450')).join(),
      );
    }
  });

  test('one half closed: no answer comes, and the connection stays until the client closes it', async () => {
    const running = await start({ rules: [{ at: 'rcpt', drop: 'half' }] });
    const client = createConnection({ port: running.port, host: '127.0.0.1', allowHalfOpen: true });
    clients.push(client);
    client.resume();
    client.write(dialogue(MAIL));
    await once(client, 'end');
    expect(running.counts.open).toBe(1);
    client.end();
    await running.until(({ counts }) => counts.open === 0);
  });

  test('a reply that goes out byte by byte is the same reply', async () => {
    const { port } = await start({ rules: [{ at: 'rcpt', split: true }] });
    const client = createConnection(port, '127.0.0.1');
    clients.push(client);
    const chunks: string[] = [];
    client.on('data', (chunk) => chunks.push(String(chunk)));
    client.write(dialogue(MAIL));
    await once(client, 'close');
    expect(codes(chunks.join(''))).toEqual(TAKES);
    expect(chunks.length).toBeGreaterThan(20);
  });

  test('dropped before the answer to the dot: the mail is taken and the sender cannot know', async () => {
    const { port, mails } = await start({ rules: [{ at: 'dot', drop: 'close' }] });
    await expect(sendMail({ port, mail: MAIL })).rejects.toThrow();
    expect(mails).toMatchObject([{ messageId: '<one@example.com>', answered: null }]);
  });

  test('dropped after the answer to the dot: the mail is taken and the sender knows', async () => {
    const { port, mails } = await start({ rules: [{ at: 'dot', reply: '250 2.0.0 taken', drop: 'close' }] });
    expect(await sendMail({ port, mail: MAIL })).toBe('250 2.0.0 taken');
    expect(mails).toMatchObject([{ answered: 250 }]);
  });

  test('dropped in mid body: nothing is taken', async () => {
    const running = await start({ rules: [{ at: 'body', afterBytes: 100_000, drop: 'reset' }] });
    await expect(
      sendMail({ port: running.port, mail: `${MAIL}${'line\r\n'.repeat(200_000)}` }),
    ).rejects.toThrow();
    await sendMail({ port: running.port, mail: MAIL });
    expect(running.mails).toHaveLength(1);
    expect(running.counts).toMatchObject({ refused: 0, reached: { body: 2, dot: 1 } });
  });

  test('what hangs goes on when released', async () => {
    const running = await start({ rules: [{ at: 'dot', hang: true }] });
    const sent = sendMail({ port: running.port, mail: MAIL });
    await running.until(({ hanging }) => hanging.dot === 1);
    expect(running.mails).toMatchObject([{ answered: null }]);
    running.release();
    expect(await sent).toBe('250 2.0.0 taken');
    expect(running.mails).toMatchObject([{ answered: 250 }]);
  });

  test('a client that gives up on what hangs is noticed', async () => {
    const running = await start({ rules: [{ at: 'greeting', hang: true }] });
    const client = createConnection(running.port, '127.0.0.1');
    clients.push(client);
    await running.until(({ hanging }) => hanging.greeting === 1);
    client.destroy();
    await running.until(({ hanging, counts }) => hanging.greeting === 0 && counts.open === 0);
  });

  test('a delay comes before the reply', async () => {
    const running = await start({
      rules: [
        { at: 'rcpt', to: 'late@example.com', delayMs: 60_000 },
        { at: 'rcpt', delayMs: 10 },
      ],
    });
    void say(running.port, dialogue(MAIL, { to: ['late@example.com'] }));
    await running.until(({ counts }) => counts.reached.rcpt === 1);
    await sendMail({ port: running.port, mail: MAIL });
    expect(running.counts).toMatchObject({ mails: 1, reached: { rcpt: 2, data: 1 } });
  });

  test('a slow reader keeps its client waiting, and takes the whole mail', async () => {
    const mail = MAIL + 'line\r\n'.repeat(1_000);
    const running = await start({
      rules: [
        { at: 'body', to: 'late@example.com', bytesPerSecond: 1 },
        { at: 'body', bytesPerSecond: 20_000 },
      ],
    });
    void say(running.port, dialogue(mail, { to: ['late@example.com'] }));
    await running.until(({ counts }) => counts.reached.body === 1);
    await sendMail({ port: running.port, mail });
    expect(running.counts).toMatchObject({ reached: { body: 2, dot: 1 } });
    expect(running.mails).toMatchObject([{ to: ['recipient@example.com'], bytes: mail.length }]);
  });

  test('a refused recipient does not keep the mail from the others', async () => {
    const { port, mails } = await start({
      rules: [{ at: 'rcpt', to: 'Bad@example.com', reply: '550 5.1.1 no such user' }],
    });
    const heard = codes(await say(port, dialogue(MAIL, { to: ['good@example.com', 'bad@example.com'] })));
    expect(heard).toEqual(['220', '250', '250', '250', '550', '354', '250', '221']);
    expect(mails).toMatchObject([{ to: ['good@example.com'] }]);
  });

  test.each<[string, Omit<Rule, 'at'>, string[], string]>([
    ['always', {}, ['a', 'b'], 'xx'],
    ['the first two times', { times: 2 }, ['a', 'b', 'a', 'b'], 'xx..'],
    ['the first time for each recipient', { per: 'recipient', times: 1 }, ['a', 'b', 'a', 'b'], 'xx..'],
    ['all but the first for each recipient', { per: 'recipient', skip: 1 }, ['a', 'b', 'a', 'a'], '..xx'],
    ['each third time', { every: 3, skip: 2 }, ['a', 'a', 'a', 'a', 'a', 'a'], '..x..x'],
    ['one recipient', { to: 'b@example.com' }, ['a', 'b', 'a', 'b'], '.x.x'],
    ['one domain', { to: '@example.com' }, ['a', 'b'], 'xx'],
    ['another domain', { to: '@ample.com' }, ['a', 'b'], '..'],
    ['one sender', { from: 'a@example.com' }, ['a'], 'x'],
    ['the first time on each connection', { per: 'connection', times: 1 }, ['a', 'b'], 'xx'],
    ['the second connection', { connection: 2 }, ['a', 'b', 'c'], '.x.'],
  ])('a rule that bites %s', async (_title, rule, recipients, expected) => {
    const { port } = await start({ rules: [{ at: 'rcpt', reply: '450 4.2.0 later', ...rule }] });
    let bitten = '';
    for (const recipient of recipients) {
      const heard = codes(await say(port, dialogue(MAIL, { to: [`${recipient}@example.com`] })));
      bitten += heard.includes('450') ? 'x' : '.';
    }
    expect(bitten).toBe(expected);
  });

  test('rules can be changed while it runs', async () => {
    const running = await start({ rules: [{ at: 'mail', reply: '421 4.3.2 closing', drop: 'close' }] });
    await expect(sendMail({ port: running.port, mail: MAIL })).rejects.toMatchObject({ responseCode: 421 });
    running.setRules([]);
    await sendMail({ port: running.port, mail: MAIL });
    expect(running.counts).toMatchObject({ connections: 2, mails: 1 });
  });
});

describe('TLS and AUTH', () => {
  const authority = makeAuthority();
  const certificate = authority.issue({ names: ['localhost', '127.0.0.1'] });
  const trusting = { ignoreTLS: false, requireTLS: true, tls: { ca: authority.cert } };
  const auth = { user: 'relay', password: 'correct horse' };

  test('STARTTLS and AUTH with a certificate of the test’s own authority', async () => {
    const { port, mails, anomalies } = await start({ tls: 'starttls', certificate, auth });
    await sendMail({
      port,
      mail: MAIL,
      connection: trusting,
      auth: { user: 'relay', pass: 'correct horse' },
    });
    expect(mails).toMatchObject([{ isTls: true, user: 'relay' }]);
    expect(anomalies).toEqual([]);
  });

  test('AUTH LOGIN too', async () => {
    const { port, mails } = await start({ tls: 'implicit', certificate, auth });
    const connection = { secure: true, tls: { ca: authority.cert }, authMethod: 'LOGIN' };
    await sendMail({ port, mail: MAIL, connection, auth: { user: 'relay', pass: 'correct horse' } });
    expect(mails).toMatchObject([{ isTls: true, user: 'relay' }]);
  });

  test.each([
    ['no credentials', undefined, 530],
    ['the wrong password', { user: 'relay', pass: 'wrong' }, 535],
  ])('%s is refused', async (_title, given, responseCode) => {
    const { port, mails } = await start({ tls: 'starttls', certificate, auth });
    const sending = { port, mail: MAIL, connection: trusting, ...(given && { auth: given }) };
    await expect(sendMail(sending)).rejects.toMatchObject({ responseCode });
    expect(mails).toEqual([]);
  });

  test.each([
    ['another authority', certificate, makeAuthority().cert],
    [
      'an expired certificate',
      authority.issue({ names: ['127.0.0.1'], until: new Date(Date.now() - 60_000) }),
      authority.cert,
    ],
    ['a certificate for another name', authority.issue({ names: ['elsewhere.example'] }), authority.cert],
  ])('a verifying client turns away from %s, and the sink lives on', async (_title, given, ca) => {
    const { port, mails } = await start({ tls: 'starttls', certificate: given });
    await expect(sendMail({ port, mail: MAIL, connection: { ...trusting, tls: { ca } } })).rejects.toThrow();
    await sendMail({ port, mail: MAIL });
    expect(mails).toMatchObject([{ isTls: false }]);
  });

  test('stripped STARTTLS is not offered, and credentials that come in clear text are noted', async () => {
    const { port, anomalies } = await start({ tls: 'stripped', certificate, auth });
    expect(await say(port, 'EHLO x\r\nQUIT\r\n')).not.toContain('STARTTLS');
    const plain = Buffer.from('\0relay\0correct horse').toString('base64');
    expect(codes(await say(port, `EHLO x\r\nAUTH PLAIN ${plain}\r\nQUIT\r\n`))).toEqual([
      '220',
      '250',
      '235',
      '221',
    ]);
    expect(anomalies).toEqual([{ connection: 2, what: 'credentials in clear text' }]);
  });

  test('what a client sends in clear text behind STARTTLS is not obeyed', async () => {
    const { port, anomalies, reached } = await start({ tls: 'starttls', certificate });
    const socket = createConnection(port, '127.0.0.1');
    clients.push(socket);
    let heard = '';
    socket.on('data', (chunk) => {
      heard += String(chunk);
    });
    socket.write('EHLO x\r\nSTARTTLS\r\nMAIL FROM:<evil@example.com>\r\n');
    while (!heard.includes('go ahead')) await once(socket, 'data');
    socket.removeAllListeners('data');
    const secured = connectTls({ socket, ca: authority.cert, servername: 'localhost' });
    await once(secured, 'secureConnect');
    secured.write('EHLO x\r\n');
    expect(String(await once(secured, 'data'))).not.toContain('STARTTLS');
    expect(anomalies).toContainEqual({ connection: 1, what: 'something sent in clear text behind STARTTLS' });
    expect(reached.mail).toBe(0);
  });

  test('a handshake that never comes ends with the connection', async () => {
    const running = await start({ tls: 'implicit', certificate });
    await say(running.port, 'EHLO x\r\nQUIT\r\n');
    await running.until(({ counts }) => counts.open === 0);
    expect(running.reached.greeting).toBe(0);
  });
});

test('in a process of its own it obeys over HTTP, and ends with the test', async () => {
  const remote = await startSinkProcess(['--header', 'Subject']);
  await remote.setRules([{ at: 'rcpt', per: 'recipient', times: 1, reply: '450 4.2.0 later' }]);
  await expect(remote.setRules([{ at: 'nowhere' } as unknown as Rule])).rejects.toThrow('400');
  await expect(sendMail({ port: remote.port, mail: MAIL })).rejects.toMatchObject({ responseCode: 450 });
  await sendMail({ port: remote.port, mail: MAIL });
  await remote.until(({ mails }) => mails === 1);

  expect(await remote.mails()).toMatchObject([
    { messageId: '<one@example.com>', headers: { subject: ['x'] }, answered: 250 },
  ]);
  expect(await remote.copies()).toMatchObject([{ copies: 1, contents: 1 }]);
  expect(await remote.anomalies()).toEqual([]);

  await remote.setRules([{ at: 'dot', hang: true }]);
  const sent = sendMail({ port: remote.port, mail: MAIL });
  await remote.until(({ hanging }) => hanging.dot === 1);
  await remote.release();
  await sent;
  await remote.forget();
  expect(await remote.mails()).toEqual([]);

  await remote[Symbol.asyncDispose]();
  expect(() => process.kill(remote.pid, 0)).toThrow('ESRCH');
});
