// What is said until a connection is ready for MAIL, heard through nodemailer's own log: which
// question is unanswered, which answer refused, and what the server offers. Replies come in the
// order of commands.

import { parseReply, type Reply, type Stage } from '../../core/delivery/reply.ts';
import { type Offers, offersOf } from '../../core/smtp/offers.ts';
import type { Transcript } from '../../core/smtp/transcript.ts';

export class OpeningLog {
  /**
   * For nodemailer, with `transactionLog: true`: level debug carries each command and each whole
   * reply.
   */
  readonly logger = {
    debug: (entry: { readonly tnx?: string }, text: unknown) => this.#hear(entry.tnx, String(text)),
  };
  /** Called at every command and reply. */
  onProgress: () => void = () => {};
  /** The first answer that was a no. */
  refusal: { readonly stage: Stage; readonly reply: Reply } | null = null;
  /** Of the last EHLO. */
  offers: Offers = offersOf([]);

  readonly #transcript: Transcript;
  readonly #unanswered: Stage[] = ['greeting'];
  #isLogin = false;

  constructor(transcript: Transcript) {
    this.#transcript = transcript;
  }

  /** Of the first question that has no answer yet; `mail` when all have one. */
  get stage(): Stage {
    return this.#unanswered[0] ?? 'mail';
  }

  /** All further lines belong to AUTH, and only refusals are recorded. */
  login(): void {
    this.#isLogin = true;
    this.#transcript.client('AUTH');
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
    this.#transcript.client(line);
    // The next word after a good handshake.
    if (this.#unanswered[0] === 'tls') this.#unanswered.shift();
    this.#unanswered.push(line === 'STARTTLS' ? 'starttls' : 'ehlo');
  }

  #reply(raw: string): void {
    const stage = this.#unanswered.shift() ?? this.stage;
    const reply = parseReply(raw);
    const isNo = reply.code === null || reply.code >= 400 || (stage === 'greeting' && reply.code !== 220);
    if (!this.#isLogin || isNo) this.#transcript.server(raw);
    if (isNo) {
      this.refusal ??= { stage, reply };
    } else if (stage === 'ehlo') {
      this.refusal = null; // an EHLO refused and a HELO taken
      this.offers = offersOf(
        raw
          .split('\n')
          .slice(1)
          .map((line) => line.slice(4)),
      );
    } else if (stage === 'starttls') {
      this.#unanswered.unshift('tls');
    }
  }
}
