// What every Transport makes of a server that breaks the rules: replies that are early, late,
// split, joined, too many or too long, and connections that end around each write. Whatever it
// reports, the sink's account agrees: nobody got a mail that was reported as not sent, and nobody
// got a mail twice.

import { createHash } from 'node:crypto';
import { afterEach, describe, expect, it } from 'vitest';
import type { Answer } from '../../services/core/delivery/reply.ts';
import type { Report } from '../../services/ports/transport.ts';
import type { Sink, SinkOptions } from '../support/smtp-sink.ts';
import type { Rule } from '../support/smtp-sink-rules.ts';
import {
  address,
  allGone,
  bodies,
  body,
  type OpenSubject,
  openSession,
  sendOne,
  type TransportSubject,
  transaction,
} from './transport.ts';

/** Of the sink, apart from SIZE. */
const offers: readonly [string, SinkOptions][] = [
  ['with PIPELINING', {}],
  ['without PIPELINING', { extensions: ['8BITMIME', 'SMTPUTF8'] }],
];
const drops = ['close', 'reset', 'half'] as const;
const nobody: Rule = { at: 'rcpt', times: 1, reply: '550 5.1.1 nobody' };
/** For what takes long by itself on a busy machine. */
const PATIENT_MS = 30_000;
const long = 'x'.repeat(1_000_000);

