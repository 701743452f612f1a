// The conversation with a server that is ready for MAIL, as a state machine: replies and events in,
// actions out. It knows no socket, no clock and no body; its driver carries out the actions in
// order. One conversation serves one connection, for many transactions:
//
//   idle ─begin─▶ envelope ─354─▶ body ─the fence lets go─▶ dot ─2xx, 4xx, 5xx─▶ idle
//                    │ refused        │ refused, lost, fence shut   │ lost
//                    ▼                ▼                             ▼
//                  idle             over                          over
//
// Replies come in the order of commands, pipelined or not, so a reply belongs to the first command
// without one. A reply that belongs to no command, or that cannot be a reply to its command, shows
// that client and server are out of step: the connection is closed.

import { type Answer, isAboutLogin, oneLine, parseReply, type Stage } from '../delivery/reply.ts';
import { aborted, type Broken, fault, happened, lost, replied } from './answers.ts';
import type { Commands } from './envelope.ts';
import type { HeardReply } from './reply-reader.ts';

/**
 * How a body is written. `whole`: body and dot in one write. `pieces`: a large body in memory, piece
 * by piece. Nothing of either is on the wire before the fence has opened. `stream`: while it is
 * read; the fence is asked when only the end of the body is left.
 */
export type BodyKind = 'whole' | 'pieces' | 'stream';

export type Action =
  /** Commands, each with its CRLF, as one write. */
  | { readonly do: 'write'; readonly commands: string }
  /** Ask the fence, and pass its answer to `fenced`. */
  | { readonly do: 'ask' }
  /** Write the body except for its end, then call `poured`. */
  | { readonly do: 'pour' }
  /**
   * Write the rest of the body and the dot. From this moment on the server may have accepted the
   * mail.
   */
  | { readonly do: 'finish' }
  /** Close the connection, and write nothing more. */
  | { readonly do: 'close' }
  /**
   * The transaction is over; nothing of it follows. Worn out: the connection had served before, and
   * became useless before the server accepted MAIL, so the transaction can start again on another
   * connection.
   */
  | { readonly do: 'settle'; readonly answer: Answer; readonly isWornOut: boolean };

type Phase = 'idle' | 'envelope' | 'body' | 'dot' | 'leaving' | 'over';
/** `nothing` is the lone dot that ends an empty body which has no recipient. */
type Command = 'rset' | 'mail' | 'rcpt' | 'data' | 'nothing';
/** Everything that has a reply. The dot of a mail is written with its body. */
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
  /** The server still has a part of a refused transaction. */
  #needsReset = false;

  // --- the transaction under way
  #commands: Commands = { mail: '', rcpt: '' };
  #body: BodyKind = 'whole';
  /** Written, without a reply. */
  #unanswered: Question[] = [];
  /** Not written yet. */
  #unasked: Command[] = [];
  /** The server accepted MAIL. */
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

  /** False once it is certain that the body must not be sent. */
  get #isWritingBody(): boolean {
    return this.#phase === 'body' && this.#answer === null;
  }

  /** Starts a transaction. Only when idle. */
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
   * All replies that came together. None of them can answer what is written because of another one
   * of them.
   */
  heard(replies: readonly HeardReply[]): readonly Action[] {
    for (const reply of replies) this.#hear(reply);
    return this.#proceed();
  }

  /** The fence answered. */
  fenced(isOpen: boolean): readonly Action[] {
    this.#fence = isOpen ? 'open' : 'shut';
    // A refusal by the server is more certain than the answer of the fence; a lost connection is
    // less.
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

  /** Reading the body failed. */
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
    // RFC 5321 4.2.3: after a 421 to any command the server closes, and the replies to the other
    // commands never come.
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
    // The server accepts DATA and RCPT although it refused MAIL: a lone dot might send an empty mail
    // to somebody.
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
        // The server wrote one of the two replies before it read the dot. If both agree, it does
        // not matter which.
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

  /** The actions that follow from the replies. */
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
    const isWornOut = this.#hasServed && this.#isWornOut(answer);
    this.#mustClose ||= isWornOut;
    const actions: Action[] = this.#mustClose && !this.#isClosed ? [{ do: 'close' }] : [];
    if (this.#mustClose) this.#isClosed = true;
    // The fence is recording that the dot may be sent. The outcome is recorded after that.
    if (this.#fence === 'asked') return actions;
    this.#hasServed = true;
    this.#needsReset = answer.kind !== 'accepted';
    this.#phase = this.#mustClose ? 'over' : 'idle';
    this.#answer = null;
    return [...actions, { do: 'settle', answer, isWornOut }];
  }

  /**
   * A silent server is not tried a second time: that would take as long again. A server that asks
   * for a login has ended the one of this connection: its access token has expired.
   */
  #isWornOut(answer: Answer): boolean {
    const { kind, reason, code } = answer;
    if (this.#isTakenUp) return false;
    return (
      (kind === 'lost' && reason !== 'timeout') ||
      (kind === 'refused' && (code === 421 || isAboutLogin(answer)))
    );
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

  /** Reports the most certain fact. */
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
 * Only 354 accepts DATA. A 250 there means that the server has sent one reply too many, and the next
 * reply would count as the reply to a body that is not sent yet.
 */
function isYes(question: Question, code: number | null): boolean {
  if (code === null) return false;
  return question === 'data' ? code === 354 : code < 300;
}

function stageOf(question: Question): Stage {
  switch (question) {
    case 'rset': // belongs to the transaction that follows
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
