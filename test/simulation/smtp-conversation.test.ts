// The conversation against a hundred thousand servers: whatever one says, drops or withholds,
// however its bytes are cut, and whenever the fence answers or the caller gives up, each
// transaction ends, no mail goes out twice, and no report contradicts what the server saw.

import fc from 'fast-check';
import { expect, test } from 'vitest';
import type { Answer } from '../../services/core/delivery/reply.ts';
import { type Action, type BodyKind, Conversation } from '../../services/core/smtp/conversation.ts';
import { ReplyReader } from '../../services/core/smtp/reply-reader.ts';
import { ModelServer, Tape } from './smtp-server.ts';

const RUNS = 100_000;
/** More than any of these transactions has events. */
const EVENTS_MAX = 400;
const COMMANDS = { mail: 'MAIL FROM:<a@b.example>', rcpt: 'RCPT TO:<c@d.example>' };
const KINDS: readonly BodyKind[] = ['whole', 'pieces', 'stream'];

/** Kinds that say for certain that no server has the mail. */
const WITHOUT_DOT: ReadonlySet<Answer['kind']> = new Set<Answer['kind']>([
  'lost',
  'fenced',
  'aborted',
  'fault',
]);

const failed = (text: string) => ({ how: 'failed', reason: 'dropped', text }) as const;

/** One connection, driven as `adapters/smtp/connection.ts` drives it. */
class Line {
  readonly server: ModelServer;
  readonly conversation: Conversation;
  readonly #tape: Tape;
  readonly #reader = new ReplyReader();
  /** Written, and not yet with the server. */
  #written: string[] = [];
  #isClosed = false;
  #hasHeardEnd = false;
  #isAsking = false;
  #isPouring = false;
  #number = 0;
  fence: 'unasked' | 'asked' | 'open' | 'shut' = 'unasked';
  hasWrittenDot = false;
  settled: { readonly answer: Answer; readonly isWornOut: boolean } | null = null;

  constructor(tape: Tape, isPipelined: boolean) {
    this.#tape = tape;
    this.server = new ModelServer(tape);
    this.conversation = new Conversation({ isPipelined });
  }

  get isUsable(): boolean {
    return !this.#isClosed && this.conversation.isIdle;
  }

  begin(number: number, kind: BodyKind): void {
    this.#number = number;
    this.settled = null;
    this.fence = 'unasked';
    this.hasWrittenDot = false;
    this.#do(this.conversation.begin(COMMANDS, kind));
  }

