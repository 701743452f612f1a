import { getEventListeners, once } from 'node:events';
import { createServer, type Socket } from 'node:net';
import { afterEach, describe, expect, it } from 'vitest';
import {
  address,
  body,
  inChunks,
  openSession,
  sendOne,
  transaction,
  transportContract,
} from '../../../test/contract/transport.ts';
import { makeAuthority } from '../../../test/support/certificates.ts';
import { type Sink, type SinkOptions, startSink } from '../../../test/support/smtp-sink.ts';
import type { Rule } from '../../../test/support/smtp-sink-rules.ts';
import type { Address } from '../../core/address.ts';
import type { Route, TlsPolicy } from '../../core/catalog/catalog.ts';
import { classifyAnswer } from '../../core/delivery/reply.ts';
import { smtpOutLimits } from '../../core/limits/smtp-out.ts';
import { parseCidr } from '../../core/network/dialable.ts';
import type { Transport } from '../../ports/transport.ts';
import type { Resolve } from './dial.ts';
import type { SmtpLimits } from './settings.ts';
import { createSmtpTransport } from './transport.ts';

const loopback = [parseCidr('127.0.0.0/8')].filter((cidr) => cidr !== null);
const quick: Partial<SmtpLimits> = {
  connectionsPerRouteMax: 2,
  messagesPerConnectionMax: 3,
  smtpConnectMs: 2_000,
  smtpGreetingMs: 500,
  smtpSocketMs: 500,
  smtpDotMs: 500,
  smtpQuitMs: 100,
};

const routeTo = (port: number, changes: Partial<Route> = {}): Route => {
  return { name: 'relay', host: '127.0.0.1', port, tls: 'None', credentials: null, ca: null, ...changes };
};
const start = (limits: Partial<SmtpLimits> = {}, resolve: Resolve = async () => ['127.0.0.1']): Transport =>
  createSmtpTransport({
    allowed: loopback,
    operatorRelay: null,
    ehloName: 'client.example',
    resolve,
    limits: { ...quick, ...limits },
  });

transportContract('smtp', async (options, waitMs) => {
  const sink = await startSink(options);
  const transport = start(
    waitMs === undefined ? {} : { smtpGreetingMs: waitMs, smtpSocketMs: waitMs, smtpDotMs: waitMs },
  );
  return {
    sink,
    transport,
    route: routeTo(sink.port),
    async [Symbol.asyncDispose]() {
      await transport[Symbol.asyncDispose]();
      await sink[Symbol.asyncDispose]().catch(() => {}); // one test has closed it
    },
  };
});

