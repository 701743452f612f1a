// One connection to a server that is ready for MAIL. `core/smtp/conversation.ts` decides; this file
// carries out its actions with a socket, a timer, the body and the fence.

import type { Socket } from 'node:net';
import type { Route } from '../../core/catalog/catalog.ts';
import type { Answer } from '../../core/delivery/reply.ts';
import { aborted, type Broken } from '../../core/smtp/answers.ts';
import { type Action, type BodyKind, Conversation } from '../../core/smtp/conversation.ts';
import { DotStuffer } from '../../core/smtp/dot-stuffing.ts';
import { commandsOf } from '../../core/smtp/envelope.ts';
import type { Offers } from '../../core/smtp/offers.ts';
import { ReplyReader } from '../../core/smtp/reply-reader.ts';
import type { Transcript } from '../../core/smtp/transcript.ts';
import type { MailBytes, Report, TlsUsed, Transaction } from '../../ports/transport.ts';
import { faultOf } from './connection-faults.ts';
import { Deadline } from './deadline.ts';
import type { Opened } from './handshake.ts';
import { inPieces, pour } from './pour.ts';
import type { SmtpLimits } from './settings.ts';

/** The outcome of a transaction. */
export interface Sent {
  readonly report: Report;
  /**
   * The connection had served before, and became useless before the server accepted MAIL: the
   * transaction can start again on another connection.
   */
  readonly isWornOut: boolean;
}

/** The transaction under way. */
interface Turn {
  readonly transaction: Transaction;
  readonly stuffer: DotStuffer;
  readonly settle: (sent: Sent) => void;
  /** The bytes to write with the dot: all of a body in memory, until a part of it is poured. */
  rest: readonly Uint8Array[];
  /** The error of the fence or of the body. */
  cause: unknown;
  readonly startedAt: number;
  bodyAt: number | null;
  dotAt: number | null;
}

export class Connection {
  /** Transactions started. */
  served = 0;

  readonly #route: Route;
  readonly #limits: SmtpLimits;
  readonly #socket: Socket;
  readonly #source: string | null;
  readonly #tls: TlsUsed | null;
  readonly #offers: Offers;
  readonly #conversation: Conversation;
  readonly #replies = new ReplyReader();
  readonly #transcript: Transcript;
  readonly #deadline = new Deadline(() => this.#timeIsOver());
  readonly #onAbort = (): void => {
    if (this.#turn !== null) this.#broken({ how: 'aborted' });
  };
  /**
   * The signal that has our listener. Callers use the same signal for many transactions, so the
   * listener stays between them.
   */
  #signal: AbortSignal | null = null;
  #openMs: number | null;
  #turn: Turn | null = null;
  #isClosed = false;
  /** Called once, when the idle connection ends or reaches its idle limit. */
  #onIdleOver: () => void = () => {};
  #onClosed: () => void = () => {};
  /** Rejects the write that `pour` waits for. */
  #onWriteLost: (error: Error) => void = () => {};

