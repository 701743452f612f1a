// What a report says of a connection that failed, at each stage: sentences of our own, never the
// message of Node, OpenSSL or nodemailer.

import { afterEach, describe, expect, it } from 'vitest';
import { bodies, body, sendOne } from '../../../test/contract/transport.ts';
import { makeAuthority } from '../../../test/support/certificates.ts';
import { type SinkOptions, startSink } from '../../../test/support/smtp-sink.ts';
import type { Route } from '../../core/catalog/catalog.ts';
import { parseCidr } from '../../core/network/dialable.ts';
import { createSmtpTransport } from './transport.ts';

const loopback = [parseCidr('127.0.0.0/8')].filter((cidr) => cidr !== null);
const host = 'relay.example';
const authority = makeAuthority();
const certificate = authority.issue({ names: [host] });
const verified = { tls: 'StartTLS', ca: authority.cert } as const;
const ended = /^the server (reset|closed) the connection$/;
const endedTls = /^no TLS: the server (reset|closed) the connection$/;

describe('a report of a connection that failed', () => {
  let open: AsyncDisposable[] = [];
  afterEach(async () => {
    for (const thing of open.reverse()) await thing[Symbol.asyncDispose]();
    open = [];
  });
  const report = async (
    options: SinkOptions,
    route: Partial<Route>,
    mail: Parameters<typeof sendOne>[2] = {},
  ) => {
    const sink = await startSink({ certificate, ...options });
    const limits = {
      smtpConnectMs: 2_000,
      smtpGreetingMs: 2_000,
      smtpSocketMs: 2_000,
      smtpDotMs: 2_000,
      smtpQuitMs: 100,
    };
    const transport = createSmtpTransport({
      allowed: loopback,
      operatorRelay: null,
      ehloName: 'client.example',
      resolve: async () => ['127.0.0.1'],
      limits,
    });
    open.push(sink, transport);
    return sendOne(
      transport,
      { name: 'relay', host, port: sink.port, tls: 'None', credentials: null, ca: null, ...route },
      mail,
    );
  };

  it.each<[string, SinkOptions, Partial<Route>, string, RegExp]>([
    ['closed before it greets', { rules: [{ at: 'greeting', drop: 'close' }] }, {}, 'greeting', ended],
    ['reset at EHLO', { rules: [{ at: 'ehlo', drop: 'reset' }] }, {}, 'ehlo', ended],
    [
      'closed at STARTTLS',
      { tls: 'starttls', rules: [{ at: 'starttls', drop: 'close' }] },
      verified,
      'starttls',
      ended,
    ],
    [
      'closed in the handshake',
      { tls: 'starttls', rules: [{ at: 'starttls', reply: '220 go', drop: 'close' }] },
      verified,
      'tls',
      endedTls,
    ],
    [
      'of an authority that is not trusted',
      { tls: 'starttls' },
      { tls: 'StartTLS' },
      'tls',
      /^no TLS: the server's certificate is signed by no authority that is trusted$/,
    ],
    [
      'under another name',
      { tls: 'implicit' },
      { ...verified, tls: 'Implicit', host: 'other.example' },
      'tls',
      /^no TLS: the server's certificate is for other names$/,
    ],
    [
      'without TLS',
      {},
      { ...verified, tls: 'Implicit' },
      'tls',
      /^no TLS: the server does not speak TLS on this port$/,
    ],
    [
      'with an authority that is no PEM',
      { tls: 'implicit' },
      { tls: 'Implicit', ca: '-----BEGIN CERTIFICATE-----\nhunter2\n-----END CERTIFICATE-----\n' },
      'tls',
      /^no TLS: /,
    ],
    [
      'closed at AUTH',
      { tls: 'starttls', auth: { user: 'user', password: 'secret' }, rules: [{ at: 'auth', drop: 'close' }] },
      { ...verified, credentials: { username: 'user', password: 'secret' } },
      'auth',
      ended,
    ],
  ])('while it opens: %s', async (_, options, route, stage, text) => {
    const told = await report(options, route);
    expect(told).toMatchObject({ stage, text: expect.stringMatching(text) });
    expect(told.text).not.toContain('hunter2');
  });

  describe.each(bodies)('with %s', (_, bodyOf) => {
    it.each(
      (['mail', 'rcpt', 'data', 'body', 'dot'] as const).flatMap((at) =>
        (['close', 'reset', 'half'] as const).map((drop) => [at, drop] as const),
      ),
    )('at %s: %s', async (at, drop) => {
      const told = await report(
        { rules: [{ at, drop }] },
        {},
        { body: bodyOf(body), bytes: Buffer.byteLength(body) },
      );
      expect(told.text).toMatch(ended);
    });
  });

  it('while a body is written that the server does not read', async () => {
    const told = await report(
      { rules: [{ at: 'body', drop: 'reset' }] },
      {},
      { body: [Buffer.alloc(8 << 20, 'x'.repeat(76).concat('\r\n'))], bytes: 8 << 20 },
    );
    expect(told).toMatchObject({ kind: 'lost', stage: 'body', text: expect.stringMatching(ended) });
  });
});
