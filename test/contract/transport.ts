// What every Transport promises, told by a real SMTP server that keeps account of what it was
// given.

import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type Address, isRefusal, parseAddress } from '../../services/core/address.ts';
import type { Route } from '../../services/core/catalog/catalog.ts';
import type { Answer } from '../../services/core/delivery/reply.ts';
import type { MailBytes, Report, Session, Transaction, Transport } from '../../services/ports/transport.ts';
import type { Sink, SinkOptions } from '../support/smtp-sink.ts';
import type { Rule } from '../support/smtp-sink-rules.ts';
import { troublesContract } from './transport-troubles.ts';

export interface TransportSubject extends AsyncDisposable {
  /**
   * Waits no longer than it is told to for any answer, uses a connection for three messages and
   * keeps two to a route.
   */
  readonly transport: Transport;
  readonly sink: Sink;
  /** Leads to the sink, in the clear. */
  readonly route: Route;
}

export const body =
  'Subject: hello\r\nMessage-ID: <1@sender.example>\r\n\r\n.a dot at the start of a line\r\n..two\r\n.\r\nthe end\r\n';

/** More than all buffers between here and the server hold. */
const much = Buffer.alloc(20_000_000, 'line\r\n');

export function address(text: string): Address {
  const parsed = parseAddress(text);
  if (isRefusal(parsed)) throw new Error(parsed.message);
  return parsed;
}

/** A transaction that goes well unless told otherwise. */
export function transaction(changes: Partial<Transaction> = {}): Transaction {
  return {
    mailFrom: address('bounces@sender.example'),
    rcptTo: address('ana@recipient.example'),
    smtpUtf8: false,
    body: inChunks(body),
    bytes: Buffer.byteLength(body),
    beforeDot: async () => true,
    signal: new AbortController().signal,
    ...changes,
  };
}

/** The two ways to hand a body over. */
export const bodies: readonly [string, (text: string) => MailBytes][] = [
  ['a body in memory', (text) => [Buffer.from(text)]],
  ['a streamed body', (text) => inChunks(text)],
];

export async function* inChunks(text: string | Buffer, size = 7): AsyncGenerator<Uint8Array> {
  const bytes = Buffer.from(text as string);
  for (let i = 0; i < bytes.length; i += size) yield bytes.subarray(i, i + size);
}

export async function openSession(transport: Transport, route: Route): Promise<Session> {
  const opened = await transport.open(route, { signal: new AbortController().signal });
  if (opened.kind !== 'session') throw new Error(`not opened: ${opened.kind} ${opened.stage} ${opened.text}`);
  return opened;
}

/** One transaction in a session of its own. */
export async function sendOne(
  transport: Transport,
  route: Route,
  changes: Partial<Transaction> = {},
): Promise<Report> {
  const given = transaction(changes);
  const opened = await transport.open(route, { signal: given.signal });
  if (opened.kind !== 'session') return opened;
  await using session = opened;
  return await session.send(given);
}

/** `waitMs`: how long the transport waits for an answer, half a second unless given. */
export type OpenSubject = (options: SinkOptions, waitMs?: number) => Promise<TransportSubject>;

