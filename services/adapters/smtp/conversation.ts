// What was said on a connection, heard through nodemailer's own log: which question is unanswered (nodemailer hides whether a drop came before or
// after the dot), which answer refused, the transcript, and when each step was reached. Replies come in the order of commands, pipelined or not.

import type { Reply, Stage } from '../../core/delivery/reply.ts';
import { parseReply } from '../../core/delivery/reply.ts';

export class Conversation {
  /** For nodemailer, with `transactionLog: true`: level debug carries each command and each whole reply. */
  readonly logger = { debug: (entry: { readonly tnx?: string }, text: unknown) => this.#hear(entry.tnx, String(text)) };
  /** Called at every command and reply. */
  onProgress: () => void = () => {};
  /** The first answer that was a no, to a question of this transaction or of the opening. */
  refusal: { readonly stage: Stage; readonly reply: Reply } | null = null;
  lastReply: Reply = { code: null, enhanced: null, text: '' };
  /** What the last EHLO offered, one line each, upper case. */
  offers: readonly string[] = [];
  readonly reachedAt: { mail?: number; body?: number; dot?: number } = {};

  readonly #unanswered: Stage[] = ['greeting'];
  readonly #transcriptBytesMax: number;
  #transcript: string[] = [];
  #transcriptBytes = 0;
  #isLogin = false;

  constructor(transcriptBytesMax: number) {
    this.#transcriptBytesMax = transcriptBytesMax;
  }

  /** Of the first question that has no answer yet. */
  get stage(): Stage {
    return this.reachedAt.dot !== undefined ? 'dot' : (this.#unanswered[0] ?? 'mail');
  }

  get transcript(): string {
    return this.#transcript.join('\n');
  }

  /** Whatever follows is AUTH, and none of it is written down but a refusal. */
  login(): void {
    this.#isLogin = true;
    this.#write('C: AUTH');
  }

  /** A transaction begins; the first one on a connection keeps the transcript of the opening. */
  begin(isFirst: boolean): void {
    this.#isLogin = false;
    this.refusal = null;
    this.#unanswered.length = 0;
    this.reachedAt.mail = performance.now();
    delete this.reachedAt.body;
    delete this.reachedAt.dot;
    if (isFirst) return;
    this.#transcript = [];
    this.#transcriptBytes = 0;
  }

  /** From here on the final dot may be on its way. */
  dot(): void {
    this.reachedAt.dot = performance.now();
    this.#write('C: (body)\nC: .');
  }

  #hear(tnx: string | undefined, text: string): void {
    if (tnx !== 'client' && tnx !== 'server') return;
    if (tnx === 'client') this.#command(text);
    else this.#reply(text);
    this.onProgress();
  }

  #command(line: string): void {
    if (this.#isLogin) {
      this.#unanswered.push('auth');
      return;
    }
    this.#write(`C: ${line}`);
    // The next word after a good handshake.
    if (this.#unanswered[0] === 'tls') this.#unanswered.shift();
    this.#unanswered.push(stageOf(line));
  }

  #reply(raw: string): void {
    const stage = this.#unanswered.shift() ?? this.stage;
    const reply = parseReply(raw);
    const isNo = reply.code === null || reply.code >= 400 || (reply.code !== onlyYes[stage] && stage in onlyYes);
    this.lastReply = reply;
    if (!this.#isLogin || isNo) this.#write(`S: ${raw.replaceAll('\n', '\nS: ')}`);
    if (isNo) {
      this.refusal ??= { stage: this.reachedAt.dot === undefined ? stage : 'dot', reply };
      return;
    }
    if (stage === 'ehlo') {
      this.refusal = null; // an EHLO refused and a HELO taken
      this.offers = raw
        .split('\n')
        .slice(1)
        .map((line) => line.slice(4).trim().toUpperCase());
    } else if (stage === 'starttls') {
      this.#unanswered.unshift('tls');
    } else if (stage === 'data' && this.refusal === null) {
      this.#unanswered.push('body');
      this.reachedAt.body = performance.now();
    }
  }

  #write(lines: string): void {
    const room = this.#transcriptBytesMax - this.#transcriptBytes;
    if (room <= 0) return;
    const bytes = Buffer.byteLength(lines) + 1;
    // Cut by characters: a character has at least one byte, at most three in UTF-16's unit.
    this.#transcript.push(bytes <= room ? lines : lines.slice(0, Math.max(0, Math.floor((room - 1) / 3))));
    this.#transcriptBytes += bytes;
  }
}

/**
 * Where RFC 5321 allows one code only. nodemailer takes any 2xx for the 354 to DATA, so one reply too many would make the next one the answer to a
 * body that is still on its way.
 */
const onlyYes: { readonly [stage in Stage]?: number } = { greeting: 220, data: 354 };

/** RSET belongs to the next transaction, of which nothing has been answered; a lone dot ends the empty body after a refused RCPT. */
function stageOf(command: string): Stage {
  switch (command.split(' ', 1)[0]) {
    case 'EHLO':
    case 'HELO':
      return 'ehlo';
    case 'STARTTLS':
      return 'starttls';
    case 'RCPT':
      return 'rcpt';
    case 'DATA':
    case '.':
      return 'data';
    default:
      return 'mail';
  }
}
