// The SMTP conversation with a server that is ready for MAIL, as a state machine: it takes replies
// and events and returns actions, which the caller carries out in order. It has no socket, no clock
// and no body. One conversation serves one connection, for many transactions:
//
//   idle ─begin─▶ envelope ─354─▶ body ─the fence lets go─▶ dot ─2xx, 4xx, 5xx─▶ idle
//                    │ refused        │ refused, lost, fence shut   │ lost
//                    ▼                ▼                             ▼
//                  idle             over                          over
//
// Replies come in the order of the commands, pipelined or not, so a reply belongs to the first
// command without one. A reply without a command, or with a code that the command cannot have,
// shows that client and server are out of step: the connection is closed.

import { type Answer, oneLine, parseReply, type Stage } from '../delivery/reply.ts';
import { aborted, type Broken, fault, happened, lost, replied } from './answers.ts';
import type { Commands } from './envelope.ts';
import type { HeardReply } from './reply-reader.ts';

/**
 * How a body is written. `whole`: with its dot in one write. `pieces`: in memory, too, but large:
 * piece by piece. Both once the fence has let go, so that nothing of them is on the wire before.
 * `stream`: as it is read; the fence is asked when only its end is left.
 */
export type BodyKind = 'whole' | 'pieces' | 'stream';

export type Action =
  /** Commands, each with its CRLF, as one write. */
  | { readonly do: 'write'; readonly commands: string }
  /** Ask the fence, and tell `fenced` its answer. */
  | { readonly do: 'ask' }
  /** Write the body but for its end, and tell `poured`. */
  | { readonly do: 'pour' }
  /** Write the rest of the body and the dot. From here on the server may take the mail. */
  | { readonly do: 'finish' }
  /** Close without writing the rest. */
  | { readonly do: 'close' }
  /**
   * The transaction is over; nothing of it follows. Worn out: the connection had served before and
   * ended, or was of no use, before the server took MAIL, so the transaction can be begun anew on
   * another connection.
   */
  | { readonly do: 'settle'; readonly answer: Answer; readonly isWornOut: boolean };

type Phase = 'idle' | 'envelope' | 'body' | 'dot' | 'leaving' | 'over';
/** `nothing` is the lone dot that ends an empty body which has no recipient. */
type Command = 'rset' | 'mail' | 'rcpt' | 'data' | 'nothing';
/** What a reply can answer. The dot of a mail is written with its body. */
type Question = Command | 'dot';

const NONE: readonly Action[] = [];
const CLOSE: readonly Action[] = [{ do: 'close' }];
const ASK: readonly Action[] = [{ do: 'ask' }];
const POUR: readonly Action[] = [{ do: 'pour' }];
const FINISH: readonly Action[] = [{ do: 'finish' }];

export class Conversation {
  readonly #isPipelined: boolean;
  #phase: Phase = 'idle';
  #hasServed = false;
  /** A refusal left something behind at the server. */
  #needsReset = false;

  // --- of the transaction that is under way
  #commands: Commands = { mail: '', rcpt: '' };
  #body: BodyKind = 'whole';
  /** Written, and not answered. */
  #unanswered: Question[] = [];
  /** Not written yet. */
  #unasked: Command[] = [];
  /** The server took MAIL. */
  #isTakenUp = false;
  #isRcptRefused = false;
  /** The first refusal in the envelope. */
  #refusal: Answer | null = null;
  #fence: 'unasked' | 'asked' | 'open' | 'shut' = 'unasked';
  #isBegun = false;
  /** The outcome, as soon as it is known. */
  #answer: Answer | null = null;
  #mustClose = false;
  #isClosed = false;

  constructor(how: { readonly isPipelined: boolean }) {
    this.#isPipelined = how.isPipelined;
  }

  get isIdle(): boolean {
    return this.#phase === 'idle';
  }