  /** One thing that can happen, as the tape has it. */
  step(): void {
    const events: (() => void)[] = [];
    if (this.#written.length > 0 && !this.server.isGone) events.push(() => this.#deliver());
    if (!this.#isClosed && this.server.out !== '') events.push(() => this.#hear());
    if (!this.#isClosed && this.server.isGone && this.server.out === '' && !this.#hasHeardEnd)
      events.push(() => this.#end());
    if (this.#isAsking) events.push(() => this.#answerFence());
    if (this.#isPouring && !this.#isClosed) events.push(() => this.#pour());
    const rare = this.#tape.trouble();
    const event = events[this.#tape.below(Math.max(1, events.length))];
    if (rare === 254) this.#break({ how: 'aborted' });
    else if (rare === 255 || event === undefined) this.#break({ how: 'timeout' });
    else event();
  }

  /** What is still on its way arrives. */
  drain(): void {
    while (this.#written.length > 0) this.server.receive(this.#written.shift() ?? '');
  }

  /** What came while nothing was asked. */
  rest(): void {
    while (!this.#isClosed && this.server.out !== '') this.#hear();
  }

  #do(actions: readonly Action[]): void {
    for (const action of actions) {
      if (this.settled !== null && action.do !== 'close') throw new Error(`${action.do} behind the end`);
      this.#carryOut(action);
    }
  }

  #carryOut(action: Action): void {
    if (this.#isClosed && action.do !== 'settle') throw new Error(`${action.do} on a closed connection`);
    switch (action.do) {
      case 'write':
        this.#written.push(action.commands);
        break;
      case 'ask':
        if (this.fence !== 'unasked') throw new Error('the fence is asked twice');
        this.fence = 'asked';
        this.#isAsking = true;
        break;
      case 'pour':
        this.#isPouring = true;
        break;
      case 'finish':
        if (this.hasWrittenDot) throw new Error('the dot is written twice');
        this.hasWrittenDot = true;
        this.#written.push(`mail ${this.#number}\r\n.\r\n`);
        break;
      case 'close':
        this.#isClosed = true;
        // Bytes that have left this process may still arrive.
        if (this.#tape.below(2) === 1) this.#written = [];
        break;
      case 'settle':
        if (this.#isAsking) throw new Error('settled before the fence has answered');
        this.settled = action;
        break;
      default:
        action satisfies never;
    }
  }

  #deliver(): void {
    const text = this.#written.shift() ?? '';
    const cut = this.#tape.below(4) === 3 ? this.#tape.below(text.length) : text.length;
    if (cut < text.length) this.#written.unshift(text.slice(cut));
    this.server.receive(text.slice(0, cut));
  }

  #hear(): void {
    const cut =
      this.#tape.below(2) === 1 ? 1 + this.#tape.below(this.server.out.length) : this.server.out.length;
    const text = this.server.out.slice(0, cut);
    this.server.out = this.server.out.slice(cut);
    const replies = this.#reader.push(text);
    if (replies.length > 0) this.#do(this.conversation.heard(replies));
  }

  #end(): void {
    this.#hasHeardEnd = true;
    const cutOff = this.#reader.end();
    if (cutOff !== null) this.#do(this.conversation.heard([cutOff]));
    if (!this.#isClosed) this.#break(failed('connection closed'));
  }

  #break(broken: Parameters<Conversation['broken']>[0]): void {
    this.#do(this.conversation.broken(broken));
    this.#isClosed = true;
    if (this.#isAsking) this.#answerFence();
  }

  #answerFence(): void {
    this.#isAsking = false;
    this.fence = this.#tape.trouble() > 128 ? 'shut' : 'open';
    this.#do(this.conversation.fenced(this.fence === 'open'));
  }

  #pour(): void {
    this.#isPouring = false;
    if (this.#tape.trouble() > 128) {
      this.#do(this.conversation.unreadable());
      return;
    }
    this.#written.push('Subject: hello\r\n\r\n');
    this.#do(this.conversation.poured());
  }
}

/** One transaction with what the server knows of it in the end. */
interface Account {
  readonly number: number;
  readonly answer: Answer;
  readonly lines: readonly Line[];
  readonly fence: Line['fence'];
  readonly hasWrittenDot: boolean;
}

/** One to three transactions, as `adapters/smtp/session.ts` sends them. */
function play(numbers: ArrayLike<number>): readonly Account[] {
  const tape = new Tape(numbers);
  const isPipelined = tape.below(3) !== 1;
  const accounts: Account[] = [];
  const lines: Line[] = [];
  const mails = 1 + tape.below(3);
  let line = new Line(tape, isPipelined);
  lines.push(line);
  const send = (number: number, kind: BodyKind): Line['settled'] => {
    line.begin(number, kind);
    for (let events = 0; line.settled === null; events++) {
      if (events > EVENTS_MAX) throw new Error('hangs');
      line.step();
    }
    return line.settled;
  };
  const dial = (): void => {
    line = new Line(tape, isPipelined);
    lines.push(line);
  };
  for (let number = 0; number < mails; number++) {
    const kind = KINDS[tape.below(3)] as BodyKind;
    if (tape.below(2) === 0) line.rest();
    if (!line.isUsable) dial();
    let sent = send(number, kind);
    if (sent?.isWornOut) {
      if (line.fence !== 'unasked') throw new Error('worn out behind the fence');
      dial();
      sent = send(number, kind);
      if (sent?.isWornOut) throw new Error('a new connection is worn out');
    }
    if (sent === null) throw new Error('not settled');
    accounts.push({
      number,
      answer: sent.answer,
      lines,
      fence: line.fence,
      hasWrittenDot: line.hasWrittenDot,
    });
  }
  for (const each of lines) each.drain();
  return accounts;
}

function check({ number, answer, lines, fence, hasWrittenDot }: Account): void {
  const servers = lines.map(({ server }) => server);
  const all = servers.flatMap(({ received }) => received);
  const copies = all.filter(({ body }) => body.endsWith(`mail ${number}`));
  const claim = (holds: boolean, what: string): void => {
    if (!holds) throw new Error(`${what}: ${JSON.stringify({ answer, fence, copies })}`);
  };
  claim(copies.length <= 1, 'a second mail');
  claim(copies.length === 0 || fence === 'open', 'a mail that the fence did not let go');
  // A server that skips one answer and gives another one twice can make one reply stand for
  // another.
  const isInOrder = !servers.some(({ hasSkipped }) => hasSkipped);
  claim(
    !isInOrder || all.every(({ body, recipients }) => body !== '' || recipients === 0),
    'an empty mail for somebody',
  );
  claim(
    all.every(({ body }) => body === '' || /mail \d$/.test(body)),
    'a mail without its end',
  );
  claim(answer.stage === 'dot' ? hasWrittenDot : copies.length === 0, 'a dot that is not reported');
  claim(!WITHOUT_DOT.has(answer.kind) || !hasWrittenDot, 'reported as never sent');
  // What the server says while the dot is on its way cannot be told from its answer.
  if (servers.some(({ isUntimely }) => isUntimely)) return;
  if (answer.kind === 'accepted') claim(copies[0]?.isTaken === true, 'accepted, and not taken');
  if (answer.kind === 'refused' && answer.stage === 'dot')
    claim(
      copies.every(({ isTaken }) => !isTaken),
      'refused, and taken',
    );
}

test('no server makes it hang, send twice, or report what is not so', { timeout: 120_000 }, () => {
  const seen = new Map<string, number>();
  const count = (what: string): void => void seen.set(what, (seen.get(what) ?? 0) + 1);
  fc.assert(
    fc.property(fc.uint16Array({ max: Tape.max, maxLength: 100, size: 'max' }), (numbers) => {
      for (const account of play(numbers)) {
        check(account);
        count(account.answer.kind);
        if (account.lines.some(({ server }) => server.received.some(({ body }) => body === '')))
          count('lone dot');
        if (account.lines.length > 1) count('another connection');
      }
    }),
    { numRuns: RUNS },
  );
  // It has been everywhere.
  const rare = [
    'accepted',
    'refused',
    'lost',
    'answer_lost',
    'fenced',
    'aborted',
    'fault',
    'lone dot',
    'another connection',
  ].filter((what) => (seen.get(what) ?? 0) < 100);
  expect(rare).toEqual([]);
});