describe('smtp transport', () => {
  let open: AsyncDisposable[] = [];
  const owned = <T extends AsyncDisposable>(thing: T): T => {
    open.push(thing);
    return thing;
  };
  afterEach(async () => {
    for (const thing of open.reverse()) await thing[Symbol.asyncDispose]();
    open = [];
  });
  const setUp = async (
    options: SinkOptions = {},
    limits: Partial<SmtpLimits> = {},
  ): Promise<{ sink: Sink; transport: Transport }> => {
    const sink = owned(await startSink(options));
    return { sink, transport: owned(start(limits)) };
  };

  describe('TLS', () => {
    const authority = makeAuthority();
    const certificate = authority.issue({ names: ['relay.example'] });
    const ca = authority.cert;
    const secured = { version: 'TLSv1.3', verified: true };
    const unverified = { version: 'TLSv1.3', verified: false };
    const refused = { kind: 'fault', stage: 'tls', reason: 'tls' };

    type Offer = NonNullable<SinkOptions['tls']>;
    it.each<[TlsPolicy, Offer, string, string | null, object]>([
      ['None', 'none', 'relay.example', null, { kind: 'accepted', tls: null }],
      ['None', 'starttls', 'relay.example', null, { kind: 'accepted', tls: null }],
      ['Opportunistic', 'none', 'relay.example', null, { kind: 'accepted', tls: null }],
      ['Opportunistic', 'starttls', 'relay.example', null, { kind: 'accepted', tls: unverified }],
      ['Opportunistic', 'starttls', 'relay.example', ca, { kind: 'accepted', tls: secured }],
      ['StartTLS', 'starttls', 'relay.example', ca, { kind: 'accepted', tls: secured }],
      ['StartTLS', 'starttls', 'relay.example', null, refused],
      ['StartTLS', 'starttls', 'other.example', ca, refused],
      ['StartTLS', 'starttls', '127.0.0.1', ca, refused],
      ['StartTLS', 'none', 'relay.example', ca, { kind: 'refused', stage: 'starttls', code: 502 }],
      ['StartTLS', 'stripped', 'relay.example', ca, { kind: 'accepted', tls: secured }],
      ['Implicit', 'implicit', 'relay.example', ca, { kind: 'accepted', tls: secured }],
      ['Implicit', 'implicit', 'relay.example', null, refused],
      ['Implicit', 'implicit', 'other.example', ca, refused],
      ['Implicit', 'none', 'relay.example', ca, refused],
    ])('%s, server %s, named %s', async (tls, offer, host, trusted, expected) => {
      const { sink, transport } = await setUp({ tls: offer, certificate });
      const report = await sendOne(transport, routeTo(sink.port, { tls, host, ca: trusted }));
      expect(report).toMatchObject(expected);
      expect(sink.mails).toHaveLength(report.kind === 'accepted' ? 1 : 0);
      expect(sink.anomalies).toEqual([]);
      if (report.kind !== 'accepted')
        expect(classifyAnswer(report)).toMatchObject({ kind: 'local', scope: 'route', category: 'tls' });
    });

    it('a certificate for an IP address is good for a route that names it', async () => {
      const { sink, transport } = await setUp({
        tls: 'starttls',
        certificate: authority.issue({ names: ['127.0.0.1'] }),
      });
      const report = await sendOne(transport, routeTo(sink.port, { tls: 'StartTLS', ca }));
      expect(report).toMatchObject({ kind: 'accepted', tls: secured });
    });

    it('an expired certificate is refused', async () => {
      const yesterday = new Date(Date.now() - 24 * 3_600_000);
      const expired = authority.issue({ names: ['relay.example'], from: new Date(0), until: yesterday });
      const { sink, transport } = await setUp({ tls: 'implicit', certificate: expired });
      const report = await sendOne(
        transport,
        routeTo(sink.port, { tls: 'Implicit', host: 'relay.example', ca }),
      );
      expect(report).toMatchObject(refused);
    });

    it('Opportunistic goes on in the clear when STARTTLS is refused or its handshake fails', async () => {
      const { sink, transport } = await setUp({
        tls: 'starttls',
        certificate,
        rules: [{ at: 'starttls', reply: '454 4.7.0 not now' }],
      });
      expect(await sendOne(transport, routeTo(sink.port, { tls: 'Opportunistic' }))).toMatchObject({
        kind: 'accepted',
        tls: null,
      });
      const garbled = await listen((socket) =>
        talk(socket, { STARTTLS: '220 go\r\nnot a handshake at all' }, ['STARTTLS']),
      );
      expect(await sendOne(transport, routeTo(garbled.port, { tls: 'Opportunistic' }))).toMatchObject({
        kind: 'accepted',
        tls: null,
      });
      expect(garbled.connections()).toBe(2);
    });

    it('what is injected in the clear behind 220 is never taken for an answer', async () => {
      // All in one segment: an EHLO answer that would offer AUTH, and an end to the handshake.
      const injected = '220 go\r\n250-relay.example\r\n250 AUTH PLAIN\r\n';
      const middle = await listen((socket) => talk(socket, { STARTTLS: injected }, ['STARTTLS']));
      const route = routeTo(middle.port, {
        tls: 'StartTLS',
        ca,
        credentials: { username: 'user', password: 'secret' },
      });
      const report = await sendOne(start(), route);
      expect(report.kind).not.toBe('accepted');
      expect(classifyAnswer(report)).toMatchObject({ kind: 'local', scope: 'route', category: 'tls' });
      expect(middle.heard()).not.toContain('AUTH');
    });
  });

  describe('AUTH', () => {
    const authority = makeAuthority();
    const certificate = authority.issue({ names: ['relay.example'] });
    const auth = { user: 'user', password: 'secret' };
    const route = (port: number, changes: Partial<Route> = {}) =>
      routeTo(port, {
        tls: 'StartTLS',
        host: 'relay.example',
        ca: authority.cert,
        credentials: { username: 'user', password: 'secret' },
        ...changes,
      });

    it('logs in over verified TLS', async () => {
      const { sink, transport } = await setUp({ tls: 'starttls', certificate, auth });
      expect((await sendOne(transport, route(sink.port))).kind).toBe('accepted');
      expect(sink.mails).toMatchObject([{ isTls: true, user: 'user' }]);
      expect(sink.anomalies).toEqual([]);
    });

    it('a wrong password is a matter of the route, and is not in the transcript', async () => {
      const { sink, transport } = await setUp({ tls: 'starttls', certificate, auth });
      const credentials = { username: 'user', password: 'not-the-password' };
      const report = await sendOne(transport, route(sink.port, { credentials }));
      expect(report).toMatchObject({
        kind: 'refused',
        stage: 'auth',
        code: 535,
        tls: { version: 'TLSv1.3', verified: true },
      });
      expect(classifyAnswer(report)).toEqual({ kind: 'local', scope: 'route', category: 'auth' });
      expect(report.transcript).toContain('S: 535');
      for (const secret of ['user', 'not-the-password', Buffer.from('\0user\0').toString('base64')])
        expect(report.transcript).not.toContain(secret);
    });

    it('no login where one is wanted is a matter of the route', async () => {
      const { sink, transport } = await setUp({ tls: 'starttls', certificate, auth });
      const report = await sendOne(transport, route(sink.port, { credentials: null }));
      expect(report).toMatchObject({ kind: 'refused', stage: 'mail', code: 530 });
      expect(classifyAnswer(report)).toEqual({ kind: 'local', scope: 'route', category: 'auth' });
    });

    it('a server without AUTH is a matter of the route', async () => {
      const { sink, transport } = await setUp({ tls: 'starttls', certificate });
      expect(await sendOne(transport, route(sink.port))).toMatchObject({
        kind: 'fault',
        stage: 'auth',
        reason: 'auth',
      });
      expect(sink.mails).toHaveLength(0);
    });

    it.each(['None', 'Opportunistic'] as const)(
      'credentials on a route with %s are never sent',
      async (tls) => {
        const { sink, transport } = await setUp({
          tls: 'starttls',
          certificate,
          auth: { ...auth, isOfferedInClear: true },
        });
        expect(await sendOne(transport, route(sink.port, { tls }))).toMatchObject({
          kind: 'fault',
          stage: 'auth',
          reason: 'auth',
        });
        expect(sink.counts.connections).toBe(0);
      },
    );

    it('credentials are not sent in the clear when STARTTLS is taken out of the answer to EHLO', async () => {
      const middle = await listen((socket) => talk(socket, { STARTTLS: '502 what' }, ['AUTH PLAIN LOGIN']));
      const report = await sendOne(owned(start()), route(middle.port));
      expect(report).toMatchObject({ kind: 'refused', stage: 'starttls' });
      expect(middle.heard()).not.toContain('AUTH');
    });

    it('credentials are not sent to a server that only knows HELO', async () => {
      const middle = await listen((socket) => talk(socket, { EHLO: '502 what' }, []));
      const report = await sendOne(owned(start()), route(middle.port));
      expect(classifyAnswer(report)).toMatchObject({ kind: 'local', scope: 'route' });
      expect(middle.heard()).not.toContain('AUTH');
    });
  });

  describe('which hosts are dialled', () => {
    const refused = { kind: 'fault', stage: 'dial', reason: 'address_refused', source: null };
    const dialling = (changes: Partial<Parameters<typeof createSmtpTransport>[0]>): Transport =>
      owned(createSmtpTransport({ allowed: [], operatorRelay: null, limits: quick, ...changes }));

    it('a private address is refused, as a literal and behind a name', async () => {
      const { sink } = await setUp();
      const transport = dialling({ resolve: async () => ['127.0.0.1', '10.0.0.1', '::1'] });
      for (const host of ['127.0.0.1', '::1', '::ffff:127.0.0.1', 'inside.example']) {
        const report = await sendOne(transport, routeTo(sink.port, { host }));
        expect(report).toMatchObject(refused);
        expect(classifyAnswer(report)).toEqual({
          kind: 'local',
          scope: 'route',
          category: 'address_refused',
        });
      }
      expect(sink.counts.connections).toBe(0);
    });

    it('an allowed range opens it', async () => {
      const { sink } = await setUp();
      expect((await sendOne(dialling({ allowed: loopback }), routeTo(sink.port))).kind).toBe('accepted');
    });

    it('of several addresses only those are dialled that may be', async () => {
      const { sink } = await setUp();
      const transport = dialling({ allowed: loopback, resolve: async () => ['10.0.0.1', '127.0.0.1'] });
      expect((await sendOne(transport, routeTo(sink.port, { host: 'both.example' }))).kind).toBe('accepted');
    });

    it("the operator's own relay is always allowed, another port of its host is not", async () => {
      const { sink } = await setUp();
      const transport = dialling({ operatorRelay: { host: '127.0.0.1', port: sink.port } });
      expect((await sendOne(transport, routeTo(sink.port))).kind).toBe('accepted');
      expect(await sendOne(transport, routeTo(sink.port + 1))).toMatchObject(refused);
    });

    it('a name is judged at each dial', async () => {
      const { sink } = await setUp();
      const answers = [['127.0.0.1'], ['10.0.0.1']];
      const transport = dialling({
        allowed: loopback,
        resolve: async () => answers.shift() ?? [],
        limits: { ...quick, messagesPerConnectionMax: 1 },
      });
      const route = routeTo(sink.port, { host: 'moving.example' });
      expect((await sendOne(transport, route)).kind).toBe('accepted');
      expect(await sendOne(transport, route)).toMatchObject(refused);
    });

    it('goes on to the next address when one does not answer', async () => {
      const { sink } = await setUp();
      const transport = dialling({ allowed: loopback, resolve: async () => ['127.0.0.9', '127.0.0.1'] });
      expect((await sendOne(transport, routeTo(sink.port, { host: 'two.example' }))).kind).toBe('accepted');
    });

    it('a name that does not resolve, or not in time, is our fault', async () => {
      const unknown = dialling({
        resolve: () => Promise.reject(Object.assign(new Error('no'), { code: 'ENOTFOUND' })),
      });
      expect(await sendOne(unknown, routeTo(25, { host: 'a.example' }))).toMatchObject({
        kind: 'fault',
        stage: 'dial',
        reason: 'dns',
        text: 'the host name does not resolve: ENOTFOUND',
      });
      const silent = dialling({
        resolve: () => new Promise(() => {}),
        limits: { ...quick, smtpConnectMs: 50 },
      });
      expect(await sendOne(silent, routeTo(25, { host: 'a.example' }))).toMatchObject({
        kind: 'fault',
        stage: 'dial',
        reason: 'dns',
      });
    });
  });

  describe('a host with several addresses', () => {
    const host = 'several.example';
    // The sink counts connections, so one address stands for all of them.
    const at = (count: number, limits: Partial<SmtpLimits> = {}): Transport =>
      owned(start(limits, async () => Array.from({ length: count }, () => '127.0.0.1')));

    it.each<[string, Rule]>([
      ['greets with 421', { at: 'greeting', connection: 1, reply: '421 4.3.2 full' }],
      ['greets with 554', { at: 'greeting', connection: 1, reply: '554 no service here' }],
      ['closes before it greets', { at: 'greeting', connection: 1, drop: 'close' }],
      ['says nothing', { at: 'greeting', connection: 1, hang: true }],
      ['refuses EHLO for now', { at: 'ehlo', connection: 1, reply: '421 4.3.2 busy', drop: 'close' }],
      ['refuses STARTTLS', { at: 'starttls', connection: 1, reply: '454 4.7.0 not now' }],
      ['closes at STARTTLS', { at: 'starttls', connection: 1, drop: 'close' }],
    ])('is tried at the next one in the same attempt when the first %s', async (_, rule) => {
      const authority = makeAuthority();
      const { sink } = await setUp({
        rules: [rule],
        tls: 'starttls',
        certificate: authority.issue({ names: [host] }),
      });
      const report = await sendOne(at(2), routeTo(sink.port, { host, tls: 'StartTLS', ca: authority.cert }));
      expect(report).toMatchObject({ kind: 'accepted', tls: { verified: true } });
      expect(sink.counts).toMatchObject({ connections: 2, mails: 1 });
    });

    it('reports what the last one said when all refuse, and tries no more of them than allowed', async () => {
      const { sink } = await setUp({ rules: [{ at: 'greeting', reply: '421 4.3.2 full' }] });
      const route = routeTo(sink.port, { host });
      expect(await sendOne(at(3), route)).toMatchObject({
        kind: 'refused',
        stage: 'greeting',
        code: 421,
        source: '127.0.0.1',
      });
      expect(sink.counts.connections).toBe(3);
      await sendOne(at(9), route);
      expect(sink.counts.connections).toBe(3 + smtpOutLimits.smtpAddressesMax);
    });

    it('a login that is refused is not tried at the others', async () => {
      const authority = makeAuthority();
      const auth = { user: 'user', password: 'secret' };
      const { sink } = await setUp({
        tls: 'starttls',
        certificate: authority.issue({ names: [host] }),
        auth,
      });
      const credentials = { username: 'user', password: 'wrong' };
      const report = await sendOne(
        at(3),
        routeTo(sink.port, { host, tls: 'StartTLS', ca: authority.cert, credentials }),
      );
      expect(report).toMatchObject({ kind: 'refused', stage: 'auth', code: 535 });
      expect(sink.counts.connections).toBe(2); // PLAIN, then LOGIN, at the first address
    });

    it('a signal ends the tries', async () => {
      const { sink } = await setUp({ rules: [{ at: 'greeting', hang: true }] });
      const abort = new AbortController();
      const opening = at(3, { smtpGreetingMs: 30_000 }).open(routeTo(sink.port, { host }), {
        signal: abort.signal,
      });
      await sink.until(({ hanging }) => hanging.greeting === 1);
      abort.abort();
      expect(await opening).toMatchObject({ kind: 'aborted' });
      expect(sink.counts.connections).toBe(1);
    });
  });

  describe('what goes over the wire', () => {
    const pipelined = ['PIPELINING', '8BITMIME'];

    it('the envelope is one write, and so are a body in memory and its dot', async () => {
      const server = await listen((socket) => talk(socket, {}, pipelined));
      expect(
        (
          await sendOne(owned(start()), routeTo(server.port), {
            body: [Buffer.from('Subject: x\r\n\r\n'), Buffer.from('.\r\n')],
          })
        ).kind,
      ).toBe('accepted');
      expect(server.chunks().slice(1)).toEqual([
        'MAIL FROM:<bounces@sender.example> BODY=8BITMIME\r\nRCPT TO:<ana@recipient.example>\r\nDATA\r\n',
        'Subject: x\r\n\r\n..\r\n.\r\n',
      ]);
    });

    it('RSET goes with the envelope that it makes room for', async () => {
      const server = await listen((socket) =>
        talk(socket, { RCPT: '550 5.1.1 nobody', DATA: '503 5.5.1 no' }, pipelined),
      );
      await using session = await openSession(owned(start()), routeTo(server.port));
      await session.send(transaction());
      await session.send(transaction());
      expect(
        server
          .chunks()
          .slice(1)
          .map((chunk) =>
            chunk
              .split('\r\n')
              .map((line) => line.slice(0, 4))
              .join(' '),
          ),
      ).toEqual(['MAIL RCPT DATA ', 'RSET MAIL RCPT DATA ']);
    });

    it('replies that come together are told apart', async () => {
      const server = await listen((socket) =>
        talk(socket, { MAIL: '250 ok\r\n250 ok\r\n354 go', RCPT: '', DATA: '' }, pipelined),
      );
      expect((await sendOne(owned(start()), routeTo(server.port))).kind).toBe('accepted');
    });

    it('RCPT refused with DATA accepted is ended by a lone dot, and the connection goes on', async () => {
      const server = await listen((socket) =>
        talk(socket, { RCPT: '550 5.1.1 nobody', '.': '554 5.5.1 nobody to send to' }, pipelined),
      );
      await using session = await openSession(owned(start()), routeTo(server.port));
      const neverAsked = () => Promise.reject(new Error('the fence was asked'));
      for (const rset of ['', 'RSET\r\n']) {
        expect(await session.send(transaction({ beforeDot: neverAsked }))).toMatchObject({
          kind: 'refused',
          stage: 'rcpt',
          code: 550,
        });
        expect(server.heard().endsWith('DATA\r\n.\r\n')).toBe(true);
        expect(server.chunks().at(-2)?.startsWith(`${rset}MAIL`)).toBe(true);
      }
      expect(server.connections()).toBe(1);
    });
  });

  it.each([
    ['421 4.3.2 closing', { kind: 'refused', code: 421 }],
    ['250 once more', { kind: 'lost', reason: 'protocol' }],
  ])('what comes together with the answer to EHLO is no answer to MAIL: %s', async (more, expected) => {
    const server = await listen((socket) =>
      talk(socket, { EHLO: `250-relay.example\r\n250 HELP\r\n${more}` }, []),
    );
    const report = await sendOne(owned(start()), routeTo(server.port));
    expect(report).toMatchObject({ stage: 'mail', ...expected });
    expect(classifyAnswer(report)).toMatchObject({ kind: 'deferred', spent: false });
    expect(server.heard()).not.toContain('MAIL');
  });

  it('a connection listens once to a signal, however many mails go over it, and no longer than it lives', async () => {
    const { sink, transport } = await setUp({}, { messagesPerConnectionMax: 10 });
    const { signal } = new AbortController();
    await using session = await openSession(transport, routeTo(sink.port));
    for (let i = 0; i < 5; i++) expect((await session.send(transaction({ signal }))).kind).toBe('accepted');
    expect(getEventListeners(signal, 'abort')).toHaveLength(1);
    for (let i = 0; i < 5; i++) await session.send(transaction({ signal }));
    await sink.until(({ counts }) => counts.open === 0);
    expect(getEventListeners(signal, 'abort')).toHaveLength(0);
  });

  describe('the envelope', () => {
    it('is passed on as given: a quoted local part, an international domain, the null return path', async () => {
      const { sink, transport } = await setUp();
      const recipients = ['"a b"@recipient.example', 'ana@bücher.example', 'a+tag@RECIPIENT.example'].map(
        address,
      );
      for (const rcptTo of recipients)
        expect((await sendOne(transport, routeTo(sink.port), { rcptTo, mailFrom: null })).kind).toBe(
          'accepted',
        );
      expect(sink.mails.map(({ from, to }) => [from, ...to])).toEqual([
        ['', '"a b"@recipient.example'],
        ['', 'ana@xn--bcher-kva.example'],
        ['', 'a+tag@recipient.example'],
      ]);
    });

    it.each([
      'ana@a.example>\r\nRCPT TO:<eve@b.example',
      'ana@a.example\r\nDATA',
      'ana@a.example\n',
      'ana\u0000@a.example',
    ])('%j gets not one byte onto the wire', async (text) => {
      const { sink, transport } = await setUp();
      // Past the parser, on purpose.
      const smuggled = text as Address;
      await using session = await openSession(transport, routeTo(sink.port));
      await expect(session.send(transaction({ rcptTo: smuggled }))).rejects.toThrow('control character');
      await expect(session.send(transaction({ mailFrom: smuggled }))).rejects.toThrow('control character');
      expect(sink.counts.reached).toMatchObject({ mail: 0, rcpt: 0 });
    });

    it('an address with angle brackets bounces: it cannot be sent', async () => {
      const { sink, transport } = await setUp();
      const report = await sendOne(transport, routeTo(sink.port), {
        rcptTo: address('"a<b>"@recipient.example'),
      });
      expect(classifyAnswer(report)).toEqual({ kind: 'bounced', category: 'mailbox' });
      expect(sink.counts.reached.mail).toBe(0);
    });

    it('SMTPUTF8 and 8BITMIME are declared where they are offered', async () => {
      const { sink, transport } = await setUp();
      const text = 'Subject: x\r\n\r\nGrüße\r\n';
      const rcptTo = address('jürgen@recipient.example');
      const report = await sendOne(transport, routeTo(sink.port), {
        rcptTo,
        smtpUtf8: true,
        body: inChunks(text),
        bytes: 24,
      });
      expect(report.kind).toBe('accepted');
      expect(sink.mails).toMatchObject([
        { to: ['jürgen@recipient.example'], parameters: ['SMTPUTF8', 'BODY=8BITMIME', 'SIZE=24'] },
      ]);
      expect(sink.anomalies).toEqual([]);
    });

    it('without SMTPUTF8 at the server such an address bounces unasked', async () => {
      const { sink, transport } = await setUp({ extensions: [] });
      const report = await sendOne(transport, routeTo(sink.port), {
        rcptTo: address('jürgen@recipient.example'),
        smtpUtf8: true,
      });
      expect(classifyAnswer(report)).toEqual({ kind: 'bounced', category: 'smtputf8' });
      expect(sink.counts.reached.mail).toBe(0);
    });

    it('a body over the SIZE of the server bounces unasked', async () => {
      const { sink, transport } = await setUp({ mailBytesMax: 1_000 });
      const report = await sendOne(transport, routeTo(sink.port), { bytes: 1_001 });
      expect(classifyAnswer(report)).toEqual({ kind: 'bounced', category: 'too_large' });
      expect(sink.counts.reached.mail).toBe(0);
      expect((await sendOne(transport, routeTo(sink.port), { bytes: 1_000 })).kind).toBe('accepted');
    });

    it('goes without pipelining where it is not offered', async () => {
      const { sink, transport } = await setUp({ extensions: [] });
      expect((await sendOne(transport, routeTo(sink.port))).kind).toBe('accepted');
      expect(sink.mails[0]?.raw?.toString()).toBe(body);
    });
  });

  describe('what a server should not do', () => {
    it('a 250 before the dot is no acceptance, and the dot is not sent', async () => {
      const server = await listen((socket) =>
        talk(socket, { DATA: '354 go\r\n250 2.0.0 already taken' }, ['PIPELINING']),
      );
      const report = await sendOne(owned(start()), routeTo(server.port), { beforeDot: server.allGone });
      expect(report).toMatchObject({ kind: 'lost', stage: 'body', reason: 'protocol' });
      expect(server.heard()).not.toContain('\r\n.\r\n');
    });

    it('a refusal that breaks off in the middle of its line counts', async () => {
      const server = await listen((socket) => talk(socket, { RCPT: '550 5.1.1 nob', isCut: 'RCPT' }, []));
      expect(await sendOne(owned(start()), routeTo(server.port))).toMatchObject({
        kind: 'refused',
        stage: 'rcpt',
        code: 550,
      });
    });

    it('an acceptance that breaks off in the middle of its line does not', async () => {
      const server = await listen((socket) => talk(socket, { '.': '250 2.0.0 tak', isCut: '.' }, []));
      expect(await sendOne(owned(start()), routeTo(server.port))).toMatchObject({
        kind: 'answer_lost',
        stage: 'dot',
      });
    });

    it.each(['PIPELINING', 'HELP'])(
      'a reply too many is not taken for an answer to what comes later (%s)',
      async (offer) => {
        const server = await listen((socket) =>
          talk(socket, { RCPT: '250 fine\r\n250 fine\r\n250 fine' }, [offer]),
        );
        const report = await sendOne(owned(start()), routeTo(server.port));
        expect(classifyAnswer(report)).toMatchObject({ kind: 'deferred', category: 'protocol' });
        expect(server.heard()).not.toContain('\r\n.\r\n');
      },
    );

    it('a greeting of another protocol is a refusal about us', async () => {
      const server = await listen((socket) => socket.write('SSH-2.0-OpenSSH_9.6\r\n'));
      const report = await sendOne(owned(start()), routeTo(server.port));
      expect(classifyAnswer(report)).toMatchObject({ kind: 'deferred', spent: false });
    });

    it('a transcript is cut', async () => {
      const { sink, transport } = await setUp({
        rules: [{ at: 'rcpt', reply: `550 ${'x'.repeat(50_000)}` }],
      });
      const report = await sendOne(transport, routeTo(sink.port));
      expect(report.text).toHaveLength(500);
      expect(Buffer.byteLength(report.transcript ?? '')).toBeLessThanOrEqual(16 * 1024);
    });
  });

  it('keeps bare CR and LF off the wire', async () => {
    const { sink, transport } = await setUp();
    const smuggling = 'Subject: x\r\n\r\na\n.\nMAIL FROM:<eve@b.example>\r.\rb\r\n';
    expect(
      (
        await sendOne(transport, routeTo(sink.port), {
          body: inChunks(smuggling, 1),
          bytes: smuggling.length,
        })
      ).kind,
    ).toBe('accepted');
    expect(sink.anomalies).toEqual([]);
    expect(sink.mails).toHaveLength(1);
    expect(sink.mails[0]?.raw?.toString()).toBe(
      'Subject: x\r\n\r\na\r\n.\r\nMAIL FROM:<eve@b.example>\r\n.\r\nb\r\n',
    );
  });

  it('the transcript tells the dialogue of the attempt, without the body', async () => {
    const { sink, transport } = await setUp({ rules: [{ at: 'dot', reply: '554 5.7.1 spam' }] });
    const first = await sendOne(transport, routeTo(sink.port));
    const lines = first.transcript?.split('\n') ?? [];
    expect(lines[0]).toBe('S: 220 sink.example ESMTP');
    expect(lines[1]).toBe('C: EHLO client.example');
    expect(lines.slice(-4)).toEqual(['S: 354 go ahead', 'C: (body)', 'C: .', 'S: 554 5.7.1 spam']);
    expect(first.transcript).not.toContain('hello');
    const second = await sendOne(transport, routeTo(sink.port));
    expect(second.transcript).toMatch(/^C: RSET\n/);
    expect(second.timings.open).toBeNull();
  });

  it('an idle connection is closed politely, by us or by the server', async () => {
    const { sink, transport } = await setUp({}, { connectionIdleMs: 20 });
    expect((await sendOne(transport, routeTo(sink.port))).kind).toBe('accepted');
    await sink.until(({ counts }) => counts.open === 0);
    expect(sink.counts.reached.quit).toBe(1);
  });

  it('routes that differ in anything share no connection', async () => {
    const { sink, transport } = await setUp();
    await sendOne(transport, routeTo(sink.port));
    await sendOne(transport, routeTo(sink.port, { tls: 'Opportunistic' }));
    await sendOne(transport, routeTo(sink.port, { name: 'another name for the same' }));
    expect(sink.counts.connections).toBe(2);
  });

  it('disposed, it says QUIT to what is idle and does not wait for a silent server', async () => {
    const { sink } = await setUp({ rules: [{ at: 'quit', hang: true }] });
    const transport = start();
    await sendOne(transport, routeTo(sink.port));
    await transport[Symbol.asyncDispose]();
    await sink.until(({ counts }) => counts.open === 0);
    expect(sink.counts.reached.quit).toBe(1);
  });

  /** A server for what even the sink would not do. */
  async function listen(serve: (socket: Socket & { heardBy(text: string): void }) => void) {
    const sockets: Socket[] = [];
    let heard = '';
    const chunks: string[] = [];
    const server = createServer((socket) => {
      sockets.push(socket);
      socket.on('error', () => {});
      serve(
        Object.assign(socket, {
          heardBy: (text: string) => {
            heard += text;
            chunks.push(text);
          },
        }),
      );
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    owned({
      async [Symbol.asyncDispose]() {
        const closed = new Promise((resolve) => server.close(resolve));
        for (const socket of sockets) socket.destroy();
        await closed;
      },
    });
    const bound = server.address();
    const port = typeof bound === 'object' && bound !== null ? bound.port : 0;
    const allGone = async (): Promise<true> => {
      await Promise.all(sockets.map((socket) => (socket.closed ? null : once(socket, 'close'))));
      return true;
    };
    return { port, allGone, heard: () => heard, chunks: () => chunks, connections: () => sockets.length };
  }
});

/**
 * Speaks just enough SMTP, with the given replies to the given commands; cut off without CRLF after
 * the reply to `isCut`.
 */
function talk(
  socket: Socket & { heardBy(text: string): void },
  replies: Readonly<Record<string, string>>,
  offers: readonly string[],
): void {
  let isBody = false;
  let rest = '';
  const say = (verb: string, usual: string): void => {
    if (replies.isCut === verb) socket.end(replies[verb] ?? usual);
    else socket.write(`${replies[verb] ?? usual}\r\n`);
  };
  socket.write('220 relay.example\r\n');
  socket.on('data', (chunk) => {
    socket.heardBy(chunk.toString('latin1'));
    const lines = (rest + chunk.toString('latin1')).split('\r\n');
    rest = lines.pop() ?? '';
    for (const line of lines) {
      const verb = line.split(' ', 1)[0] ?? '';
      if (isBody && line !== '.') continue;
      isBody = verb === 'DATA';
      if (verb === 'EHLO')
        say(verb, ['250-relay.example', ...offers.map((offer) => `250-${offer}`), '250 HELP'].join('\r\n'));
      else say(verb, verb === 'DATA' ? '354 go' : '250 fine');
    }
  });
}
