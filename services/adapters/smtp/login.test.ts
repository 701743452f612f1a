// Logins: the choice of a mechanism, and XOAUTH2 with tokens that change. Against a real server
// (smtp-server), and against scripted ones for what a real server does not do.

import { createServer, type TLSSocket } from 'node:tls';
import { SMTPServer, type SMTPServerAuthentication } from 'smtp-server';
import { afterEach, describe, expect, it } from 'vitest';
import { openSession, sendOne, transaction } from '../../../test/contract/transport.ts';
import { makeAuthority } from '../../../test/support/certificates.ts';
import type { Route, RouteCredentials } from '../../core/catalog/catalog.ts';
import { classifyAnswer } from '../../core/delivery/reply.ts';
import { parseCidr } from '../../core/network/dialable.ts';
import { xoauth2Response } from '../../core/smtp/login.ts';
import type { Transport } from '../../ports/transport.ts';
import { createSmtpTransport } from './transport.ts';

const authority = makeAuthority();
const certificate = authority.issue({ names: ['relay.example'] });
const loopback = [parseCidr('127.0.0.0/8')].filter((cidr) => cidr !== null);
const OLD = 'ya29.old-token-0123456789';
const NEW = 'ya29.new-token-0123456789';
const PASSWORD = 'correct horse battery';

const withToken = (accessToken: string): RouteCredentials => ({
  username: 'ana@sender.example',
  accessToken,
  tenant: 'shop',
  sender: 'billing',
});
const withPassword: RouteCredentials = { username: 'ana@sender.example', password: PASSWORD };

let open: AsyncDisposable[] = [];
const owned = <T extends AsyncDisposable>(thing: T): T => {
  open.push(thing);
  return thing;
};
afterEach(async () => {
  for (const thing of open.reverse()) await thing[Symbol.asyncDispose]();
  open = [];
});

const start = (credentialsOf?: (route: Route) => RouteCredentials | null): Transport =>
  owned(
    createSmtpTransport({
      allowed: loopback,
      operatorRelay: null,
      ehloName: 'client.example',
      resolve: async () => ['127.0.0.1'],
      limits: { smtpSocketMs: 2_000, smtpGreetingMs: 2_000, smtpQuitMs: 100 },
      ...(credentialsOf === undefined ? {} : { credentialsOf }),
    }),
  );
const routeTo = (port: number, credentials: RouteCredentials): Route => ({
  name: 'relay',
  host: 'relay.example',
  port,
  tls: 'Implicit',
  credentials,
  ca: authority.cert,
});