  constructor(from: {
    route: Route;
    limits: SmtpLimits;
    opened: Opened;
    source: string | null;
    openMs: number;
  }) {
    const { socket, offers, tls, transcript } = from.opened;
    this.#route = from.route;
    this.#limits = from.limits;
    this.#socket = socket;
    this.#source = from.source;
    this.#tls = tls;
    this.#offers = offers;
    this.#transcript = transcript;
    this.#openMs = from.openMs;
    this.#conversation = new Conversation({ isPipelined: offers.pipelining });
    socket.on('data', (chunk: Buffer) => this.#hear(chunk));
    socket.on('end', () => this.#lost('the server closed the connection'));
    socket.on('error', (error) => this.#lost(faultOf(error)));
    socket.on('close', () => this.#lost('the server closed the connection'));
    socket.resume();
  }

  get isAlive(): boolean {
    return !this.#isClosed && this.#conversation.isIdle;
  }

  /** Runs one transaction. Afterwards the connection is ready for the next one, or closed. */
  async send(transaction: Transaction): Promise<Sent> {
    if (this.served++ > 0) {
      this.#openMs = null;
      this.#transcript.clear();
    }
    const startedAt = performance.now();
    if (transaction.signal.aborted) {
      this.close();
      return { report: this.#report(aborted('mail'), null, startedAt), isWornOut: false };
    }
    const commands = commandsOf(transaction, this.#offers);
    if ('kind' in commands) return { report: this.#report(commands, null, startedAt), isWornOut: false };

    const { promise, resolve } = Promise.withResolvers<Sent>();
    this.#turn = {
      transaction,
      stuffer: new DotStuffer(),
      settle: resolve,
      rest: isInMemory(transaction.body) ? transaction.body : [],
      cause: undefined,
      startedAt,
      bodyAt: null,
      dotAt: null,
    };
    this.#listenTo(transaction.signal);
    this.#deadline.set(this.#limits.smtpSocketMs);
    this.#do(this.#conversation.begin(commands, kindOf(transaction.body, this.#limits.smtpOneWriteBytes)));
    return promise;
  }

  /**
   * The connection is idle until `wake`. Calls `onOver` once, when the server closes the connection
   * or after `ms`.
   */
  rest(ms: number, onOver: () => void): void {
    this.#onIdleOver = onOver;
    this.#deadline.set(ms);
  }

  wake(): void {
    this.#onIdleOver = () => {};
  }

  /** Sends QUIT on an idle connection. Resolves when the connection is closed. */
  async quit(): Promise<void> {
    if (this.#isClosed) return;
    const closed = new Promise<void>((resolve) => {
      this.#onClosed = resolve;
    });
    this.wake();
    this.#deadline.set(this.#limits.smtpQuitMs);
    this.#do(this.#conversation.leave());
    await closed;
  }

  /** Closes at once, and drops what is not written yet. */
  close(): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    this.#deadline.clear();
    this.#signal?.removeEventListener('abort', this.#onAbort);
    this.#socket.destroy();
    this.#onWriteLost(new WriteLost('connection closed'));
    this.#onIdleOver();
    this.#onClosed();
  }

  #do(actions: readonly Action[]): void {
    for (const action of actions) this.#carryOut(action);
  }

  #carryOut(action: Action): void {
    switch (action.do) {
      case 'write':
        this.#transcript.client(action.commands);
        this.#socket.write(action.commands);
        break;
      case 'ask':
        this.#ask();
        break;
      case 'pour':
        void this.#pour();
        break;
      case 'finish':
        this.#finish();
        break;
      case 'close':
        this.close();
        break;
      case 'settle':
        this.#settle(action.answer, action.isWornOut);
        break;
      default:
        action satisfies never;
    }
  }

  #ask(): void {
    const turn = this.#turn;
    if (turn === null) return;
    turn.bodyAt ??= performance.now();
    const answer = (isOpen: boolean, cause?: unknown): void => {
      if (cause !== undefined) turn.cause = cause;
      this.#do(this.#conversation.fenced(isOpen));
    };
    const isNo = (cause: unknown): void => answer(false, cause);
    try {
      turn.transaction.beforeDot().then((isOpen) => answer(isOpen), isNo);
    } catch (cause) {
      isNo(cause);
    }
  }

  /** Never rejects: a failure goes to the conversation. */
  async #pour(): Promise<void> {
    const turn = this.#turn;
    if (turn === null) return;
    turn.bodyAt ??= performance.now();
    const { body } = turn.transaction;
    const chunks = isInMemory(body) ? inPieces(body, this.#limits.smtpOneWriteBytes) : body;
    try {
      turn.rest = [
        await pour(chunks, this.#limits.heldBackBytes, (bytes) => this.#write(turn.stuffer.push(bytes))),
      ];
    } catch (cause) {
      if (cause instanceof WriteLost) return this.#lost(cause.message);
      if (this.#isClosed) return;
      turn.cause = cause;
      return this.#do(this.#conversation.unreadable());
    }
    if (!this.#isClosed) this.#do(this.#conversation.poured());
  }

  /** Resolves when the operating system has the bytes, so the server sets the pace. */
  #write(bytes: Uint8Array): Promise<void> {
    return new Promise((resolve, reject) => {
      if (this.#isClosed) return reject(new WriteLost('connection closed'));
      this.#onWriteLost = reject;
      this.#socket.write(bytes, (error) => {
        if (error) return reject(new WriteLost(faultOf(error)));
        this.#deadline.restart();
        resolve();
      });
    });
  }

  #finish(): void {
    const turn = this.#turn;
    if (turn === null) return;
    const { stuffer, rest } = turn;
    turn.dotAt = performance.now();
    this.#transcript.client('(body)\r\n.');
    this.#deadline.set(this.#limits.smtpDotMs);
    const stuffed = rest.map((chunk) => stuffer.push(chunk));
    this.#socket.write(Buffer.concat([...stuffed, Buffer.from(stuffer.end(), 'latin1')]));
  }

  #settle(answer: Answer, isWornOut: boolean): void {
    const turn = this.#turn;
    if (turn === null) return;
    this.#turn = null;
    const report = this.#report(answer, turn, turn.startedAt);
    turn.settle({ report: turn.cause === undefined ? report : { ...report, cause: turn.cause }, isWornOut });
  }

  #hear(chunk: Buffer): void {
    const replies = this.#replies.push(chunk.toString('latin1'));
    if (replies.length > 0) {
      this.#deadline.restart();
      for (const { raw } of replies) this.#transcript.server(raw);
      this.#do(this.#conversation.heard(replies));
    }
    if (this.#replies.isTooLong)
      this.#broken({ how: 'failed', reason: 'protocol', text: 'the reply of the server does not end' });
  }

  #lost(text: string): void {
    if (this.#isClosed) return;
    const cutOff = this.#replies.end();
    if (cutOff !== null) {
      this.#transcript.server(cutOff.raw);
      this.#do(this.#conversation.heard([cutOff]));
    }
    this.#broken({ how: 'failed', reason: 'dropped', text });
  }

  #broken(broken: Broken): void {
    this.#do(this.#conversation.broken(broken));
    this.close();
  }

  #timeIsOver(): void {
    if (this.#turn !== null) {
      this.#broken({ how: 'timeout' });
    } else if (this.#conversation.isIdle) {
      const onIdleOver = this.#onIdleOver;
      this.wake();
      onIdleOver();
    } else {
      this.close(); // no answer to QUIT
    }
  }