  /** False as soon as it is known that the body is not to be sent. */
  get #isWritingBody(): boolean {
    return this.#phase === 'body' && this.#answer === null;
  }

  /** Only when idle. */
  begin(commands: Commands, body: BodyKind): readonly Action[] {
    this.#phase = 'envelope';
    this.#commands = commands;
    this.#body = body;
    this.#unanswered = [];
    this.#unasked = this.#needsReset ? ['rset', 'mail', 'rcpt', 'data'] : ['mail', 'rcpt', 'data'];
    this.#isTakenUp = false;
    this.#isRcptRefused = false;
    this.#refusal = null;
    this.#fence = 'unasked';
    this.#isBegun = false;
    this.#answer = null;
    this.#mustClose = false;
    return this.#nextQuestions();
  }

  /**
   * All replies that arrived in one read: what is written because of one of them cannot be answered
   * by the next.
   */
  heard(replies: readonly HeardReply[]): readonly Action[] {
    for (const reply of replies) this.#hear(reply);
    return this.#proceed();
  }

  /** The fence has answered. */
  fenced(isOpen: boolean): readonly Action[] {
    this.#fence = isOpen ? 'open' : 'shut';
    // A refusal by the server says more than the fence does; a lost connection says less.
    if (!isOpen && this.#answer?.kind !== 'refused') {
      this.#end(happened('fenced', 'body', null, 'the last bytes were not released'), { closes: true });
    }
    if (this.#answer !== null) return this.#proceed();
    return this.#body === 'pieces' ? POUR : this.#finish();
  }

  /** All but the end of the body is written. */
  poured(): readonly Action[] {
    if (!this.#isWritingBody) return NONE;
    return this.#body === 'pieces' ? this.#finish() : this.#askFence();
  }

  /** The body could not be read to its end. */
  unreadable(): readonly Action[] {
    if (!this.#isWritingBody) return NONE;
    this.#end(fault('body', 'body', 'the body could not be read'), { closes: true });
    return this.#proceed();
  }

  /** The connection has ended, the server is silent, or the caller has given up. */
  broken(broken: Broken): readonly Action[] {
    if (this.#phase === 'idle' || this.#phase === 'leaving') return this.#close();
    if (this.#phase === 'over' || this.#answer !== null) return NONE;
    this.#end(this.#answerTo(broken), { closes: true });
    return this.#proceed();
  }

  /** QUIT, when idle. */
  leave(): readonly Action[] {
    this.#phase = 'leaving';
    return [{ do: 'write', commands: 'QUIT\r\n' }];
  }

  #hear(reply: HeardReply): void {
    const question = this.#unanswered.shift();
    if (question === undefined) this.#hearUnasked(reply);
    else if (this.#answer === null) this.#hearAnswer(question, reply);
  }

  #hearAnswer(question: Question, reply: HeardReply): void {
    if (question === 'dot') this.#hearVerdict(reply);
    else if (isYes(question, reply.code)) this.#hearYes(question);
    else this.#hearNo(question, reply);
  }

  #hearNo(question: Question, reply: HeardReply): void {
    const stage = stageOf(question);
    const isNo = reply.code !== null && reply.code >= 400;
    // RFC 5321 4.2.3: after a 421, whichever command it replies to, the server closes the
    // connection and replies to no other command.
    const isClosing = reply.code === 421;
    if (this.#refusal === null && (!isNo || (question === 'rset' && !isClosing))) {
      this.#loseTrack(reply, stage);
      return;
    }
    this.#refusal ??= refusedAt(stage, reply);
    this.#isRcptRefused ||= question === 'rcpt' && isNo;
    if (isClosing || !isNo) this.#end(this.#refusal, { closes: true });
  }

  #hearYes(question: Question): void {
    if (question === 'mail') this.#isTakenUp = true;
    else if (question === 'data' && this.#refusal === null) this.#phase = 'body';
    // The server accepts DATA although it refused MAIL and no RCPT: a lone dot could deliver an
    // empty mail.
    else if (question === 'data' && !this.#isRcptRefused) this.#end(this.#refusal, { closes: true });
    else if (question === 'data') this.#unasked = ['nothing'];
  }

  /** The reply to the dot. */
  #hearVerdict(reply: HeardReply): void {
    const { code } = reply;
    if (code !== null && code < 300)
      this.#end(replied('accepted', 'dot', parseReply(reply.raw)), { closes: false });
    else if (code !== null && code >= 400) this.#end(refusedAt('dot', reply), { closes: code === 421 });
    else
      this.#end(
        happened('answer_lost', 'dot', 'protocol', `no answer to the final dot: ${oneLine(reply.raw)}`),
        { closes: true },
      );
  }

  #hearUnasked(reply: HeardReply): void {
    const isNo = reply.code !== null && reply.code >= 400;
    switch (this.#phase) {
      case 'idle':
      case 'leaving':
        this.#mustClose = true;
        return;
      case 'envelope':
        if (this.#answer !== null || this.#refusal !== null) this.#mustClose = true;
        else if (reply.code === 421)
          this.#end(refusedAt(stageOf(this.#unasked[0] ?? 'mail'), reply), { closes: true });
        else this.#loseTrack(reply, stageOf(this.#unasked[0] ?? 'mail'));
        return;
      case 'body':
        if (this.#answer !== null) return;
        if (isNo) this.#end(refusedAt('body', reply), { closes: true });
        else
          this.#end(happened('lost', 'body', 'protocol', 'the server answered before the final dot'), {
            closes: true,
          });
        return;
      case 'dot':
        // The server wrote one of the two before it read the dot. Which one does not matter as long
        // as both say the same.
        this.#mustClose = true;
        if (reply.code !== 421 && (this.#answer?.kind === 'accepted') === isNo) {
          this.#answer = happened(
            'answer_lost',
            'dot',
            'protocol',
            'two answers to the final dot contradict each other',
          );
        }
        return;
      case 'over':
        return;
      default:
        this.#phase satisfies never;
    }
  }

  /** The result of the replies. */
  #proceed(): readonly Action[] {
    if (this.#phase === 'over') return NONE;
    if (this.#answer !== null) return this.#settle(this.#answer);
    if (this.#phase === 'envelope') {
      if (this.#unanswered.length > 0) return NONE;
      const goesOn =
        this.#unasked.length > 0 &&
        (this.#refusal === null || this.#unasked[0] === 'nothing') &&
        !this.#mustClose;
      if (goesOn) return this.#nextQuestions();
      if (this.#refusal === null) return NONE;
      this.#end(this.#refusal, { closes: false });
      return this.#settle(this.#refusal);
    }
    if (this.#phase === 'body' && !this.#isBegun) {
      this.#isBegun = true;
      return this.#body === 'stream' ? POUR : this.#askFence();
    }
    return this.#mustClose ? this.#close() : NONE;
  }

  #nextQuestions(): readonly Action[] {
    const asked = this.#isPipelined ? this.#unasked : this.#unasked.slice(0, 1);
    this.#unasked = this.#isPipelined ? [] : this.#unasked.slice(1);
    this.#unanswered.push(...asked);
    let commands = '';
    for (const command of asked) commands += this.#commandOf(command);
    return [{ do: 'write', commands }];
  }

  #commandOf(command: Command): string {
    switch (command) {
      case 'rset':
        return 'RSET\r\n';
      case 'mail':
        return `${this.#commands.mail}\r\n`;
      case 'rcpt':
        return `${this.#commands.rcpt}\r\n`;
      case 'data':
        return 'DATA\r\n';
      case 'nothing':
        return '.\r\n';
      default:
        return command satisfies never;
    }
  }

  #askFence(): readonly Action[] {
    this.#fence = 'asked';
    return ASK;
  }

  #finish(): readonly Action[] {
    this.#phase = 'dot';
    this.#unanswered.push('dot');
    return FINISH;
  }

  #settle(answer: Answer): readonly Action[] {
    const actions: Action[] = this.#mustClose && !this.#isClosed ? [{ do: 'close' }] : [];
    if (this.#mustClose) this.#isClosed = true;
    // The fence is recording that the dot may be sent; the outcome is recorded after that.
    if (this.#fence === 'asked') return actions;
    const isWornOut = this.#hasServed && this.#isWornOut(answer);
    this.#hasServed = true;
    this.#needsReset = answer.kind !== 'accepted';
    this.#phase = this.#mustClose ? 'over' : 'idle';
    this.#answer = null;
    return [...actions, { do: 'settle', answer, isWornOut }];
  }

  /** A silent server is not tried a second time: that would take as long again. */
  #isWornOut({ kind, reason, code }: Answer): boolean {
    if (this.#isTakenUp) return false;
    return (kind === 'lost' && reason !== 'timeout') || (kind === 'refused' && code === 421);
  }

  #close(): readonly Action[] {
    this.#phase = 'over';
    return CLOSE;
  }

  #end(answer: Answer | null, { closes }: { readonly closes: boolean }): void {
    this.#answer = answer;
    this.#mustClose ||= closes;
  }

  #loseTrack(reply: HeardReply, stage: Stage): void {
    this.#end(happened('lost', stage, 'protocol', `the server answered out of turn: ${oneLine(reply.raw)}`), {
      closes: true,
    });
  }

  /** The most certain fact first. */
  #answerTo(broken: Broken): Answer {
    if (this.#phase === 'dot') return lost('answer_lost', 'dot', broken);
    if (this.#refusal !== null) return this.#refusal;
    const stage =
      this.#phase === 'body' ? 'body' : stageOf(this.#unanswered[0] ?? this.#unasked[0] ?? 'mail');
    return broken.how === 'aborted' && this.#fence === 'unasked'
      ? aborted(stage)
      : lost('lost', stage, broken);
  }
}

const refusedAt = (stage: Stage, reply: HeardReply): Answer =>
  replied('refused', stage, { ...parseReply(reply.raw), code: reply.code });

/**
 * Only 354 accepts DATA. A 250 there means that the server has sent one reply too many, and the
 * next reply would be taken for the answer to a body that is still on its way.
 */
function isYes(question: Question, code: number | null): boolean {
  if (code === null) return false;
  return question === 'data' ? code === 354 : code < 300;
}

function stageOf(question: Question): Stage {
  switch (question) {
    case 'rset': // belongs to the transaction that it makes room for
    case 'mail':
      return 'mail';
    case 'rcpt':
      return 'rcpt';
    case 'data':
    case 'nothing':
      return 'data';
    case 'dot':
      return 'dot';
    default:
      return question satisfies never;
  }
}