/** A real server. Accepts `token` by XOAUTH2 and `PASSWORD` by every other mechanism. */
async function startRealServer(authMethods: readonly string[]) {
  const logins: SMTPServerAuthentication[] = [];
  const state = { token: NEW, logins, mails: 0, connections: 0 };
  const server = new SMTPServer({
    secure: true,
    key: certificate.key,
    cert: certificate.cert,
    authMethods: [...authMethods],
    onConnect: (_, done) => {
      state.connections += 1;
      done();
    },
    onAuth: (auth, _, done) => {
      logins.push(auth);
      const isRight =
        auth.method === 'XOAUTH2' ? auth.accessToken === state.token : auth.password === PASSWORD;
      if (isRight) done(null, { user: auth.username ?? '' });
      else if (auth.method === 'XOAUTH2')
        done(null, { data: { status: '401', schemes: 'bearer', scope: 'mail' } });
      else done(new Error('Invalid username or password'));
    },
    onData: (stream, _, done) => {
      stream.resume();
      stream.on('end', () => {
        state.mails += 1;
        done();
      });
    },
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  owned({
    [Symbol.asyncDispose]: () => new Promise<void>((resolve) => server.close(() => resolve())),
  });
  const address = server.server.address();
  return Object.assign(state, { port: typeof address === 'object' ? (address?.port ?? 0) : 0 });
}

/** What a scripted server replies to each command of one connection, by its verb. */
type Script = (line: string, connection: number) => string | null;

/** A server that replies to each line as it is told; null stands for the usual reply. */
async function startScript(offers: readonly string[], script: Script) {
  const lines: string[] = [];
  const sockets = new Set<TLSSocket>();
  let connections = 0;
  const server = createServer({ key: certificate.key, cert: certificate.cert }, (socket) => {
    sockets.add(socket);
    socket.on('error', () => {});
    connections += 1;
    const connection = connections;
    let rest = '';
    let isBody = false;
    socket.write('220 relay.example\r\n');
    socket.on('data', (chunk) => {
      const parts = (rest + chunk.toString('latin1')).split('\r\n');
      rest = parts.pop() ?? '';
      for (const line of parts) {
        if (isBody && line !== '.') continue;
        isBody = line === 'DATA';
        lines.push(line);
        const usual = line.startsWith('EHLO')
          ? ['250-relay.example', ...offers.map((offer) => `250-${offer}`), '250 HELP'].join('\r\n')
          : line === 'DATA'
            ? '354 go'
            : '250 fine';
        socket.write(`${script(line, connection) ?? usual}\r\n`);
      }
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  owned({
    async [Symbol.asyncDispose]() {
      const closed = new Promise((resolve) => server.close(resolve));
      for (const socket of sockets) socket.destroy();
      await closed;
    },
  });
  const address = server.address();
  return {
    port: typeof address === 'object' ? (address?.port ?? 0) : 0,
    heard: () => lines,
    auths: () => lines.filter((line) => line.startsWith('AUTH')).map((line) => line.split(' ')[1]),
    connections: () => connections,
  };
}

const b64 = (text: string): string => Buffer.from(text).toString('base64');
/** The reply to the last step of LOGIN, which has no verb. */
const loginSteps = (line: string): string | null =>
  line === 'AUTH LOGIN'
    ? '334 VXNlcm5hbWU6'
    : line === b64(withPassword.username)
      ? '334 UGFzc3dvcmQ6'
      : line === b64(PASSWORD)
        ? '235 2.7.0 welcome'
        : null;

describe('the mechanism of a password', () => {
  it.each(['PLAIN', 'LOGIN', 'CRAM-MD5'])('a server that offers only %s gets it', async (method) => {
    // smtp-server knows no CRAM-MD5
    const server =
      method === 'CRAM-MD5'
        ? await startScript(['AUTH CRAM-MD5'], (line) =>
            line.startsWith('AUTH')
              ? `334 ${b64('<1@relay.example>')}`
              : line.length > 40
                ? '235 fine'
                : null,
          )
        : await startRealServer([method]);
    const report = await sendOne(start(), routeTo(server.port, withPassword));
    expect(report).toMatchObject({ kind: 'accepted' });
  });

  it.each(['502 5.5.1 not implemented', '504 5.5.4 unrecognized', '535 5.7.139 disabled for this account'])(
    'when the first is refused with %s, the second is tried once, on a new connection',
    async (refusal) => {
      const server = await startScript(['AUTH PLAIN LOGIN CRAM-MD5'], (line) =>
        line.startsWith('AUTH PLAIN') ? refusal : loginSteps(line),
      );
      const transport = start();
      const route = routeTo(server.port, withPassword);
      expect(await sendOne(transport, route)).toMatchObject({ kind: 'accepted' });
      expect(server.auths()).toEqual(['PLAIN', 'LOGIN']);
      expect(server.connections()).toBe(2);
    },
  );

  it('a mechanism that the server accepted is the first one of the next connection', async () => {
    const server = await startScript(['AUTH PLAIN LOGIN'], (line) =>
      line.startsWith('AUTH PLAIN') ? '504 no' : line.startsWith('RSET') ? '421 bye' : loginSteps(line),
    );
    const transport = start();
    const route = routeTo(server.port, withPassword);
    await using first = await openSession(transport, route);
    await using second = await openSession(transport, route);
    expect(await first.send(transaction())).toMatchObject({ kind: 'accepted' });
    expect(await second.send(transaction())).toMatchObject({ kind: 'accepted' });
    expect(server.auths()).toEqual(['PLAIN', 'LOGIN', 'LOGIN']);
  });

  it.each([
    ['454 4.7.0 try later', ['PLAIN']],
    ['534 5.7.9 application-specific password required', ['PLAIN']],
    ['530 5.7.0 no', ['PLAIN']],
    ['501 5.5.2 cannot decode', ['PLAIN']],
  ])('after %s no other is tried', async (refusal, tried) => {
    const server = await startScript(['AUTH PLAIN LOGIN'], (line) =>
      line.startsWith('AUTH') ? refusal : null,
    );
    const report = await sendOne(start(), routeTo(server.port, withPassword));
    expect(report).toMatchObject({ kind: 'refused', stage: 'auth', code: Number(refusal.slice(0, 3)) });
    expect(classifyAnswer(report)).toEqual({ kind: 'local', scope: 'route', category: 'auth' });
    expect(server.auths()).toEqual(tried);
  });

  it.each([
    ['535 5.7.8 wrong', '504 5.7.4 unrecognized', 535],
    ['504 5.7.4 unrecognized', '535 5.7.8 wrong', 535],
    ['502 first', '504 second', 504],
    ['535 first', '454 4.7.0 second', 535],
  ])('of two refusals, %s and %s, the report has the one about the login', async (first, second, code) => {
    const server = await startScript(['AUTH PLAIN LOGIN CRAM-MD5'], (line) =>
      line.startsWith('AUTH PLAIN') ? first : line.startsWith('AUTH') ? second : null,
    );
    const report = await sendOne(start(), routeTo(server.port, withPassword));
    expect(report).toMatchObject({ kind: 'refused', stage: 'auth', code });
    expect(server.auths()).toEqual(['PLAIN', 'LOGIN']);
  });

  it.each([
    [
      ['AUTH GSSAPI NTLM'],
      'the server offers AUTH GSSAPI, NTLM only, and a password needs PLAIN, LOGIN, CRAM-MD5',
    ],
    [['AUTH XOAUTH2'], 'the server offers AUTH XOAUTH2 only, and a password needs PLAIN, LOGIN, CRAM-MD5'],
    [['AUTH'], 'the server offers no AUTH'],
    [[], 'the server offers no AUTH'],
  ])(
    'a server that offers %j gets no password, and the report names what it offers',
    async (offers, text) => {
      const server = await startScript(offers, () => null);
      const report = await sendOne(start(), routeTo(server.port, withPassword));
      expect(report).toMatchObject({ kind: 'fault', stage: 'auth', reason: 'auth', text });
      expect(server.heard().map((line) => line.split(' ')[0])).toEqual(['EHLO']);
    },
  );
});

describe('an access token', () => {
  it('logs in by XOAUTH2', async () => {
    const server = await startRealServer(['PLAIN', 'LOGIN', 'XOAUTH2']);
    expect(await sendOne(start(), routeTo(server.port, withToken(NEW)))).toMatchObject({ kind: 'accepted' });
    expect(server.logins).toMatchObject([
      { method: 'XOAUTH2', username: 'ana@sender.example', accessToken: NEW },
    ]);
  });

  it('is sent once: the error of the server is answered by an empty line', async () => {
    const server = await startRealServer(['PLAIN', 'XOAUTH2']);
    const report = await sendOne(start(), routeTo(server.port, withToken(OLD)));
    expect(report).toMatchObject({ kind: 'refused', stage: 'auth' });
    expect(classifyAnswer(report)).toEqual({ kind: 'local', scope: 'route', category: 'auth' });
    expect(server.logins).toHaveLength(1);
  });

  it('a refusal in one step and in two steps is the same refusal', async () => {
    for (const isChallenge of [false, true]) {
      const server = await startScript(['AUTH XOAUTH2'], (line) =>
        line.startsWith('AUTH') && isChallenge
          ? `334 ${b64('{"status":"401"}')}`
          : line === '' || line.startsWith('AUTH')
            ? '535 5.7.8 not accepted'
            : null,
      );
      const report = await sendOne(start(), routeTo(server.port, withToken(OLD)));
      expect(report).toMatchObject({ kind: 'refused', stage: 'auth', code: 535, text: 'not accepted' });
      expect(server.heard().slice(1)).toEqual([
        `AUTH XOAUTH2 ${xoauth2Response('ana@sender.example', OLD)}`,
        ...(isChallenge ? [''] : []),
      ]);
    }
  });

  it('is not sent to a server that offers passwords only', async () => {
    const server = await startScript(['AUTH PLAIN LOGIN'], () => null);
    const report = await sendOne(start(), routeTo(server.port, withToken(NEW)));
    expect(report.text).toBe('the server offers AUTH PLAIN, LOGIN only, and an access token needs XOAUTH2');
    expect(server.auths()).toEqual([]);
  });

  it('a login uses the current token, not the one of the route', async () => {
    const server = await startRealServer(['XOAUTH2']);
    const transport = start(() => withToken(NEW));
    expect(await sendOne(transport, routeTo(server.port, withToken(OLD)))).toMatchObject({
      kind: 'accepted',
    });
  });

  it('routes that differ in their token only share a connection', async () => {
    const server = await startRealServer(['XOAUTH2']);
    const transport = start();
    await sendOne(transport, routeTo(server.port, withToken(NEW)));
    await sendOne(transport, routeTo(server.port, withToken(OLD)));
    expect([server.mails, server.connections]).toEqual([2, 1]);
  });

  it('that expires on a kept connection leads to a new login with the current token, at once', async () => {
    let current = OLD;
    const server = await startScript(['PIPELINING', 'AUTH XOAUTH2'], (line, connection) =>
      line.startsWith('AUTH')
        ? '235 2.7.0 welcome'
        : connection === 1 && current === NEW && /^(MAIL|RCPT|DATA)/.test(line)
          ? '530 5.7.0 log in again'
          : null,
    );
    const transport = start(() => withToken(current));
    const route = routeTo(server.port, withToken(OLD));
    expect(await sendOne(transport, route)).toMatchObject({ kind: 'accepted' });
    current = NEW;
    expect(await sendOne(transport, route)).toMatchObject({ kind: 'accepted' });
    expect(server.heard().filter((line) => line.startsWith('AUTH'))).toEqual(
      [OLD, NEW].map((token) => `AUTH XOAUTH2 ${xoauth2Response('ana@sender.example', token)}`),
    );
    expect(server.connections()).toBe(2);
  });
});

describe('no secret of a login gets into a report', () => {
  it.each([
    ['a token', withToken(OLD), ['AUTH XOAUTH2'], [OLD, xoauth2Response('ana@sender.example', OLD)]],
    ['a password', withPassword, ['AUTH PLAIN'], [PASSWORD, b64(`\0ana@sender.example\0${PASSWORD}`)]],
  ] as const)('%s, even when the server repeats it', async (_, credentials, offers, secrets) => {
    const server = await startScript(offers, (line) =>
      line.startsWith('AUTH') ? `535-5.7.8 wrong: ${line}\r\n535 5.7.8 ${secrets[0]}` : null,
    );
    const report = await sendOne(start(), routeTo(server.port, credentials));
    expect(report).toMatchObject({ code: 535, enhanced: '5.7.8' });
    expect(report.transcript).toContain(`C: ${offers[0]}`);
    for (const secret of secrets) expect(JSON.stringify(report)).not.toContain(secret);
  });
});
