// Follows the opening of a connection through nodemailer's log: which command has no reply yet, which
// reply refused, and what the server offers. Replies come in the order of commands.

import { parseReply, type Reply, type Stage } from '../../core/delivery/reply.ts';
import { type Offers, offersOf } from '../../core/smtp/offers.ts';
import type { Transcript } from '../../core/smtp/transcript.ts';

export class HandshakeLog {
  /**
   * For nodemailer, with `transactionLog: true`: level debug carries each command and each whole
   * reply.
   */
  readonly logger = {
    debug: (entry: { readonly tnx?: string }, text: unknown) => this.#hear(entry.tnx, String(text)),
  };
  /** Called at every command and reply. */
  onProgress: () => void = () => {};
  /** The first reply that refused. */
  refusal: { readonly stage: Stage; readonly reply: Reply } | null = null;
  /** The offers in the reply to the last EHLO. */
  offers: Offers = offersOf([]);

  readonly #transcript: Transcript;
  readonly #unanswered: Stage[] = ['greeting'];
  #isLogin = false;
  /** Texts that no transcript and no report may hold. */
  #secrets: readonly string[] = [];

  constructor(transcript: Transcript) {
    this.#transcript = transcript;
  }

  /** The stage of the first command without a reply; `mail` when each has one. */
  get stage(): Stage {
    return this.#unanswered[0] ?? 'mail';
  }

  /**
   * AUTH follows. The transcript gets the name of the mechanism and a refusal, and nothing else. A
   * server may repeat what it was sent, so `secrets` are cut out of the refusal.
   */
  login(mechanism: string, secrets: readonly string[]): void {
    this.#isLogin = true;
    // A shorter text stands in a reply by chance, and might be its code.
    this.#secrets = secrets.filter((secret) => secret.length >= 8);
    this.#transcript.client(`AUTH ${mechanism}`);
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
    // The first command after a successful handshake.
    if (this.#unanswered[0] === 'tls') this.#unanswered.shift();
    this.#unanswered.push(line === 'STARTTLS' ? 'starttls' : 'ehlo');
  }

  #reply(whole: string): void {
    let raw = whole;
    for (const secret of this.#secrets) raw = raw.replaceAll(secret, '(secret)');
    const stage = this.#unanswered.shift() ?? this.stage;
    const reply = parseReply(raw);
    const isNo = reply.code === null || reply.code >= 400 || (stage === 'greeting' && reply.code !== 220);
    if (!this.#isLogin || isNo) this.#transcript.server(raw);
    if (isNo) {
      this.refusal ??= { stage, reply };
    } else if (stage === 'ehlo') {
      this.refusal = null; // the server refused EHLO and accepts HELO
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