export function troublesContract(open: OpenSubject): void {
  let subject: TransportSubject | null = null;
  const begin = async (
    rules: readonly Rule[],
    options: SinkOptions = {},
    waitMs?: number,
  ): Promise<TransportSubject> => {
    subject = await open({ ...options, rules }, waitMs);
    return subject;
  };
  afterEach(async () => {
    const anomalies = subject?.sink.anomalies;
    await subject?.[Symbol.asyncDispose]();
    subject = null;
    expect(anomalies ?? []).toEqual([]);
  });

  /** What is certain in any trouble. */
  const agrees = async (report: Report, sink: Sink): Promise<void> => {
    await sink.until(
      ({ counts }) => counts.open === 0 || report.kind === 'accepted' || report.kind === 'refused',
    );
    const [mail, ...more] = sink.mails;
    expect(more).toEqual([]);
    if (report.kind === 'accepted') expect(mail?.answered).toBe(250);
    else if (report.kind !== 'answer_lost') expect(mail).toBeUndefined();
  };

  describe.each(offers)('%s', (_, options) => {
    describe.each(bodies)('%s', (_, bodyOf) => {
      const sent = (text = body) => ({ body: bodyOf(text), bytes: Buffer.byteLength(text) });

      it('arrives byte for byte', async () => {
        for (const text of [body, '.\r\n', '..\r\n.\r\n', '.first line\r\n', 'no end of line', 'x']) {
          const { transport, route, sink } = await begin([], options);
          expect((await sendOne(transport, route, sent(text))).kind).toBe('accepted');
          expect(sink.mails[0]?.raw?.toString()).toBe(text.endsWith('\r\n') ? text : `${text}\r\n`);
          await subject?.[Symbol.asyncDispose]();
        }
      });

      it('replies that are split at every byte are joined', async () => {
        const at = ['greeting', 'ehlo', 'mail', 'rcpt', 'data', 'dot', 'rset'] as const;
        const { transport, route, sink } = await begin(
          [{ ...nobody, split: true }, ...at.map((stage) => ({ at: stage, split: true }) as const)],
          options,
        );
        await using session = await openSession(transport, route);
        expect(await session.send(transaction(sent()))).toMatchObject({
          kind: 'refused',
          stage: 'rcpt',
          code: 550,
          text: 'nobody',
        });
        expect(await session.send(transaction(sent()))).toMatchObject({
          kind: 'accepted',
          code: 250,
          text: 'taken',
        });
        expect(sink.counts).toMatchObject({ connections: 1, mails: 1 });
      });

      it.each<[string, Rule, Partial<Answer>]>([
        [
          '421 behind MAIL',
          { at: 'mail', reply: '250 ok\r\n421 4.3.2 bye', drop: 'close' },
          { kind: 'refused', stage: 'rcpt', code: 421 },
        ],
        [
          '421 behind RCPT',
          { at: 'rcpt', reply: '250 ok\r\n421 4.3.2 bye', drop: 'close' },
          { kind: 'refused', stage: 'data', code: 421 },
        ],
        [
          '421 behind 354',
          { at: 'data', reply: '354 go\r\n421 4.3.2 bye', drop: 'close' },
          { kind: 'refused', stage: 'body', code: 421 },
        ],
        [
          '421 behind the answer to the dot',
          { at: 'dot', reply: '250 ok\r\n421 4.3.2 bye', drop: 'close' },
          { kind: 'accepted', stage: 'dot' },
        ],
        [
          '421 behind a refusal',
          { at: 'rcpt', reply: '550 no\r\n421 4.3.2 bye', drop: 'close' },
          { kind: 'refused', stage: 'rcpt', code: 550 },
        ],
        [
          'one reply too many behind 354',
          { at: 'data', reply: '354 go\r\n250 taken' },
          { kind: 'lost', stage: 'body', reason: 'protocol' },
        ],
        [
          'a refusal behind 354',
          { at: 'data', reply: '354 go\r\n552 no' },
          { kind: 'refused', stage: 'body', code: 552 },
        ],
        ['two answers to the dot', { at: 'dot', reply: '250 taken\r\n250 taken' }, { kind: 'accepted' }],
        [
          'two answers to the dot that contradict each other',
          { at: 'dot', reply: '250 taken\r\n554 spam' },
          { kind: 'answer_lost', reason: 'protocol' },
        ],
        [
          'nonsense instead of an answer to MAIL',
          { at: 'mail', reply: 'hello' },
          { kind: 'lost', stage: 'mail', reason: 'protocol' },
        ],
        [
          'nonsense instead of an answer to RCPT',
          { at: 'rcpt', reply: '.' },
          { kind: 'lost', stage: 'rcpt', reason: 'protocol' },
        ],
        [
          '250 instead of 354',
          { at: 'data', reply: '250 ok' },
          { kind: 'lost', stage: 'data', reason: 'protocol' },
        ],
        [
          '354 instead of 250',
          { at: 'rcpt', reply: '354 go' },
          { kind: 'lost', stage: 'rcpt', reason: 'protocol' },
        ],
        [
          'nonsense instead of an answer to the dot',
          { at: 'dot', reply: 'hello' },
          { kind: 'answer_lost', reason: 'protocol' },
        ],
        [
          'lines that contradict each other',
          { at: 'rcpt', reply: '250-yes\r\n550 no' },
          { kind: 'lost', stage: 'rcpt', reason: 'protocol' },
        ],
        ['1 MB behind MAIL', { at: 'mail', reply: `250 ${long}` }, { kind: 'accepted' }],
        [
          '1 MB in many lines',
          { at: 'rcpt', reply: `${`250-${'x'.repeat(60)}\r\n`.repeat(15_000)}250 end` },
          { kind: 'accepted' },
        ],
        [
          '1 MB of refusal',
          { at: 'rcpt', reply: `550 ${long}` },
          { kind: 'refused', stage: 'rcpt', code: 550, text: 'x'.repeat(500) },
        ],
        [
          '1 MB in answer to the dot',
          { at: 'dot', reply: `250 ${long}` },
          { kind: 'accepted', text: 'x'.repeat(500) },
        ],
        [
          'a reply that does not end',
          { at: 'mail', reply: `250-${long}\r\n250-${long}` },
          { kind: 'lost', stage: 'mail', reason: 'protocol' },
        ],
        [
          'an answer to the dot that does not end',
          { at: 'dot', reply: `250-${long}\r\n250-${long}` },
          { kind: 'answer_lost', reason: 'protocol' },
        ],
      ])('%s', async (_title, rule, expected) => {
        const { transport, route, sink } = await begin([rule], options);
        // The fence takes a moment, so that what comes with 354 is heard before it has answered;
        // what the sink closes then is gone.
        const beforeDot = rule.at === 'data' ? () => allGone(sink) : async () => true;
        const report = await sendOne(transport, route, { ...sent(), beforeDot });
        expect(report).toMatchObject(expected);
        await agrees(report, sink);
        expect(Buffer.byteLength(report.transcript ?? '')).toBeLessThanOrEqual(16 * 1024);
      });

      it.each(['mail', 'rcpt', 'data', 'dot'] as const)(
        'a connection that ends before the answer at %s, or right behind it',
        async (at) => {
          const usual = at === 'data' ? '354 go' : '250 ok';
          for (const drop of drops) {
            for (const rule of [
              { at, drop },
              { at, drop, reply: usual },
            ]) {
              const { transport, route, sink } = await begin([rule], options);
              const report = await sendOne(transport, route, sent());
              // A reset may overtake the reply; the dot may be written before the end of the
              // connection is heard of.
              const kinds =
                at === 'dot'
                  ? drop === 'reset' || !('reply' in rule)
                    ? ['accepted', 'answer_lost']
                    : ['accepted']
                  : ['lost', 'answer_lost'];
              expect(kinds, JSON.stringify(rule)).toContain(report.kind);
              if (report.kind === 'accepted') expect(rule).toHaveProperty('reply');
              await agrees(report, sink);
              await subject?.[Symbol.asyncDispose]();
            }
          }
        },
      );

      it('an abort during the fence, or right after it, sends no dot', async () => {
        for (const isBefore of [true, false]) {
          const { transport, route, sink } = await begin([], options);
          const abort = new AbortController();
          const beforeDot = async (): Promise<true> => {
            if (isBefore) abort.abort();
            else queueMicrotask(() => abort.abort());
            await null;
            return true;
          };
          const report = await sendOne(transport, route, { ...sent(), signal: abort.signal, beforeDot });
          expect(report).toMatchObject({ kind: 'lost', stage: 'body' });
          await allGone(sink);
          expect(sink.counts).toMatchObject({ mails: 0, refused: 0, reached: { dot: 0 } });
          await subject?.[Symbol.asyncDispose]();
        }
      });

      it('without permission of the fence, the server never gets the dot', async () => {
        const { transport, route, sink } = await begin([], options);
        expect(await sendOne(transport, route, { ...sent(), beforeDot: async () => false })).toMatchObject({
          kind: 'fenced',
          stage: 'body',
        });
        await allGone(sink);
        expect(sink.counts).toMatchObject({ mails: 0, refused: 0, reached: { data: 1, dot: 0 } });
      });

      it.each<[string, Rule]>([
        ['421 to RSET', { at: 'rset', times: 1, reply: '421 4.4.2 idle for too long', drop: 'close' }],
        ['RSET refused', { at: 'rset', times: 1, reply: '502 5.5.1 what' }],
        ['closed at RSET', { at: 'rset', times: 1, drop: 'close' }],
        ['reset at RSET', { at: 'rset', times: 1, drop: 'reset' }],
        ['half closed at RSET', { at: 'rset', times: 1, drop: 'half' }],
        [
          '421 behind RSET',
          { at: 'rset', times: 1, reply: '250 ok\r\n421 4.4.2 idle for too long', drop: 'close' },
        ],
        [
          '421 to MAIL',
          { at: 'mail', skip: 1, times: 1, reply: '421 4.4.2 idle for too long', drop: 'close' },
        ],
        ['closed at MAIL', { at: 'mail', skip: 1, times: 1, drop: 'close' }],
        ['half closed at MAIL', { at: 'mail', skip: 1, times: 1, drop: 'half' }],
        ['nonsense to MAIL', { at: 'mail', skip: 1, times: 1, reply: 'hello' }],
      ])('a connection that is worn out costs the next mail nothing: %s', async (_title, rule) => {
        const { transport, route, sink } = await begin([nobody, rule], options);
        await using session = await openSession(transport, route);
        expect((await session.send(transaction(sent()))).kind).toBe('refused');
        expect((await session.send(transaction(sent()))).kind).toBe('accepted');
        expect(sink.counts).toMatchObject({ mails: 1, connections: 2 });
      });

      it('a timeout on a kept connection is not retried', async () => {
        const { transport, route, sink } = await begin([{ at: 'mail', skip: 1, hang: true }], options);
        expect((await sendOne(transport, route, sent())).kind).toBe('accepted');
        expect(await sendOne(transport, route, sent())).toMatchObject({
          kind: 'lost',
          stage: 'mail',
          reason: 'timeout',
        });
        expect(sink.counts).toMatchObject({ mails: 1, connections: 1 });
      });

      it('SMTPUTF8 is declared if a header needs it, and a server without it gets no DATA', async () => {
        const { transport, route, sink } = await begin([], options);
        expect((await sendOne(transport, route, { ...sent(), smtpUtf8: true })).kind).toBe('accepted');
        expect(sink.mails[0]?.parameters).toContain('SMTPUTF8');
        await subject?.[Symbol.asyncDispose]();
        const ascii = await begin([], { extensions: ['PIPELINING', '8BITMIME'] });
        expect(await sendOne(ascii.transport, ascii.route, { ...sent(), smtpUtf8: true })).toMatchObject({
          kind: 'refused',
          enhanced: '5.6.7',
        });
        expect(ascii.sink.counts.reached).toMatchObject({ mail: 0, data: 0 });
      });

      it('a known size is declared, and a server with a smaller maximum gets no DATA', async () => {
        const { transport, route, sink } = await begin([], { ...options, mailBytesMax: 1_000 });
        expect((await sendOne(transport, route, sent())).kind).toBe('accepted');
        expect(sink.mails[0]?.parameters).toContain(`SIZE=${body.length}`);
        expect(await sendOne(transport, route, { ...sent(), bytes: 1_001 })).toMatchObject({
          kind: 'refused',
          enhanced: '5.3.4',
        });
        expect(sink.counts.reached).toMatchObject({ mail: 1, data: 1 });
      });
    });
  });

  it('a reply that arrives before its command is not used', async () => {
    for (const reply of ['250 ok\r\n250 early', '250 ok\r\n250 early\r\n354 early']) {
      const { transport, route, sink } = await begin([{ at: 'mail', reply }], { extensions: [] });
      const report = await sendOne(transport, route);
      expect(report).toMatchObject({ kind: 'lost', stage: 'rcpt', reason: 'protocol' });
      await agrees(report, sink);
      await subject?.[Symbol.asyncDispose]();
    }
  });

  it('no byte of a body in memory is sent before the fence', async () => {
    for (const bytes of [1, 1_000, 3_000_000]) {
      const { transport, route, sink } = await begin([{ at: 'body', reply: '552 a byte of the body' }]);
      let asked = 0;
      const report = await sendOne(transport, route, {
        body: [Buffer.alloc(bytes, 'line\r\n')],
        bytes,
        beforeDot: async () => {
          asked++;
          // Whatever is on its way has arrived by then.
          for (let turn = 0; turn < 20; turn++) await new Promise((next) => setImmediate(next));
          expect(sink.counts.reached).toMatchObject({ data: 1, body: 1, dot: 0 });
          expect(sink.counts.refused).toBe(0);
          return false;
        },
      });
      expect(report.kind).toBe('fenced');
      expect(asked).toBe(1);
      await subject?.[Symbol.asyncDispose]();
    }
  });

  it('a connection that is lost within a large body in memory is lost before the dot', async () => {
    const { transport, route, sink } = await begin([{ at: 'body', afterBytes: 1_000, drop: 'close' }]);
    const report = await sendOne(transport, route, {
      body: [Buffer.alloc(20_000_000, 'line\r\n')],
      bytes: 20_000_000,
    });
    expect(report).toMatchObject({ kind: 'lost', stage: 'body', reason: 'dropped' });
    expect(sink.mails).toHaveLength(0);
  });

  it('50 MB arrive byte for byte, in memory and streamed', async () => {
    const line = Buffer.from('.a line that begins with a dot, and is longer than most\r\n');
    const piece = Buffer.concat(Array.from({ length: 1_000 }, () => line));
    const pieces = Math.ceil(50_000_000 / piece.length);
    async function* streamed(): AsyncGenerator<Uint8Array> {
      for (let i = 0; i < pieces; i++) yield piece;
    }
    const hash = createHash('sha256');
    for (let i = 0; i < pieces; i++) hash.update(piece);
    const sha256 = hash.digest('hex');
    for (const given of [streamed(), Array.from({ length: pieces }, () => piece)]) {
      const { transport, route, sink } = await begin([], { keep: 'digest' }, PATIENT_MS);
      expect((await sendOne(transport, route, { body: given, bytes: pieces * piece.length })).kind).toBe(
        'accepted',
      );
      expect(sink.mails).toMatchObject([{ sha256, bytes: pieces * piece.length }]);
      await subject?.[Symbol.asyncDispose]();
    }
  });

  it('a streamed body is read no faster than the server accepts it', async () => {
    const { transport, route } = await begin([{ at: 'body', hang: true }]);
    let read = 0;
    async function* endless(): AsyncGenerator<Uint8Array> {
      for (;;) {
        read += 65_536;
        yield Buffer.alloc(65_536, 'line\r\n');
      }
    }
    expect(await sendOne(transport, route, { body: endless(), bytes: 1 })).toMatchObject({
      kind: 'lost',
      stage: 'body',
      reason: 'timeout',
    });
    // As much as the buffers of two sockets hold.
    expect(read).toBeLessThan(16_000_000);
  });

  it('an abort between transactions keeps the connection', async () => {
    const { transport, route, sink } = await begin([]);
    const abort = new AbortController();
    await using session = await openSession(transport, route);
    expect((await session.send(transaction({ signal: abort.signal }))).kind).toBe('accepted');
    abort.abort();
    expect((await session.send(transaction({ rcptTo: address('ben@recipient.example') }))).kind).toBe(
      'accepted',
    );
    expect(sink.counts).toMatchObject({ connections: 1, mails: 2 });
  });
}