  #listenTo(signal: AbortSignal): void {
    if (signal === this.#signal) return;
    this.#signal?.removeEventListener('abort', this.#onAbort);
    this.#signal = signal;
    signal.addEventListener('abort', this.#onAbort);
  }

  #report(answer: Answer, turn: Turn | null, startedAt: number): Report {
    const endedAt = performance.now();
    const { bodyAt, dotAt } = turn ?? { bodyAt: null, dotAt: null };
    return {
      ...answer,
      host: this.#route.host,
      source: this.#source,
      tls: this.#tls,
      timings: {
        open: this.#openMs === null ? null : Math.round(this.#openMs),
        envelope: Math.round((bodyAt ?? endedAt) - startedAt),
        body: bodyAt === null ? null : Math.round((dotAt ?? endedAt) - bodyAt),
        dot: dotAt === null ? null : Math.round(endedAt - dotAt),
      },
      transcript: answer.kind === 'accepted' ? null : this.#transcript.toString(),
    };
  }
}

/** The connection was lost during a write. The message is a sentence of ours. */
class WriteLost extends Error {}

const isInMemory = (body: MailBytes): body is readonly Uint8Array[] => Array.isArray(body);

function kindOf(body: MailBytes, oneWriteBytes: number): BodyKind {
  if (!isInMemory(body)) return 'stream';
  let bytes = 0;
  for (const chunk of body) bytes += chunk.length;
  return bytes <= oneWriteBytes ? 'whole' : 'pieces';
}