export function transportContract(name: string, open: OpenSubject): void {
  describe(`Transport contract: ${name}`, () => {
    troublesContract(open);

    let subject: TransportSubject;
    const begin = async (rules: Rule[] = []): Promise<TransportSubject> => {
      subject.sink.setRules(rules);
      return subject;
    };

    beforeEach(async () => {
      subject = await open({});
    });
    afterEach(async () => {
      expect(subject.sink.anomalies).toEqual([]);
      await subject[Symbol.asyncDispose]();
    });

    it('sends exactly the given bytes, including dots at the start of a line', async () => {
      const { transport, route, sink } = await begin();
      const report = await sendOne(transport, route);
      expect(report).toMatchObject({
        kind: 'accepted',
        stage: 'dot',
        code: 250,
        enhanced: '2.0.0',
        text: 'taken',
        reason: null,
        tls: null,
      });
      expect(report.transcript).toBeNull();
      expect(report.timings).toEqual({
        open: expect.any(Number),
        envelope: expect.any(Number),
        body: expect.any(Number),
        dot: expect.any(Number),
      });
      expect(sink.mails).toMatchObject([{ from: 'bounces@sender.example', to: ['ana@recipient.example'] }]);
      expect(sink.mails[0]?.raw?.toString()).toBe(body);
    });

    it.each([1, 63, 64, 65, 1_000, 200_000])(
      'brings over a body of %i bytes, whatever the chunks',
      async (length) => {
        const { transport, route, sink } = await begin();
        const text = `${'.line\r\n'.repeat(Math.ceil(length / 7)).slice(0, length - 2)}\r\n`.slice(-length);
        for (const chunk of [1 + Math.floor(length / 50), length])
          await sendOne(transport, route, { body: inChunks(text, chunk), bytes: text.length });
        expect(sink.mails.map(({ raw }) => raw?.toString().trimEnd())).toEqual([
          text.trimEnd(),
          text.trimEnd(),
        ]);
      },
    );

    it.each<[Rule, Partial<Answer>]>([
      [
        { at: 'greeting', reply: '421 4.3.2 full' },
        { kind: 'refused', stage: 'greeting', code: 421, enhanced: '4.3.2', text: 'full' },
      ],
      [
        { at: 'greeting', reply: '554 no service' },
        { kind: 'refused', stage: 'greeting', code: 554 },
      ],
      [
        { at: 'ehlo', reply: '421 busy', drop: 'close' },
        { kind: 'refused', stage: 'ehlo', code: 421 },
      ],
      [
        { at: 'mail', reply: '451 4.3.0 later' },
        { kind: 'refused', stage: 'mail', code: 451 },
      ],
      [
        { at: 'mail', reply: '550-5.7.1 you are\r\n550 5.7.1 blocked' },
        { kind: 'refused', stage: 'mail', code: 550, text: 'you are blocked' },
      ],
      [
        { at: 'rcpt', reply: '450 4.2.1 later' },
        { kind: 'refused', stage: 'rcpt', code: 450 },
      ],
      [
        { at: 'rcpt', reply: '550 5.1.1 nobody' },
        { kind: 'refused', stage: 'rcpt', code: 550, enhanced: '5.1.1', text: 'nobody' },
      ],
      [
        { at: 'rcpt', reply: '421 closing', drop: 'close' },
        { kind: 'refused', stage: 'rcpt', code: 421 },
      ],
      [
        { at: 'data', reply: '451 later' },
        { kind: 'refused', stage: 'data', code: 451 },
      ],
      [
        { at: 'data', reply: '421 closing', drop: 'close' },
        { kind: 'refused', stage: 'data', code: 421 },
      ],
      [
        { at: 'body', reply: '552 5.3.4 too large' },
        { kind: 'refused', stage: 'body', code: 552 },
      ],
      [
        { at: 'dot', reply: '451 4.3.0 later' },
        { kind: 'refused', stage: 'dot', code: 451 },
      ],
      [
        { at: 'dot', reply: '550 5.7.1 spam' },
        { kind: 'refused', stage: 'dot', code: 550, text: 'spam' },
      ],
      [
        { at: 'dot', reply: '421 closing', drop: 'close' },
        { kind: 'refused', stage: 'dot', code: 421 },
      ],
    ])('reports a refusal with its stage and reply: %j', async (rule, expected) => {
      const { transport, route, sink } = await begin([rule]);
      // In the middle of the body: the fence is answered when we have heard it and closed.
      const report = await sendOne(
        transport,
        route,
        rule.at === 'body' ? { beforeDot: () => allGone(sink) } : {},
      );
      expect(report).toMatchObject({ reason: null, ...expected });
      expect(report.transcript).toContain(`S: ${rule.reply?.split('\r\n')[0]}`);
      expect(sink.mails).toHaveLength(0);
    });

    it.each<[Rule['at'], Answer['stage']]>([
      ['greeting', 'greeting'],
      ['ehlo', 'ehlo'],
      ['mail', 'mail'],
      ['rcpt', 'rcpt'],
      ['data', 'data'],
    ])('a connection that ends at %s is lost before the dot', async (at, stage) => {
      // A reset before the greeting may reach us as a connection that never came about.
      for (const drop of at === 'greeting' ? (['close'] as const) : (['close', 'reset'] as const)) {
        const { transport, route, sink } = await begin([{ at, drop }]);
        expect(await sendOne(transport, route)).toMatchObject({
          kind: 'lost',
          stage,
          reason: 'dropped',
          code: null,
        });
        expect(sink.mails).toHaveLength(0);
      }
    });

    it.each(['close', 'reset'] as const)(
      'a connection that ends (%s) in the middle of the body is lost before the dot',
      async (drop) => {
        const { transport, route, sink } = await begin([{ at: 'body', afterBytes: 1_000, drop }]);
        const report = await sendOne(transport, route, {
          body: inChunks(much, 65_536),
          bytes: much.length,
        });
        expect(report).toMatchObject({ kind: 'lost', stage: 'body', reason: 'dropped' });
        expect(sink.mails).toHaveLength(0);
      },
    );

    it.each(['close', 'reset'] as const)(
      'a connection that ends (%s) after the dot leaves the answer unknown',
      async (drop) => {
        const { transport, route, sink } = await begin([{ at: 'dot', drop }]);
        expect(await sendOne(transport, route)).toMatchObject({
          kind: 'answer_lost',
          stage: 'dot',
          reason: 'dropped',
        });
        expect(sink.mails).toHaveLength(1);
      },
    );

    it.each(['greeting', 'ehlo', 'mail', 'rcpt', 'data'] as const)(
      'a server that falls silent at %s is a timeout',
      async (at) => {
        const { transport, route, sink } = await begin([{ at, hang: true }]);
        expect(await sendOne(transport, route)).toMatchObject({ kind: 'lost', stage: at, reason: 'timeout' });
        expect(sink.mails).toHaveLength(0);
      },
    );

    it('a server that stops reading causes a timeout', async () => {
      const { transport, route, sink } = await begin([{ at: 'body', hang: true }]);
      const report = await sendOne(transport, route, {
        body: inChunks(much, 65_536),
        bytes: much.length,
      });
      expect(report).toMatchObject({ kind: 'lost', stage: 'body', reason: 'timeout' });
      expect(sink.mails).toHaveLength(0);
    });

    it('a server that is silent after the dot leaves the outcome unknown', async () => {
      const { transport, route, sink } = await begin([{ at: 'dot', hang: true }]);
      expect(await sendOne(transport, route)).toMatchObject({
        kind: 'answer_lost',
        stage: 'dot',
        reason: 'timeout',
      });
      expect(sink.mails).toHaveLength(1);
    });

    it('without permission of the fence, the server never gets the dot', async () => {
      const { transport, route, sink } = await begin();
      const cause = new Error('the store is down');
      expect(await sendOne(transport, route, { beforeDot: async () => false })).toMatchObject({
        kind: 'fenced',
        stage: 'body',
      });
      expect(await sendOne(transport, route, { beforeDot: () => Promise.reject(cause) })).toMatchObject({
        kind: 'fenced',
        cause,
      });
      const throwing = () => {
        throw cause;
      };
      expect(await sendOne(transport, route, { beforeDot: throwing })).toMatchObject({
        kind: 'fenced',
        cause,
      });
      await allGone(sink);
      expect(sink.counts).toMatchObject({ mails: 0, refused: 0, reached: { body: 3, dot: 0 } });
    });

    it('calls the fence once, before the end of the body is sent', async () => {
      const { transport, route, sink } = await begin();
      let asked = 0;
      const report = await sendOne(transport, route, {
        beforeDot: async () => {
          asked++;
          expect(sink.counts.reached).toMatchObject({ data: 1, dot: 0 });
          return true;
        },
      });
      expect(report.kind).toBe('accepted');
      expect(asked).toBe(1);
    });

    it('does not settle before the fence has returned', async () => {
      const { transport, route, sink } = await begin();
      const fence = Promise.withResolvers<boolean>();
      const abort = new AbortController();
      let isSettled = false;
      const beforeDot = () => {
        abort.abort();
        return fence.promise;
      };
      const sending = sendOne(transport, route, { beforeDot, signal: abort.signal }).finally(() => {
        isSettled = true;
      });
      await sink.until(({ counts }) => counts.connections === 1 && counts.open === 0);
      expect(isSettled).toBe(false);
      fence.resolve(true);
      expect(await sending).toMatchObject({ kind: 'lost', stage: 'body' });
      expect(sink.counts.reached.dot).toBe(0);
    });

    it('does not read the body or call the fence if the envelope is rejected', async () => {
      const { transport, route } = await begin([{ at: 'rcpt', reply: '550 5.1.1 nobody' }]);
      const neverRead = {
        [Symbol.asyncIterator]: () => {
          throw new Error('the body was read');
        },
      };
      const neverAsked = () => Promise.reject(new Error('the fence was asked'));
      expect(await sendOne(transport, route, { body: neverRead, beforeDot: neverAsked })).toMatchObject({
        kind: 'refused',
        stage: 'rcpt',
      });
    });

    it('a body that cannot be read completely is a local failure, and never delivered', async () => {
      const { transport, route, sink } = await begin();
      const cause = new Error('the blob is gone');
      const broken = (async function* () {
        yield Buffer.from('Subject: half\r\n'.repeat(100));
        throw cause;
      })();
      expect(await sendOne(transport, route, { body: broken })).toMatchObject({
        kind: 'fault',
        stage: 'body',
        reason: 'body',
        cause,
      });
      await allGone(sink);
      expect(sink.mails).toHaveLength(0);
    });

    it.each<[Rule['at'], Partial<Answer>]>([
      ['greeting', { kind: 'aborted' }],
      ['mail', { kind: 'aborted' }],
      ['data', { kind: 'aborted' }],
      ['dot', { kind: 'answer_lost' }],
    ])('a signal while the server is silent at %s ends the wait', async (at, expected) => {
      const { transport, route, sink } = await begin([{ at, hang: true }]);
      const abort = new AbortController();
      const sending = sendOne(transport, route, { signal: abort.signal });
      await sink.until(({ hanging }) => hanging[at] === 1);
      abort.abort();
      expect(await sending).toMatchObject(expected);
      await allGone(sink);
    });

    it('an abort during the fence sends no dot', async () => {
      const { transport, route, sink } = await begin();
      const abort = new AbortController();
      const report = await sendOne(transport, route, {
        signal: abort.signal,
        beforeDot: async () => {
          abort.abort();
          return true;
        },
      });
      expect(report).toMatchObject({ kind: 'lost', stage: 'body' });
      await allGone(sink);
      expect(sink.counts.reached.dot).toBe(0);
    });

    it('reuses a connection, up to a number of messages', async () => {
      const { transport, route, sink } = await begin();
      for (let i = 0; i < 7; i++) expect((await sendOne(transport, route)).kind).toBe('accepted');
      expect(sink.counts).toMatchObject({ mails: 7, connections: 3 });
      await using session = await openSession(transport, route);
      for (let i = 0; i < 3; i++) expect((await session.send(transaction())).kind).toBe('accepted');
      expect(sink.counts).toMatchObject({ mails: 10, connections: 4 });
    });

    it('a rejected recipient keeps the connection', async () => {
      const { transport, route, sink } = await begin([{ at: 'rcpt', times: 1, reply: '550 5.1.1 nobody' }]);
      await using session = await openSession(transport, route);
      expect((await session.send(transaction())).kind).toBe('refused');
      expect((await session.send(transaction())).kind).toBe('accepted');
      expect(sink.counts).toMatchObject({ connections: 1, reached: { rset: 1 } });
    });

    it('a session goes on after its connection was lost', async () => {
      const { transport, route, sink } = await begin([{ at: 'dot', times: 1, drop: 'reset' }]);
      await using session = await openSession(transport, route);
      expect((await session.send(transaction())).kind).toBe('answer_lost');
      expect((await session.send(transaction())).kind).toBe('accepted');
      expect(sink.counts).toMatchObject({ mails: 2, connections: 2 });
    });

    it.each<Rule>([
      { at: 'mail', skip: 1, times: 1, drop: 'close' },
      { at: 'mail', skip: 1, times: 1, drop: 'reset' },
      { at: 'mail', skip: 1, times: 1, reply: '421 4.4.2 idle for too long', drop: 'close' },
    ])('a kept connection that is dead is replaced without a word: %j', async (rule) => {
      const { transport, route, sink } = await begin([rule]);
      expect((await sendOne(transport, route)).kind).toBe('accepted');
      expect((await sendOne(transport, route)).kind).toBe('accepted');
      expect(sink.counts).toMatchObject({ mails: 2, connections: 2 });
    });

    it('a new connection that is lost is not tried again', async () => {
      const { transport, route, sink } = await begin([{ at: 'mail', drop: 'close' }]);
      expect(await sendOne(transport, route)).toMatchObject({ kind: 'lost', stage: 'mail' });
      expect(sink.counts.connections).toBe(1);
    });

    it('opens no more than its connections to a route; who waits comes next', async () => {
      const { transport, route, sink } = await begin();
      const first = await openSession(transport, route);
      await using _second = await openSession(transport, route);
      let isOpen = false;
      const waiting = openSession(transport, route).then((session) => {
        isOpen = true;
        return session;
      });
      const abort = new AbortController();
      const leaving = transport.open(route, { signal: abort.signal });
      abort.abort();
      expect(await leaving).toMatchObject({ kind: 'aborted', stage: 'dial' });
      expect(isOpen).toBe(false);
      await first[Symbol.asyncDispose]();
      await using third = await waiting;
      expect((await third.send(transaction())).kind).toBe('accepted');
      expect(sink.counts.connections).toBe(2);
    });

    it('a server that is not there is our fault', async () => {
      const { transport, route, sink } = await begin();
      await sink[Symbol.asyncDispose]();
      expect(await sendOne(transport, route)).toMatchObject({
        kind: 'fault',
        stage: 'dial',
        reason: 'connect',
        source: null,
      });
    });
  });
}

/** Resolves when the server has no connection left; true, to stand for the fence. */
export async function allGone(sink: Sink): Promise<true> {
  await sink.until(({ counts }) => counts.open === 0);
  return true;
}
