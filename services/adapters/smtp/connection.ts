// One connection to a server: nodemailer's SMTPConnection, and around it what it does not do. It hides at which step a connection was lost, takes a
// 2xx before the dot for success, waits equally long for everything, and goes on when the body has failed. So the steps are counted by
// `Conversation`, each wait is ours, and every end that is not a clean answer closes the connection.

import type { Socket } from 'node:net';
import { Readable } from 'node:stream';
import SMTPConnection from 'nodemailer/lib/smtp-connection';
import { needsSmtpUtf8 } from '../../core/address.ts';
import type { Route } from '../../core/catalog/catalog.ts';
import type { Answer } from '../../core/delivery/reply.ts';
import type { Report, TlsUsed, Transaction } from '../../ports/transport.ts';
import { aborted, type Broken, fault, happened, lost, replied } from './answers.ts';
import { Conversation } from './conversation.ts';
import { Deadline } from './deadline.ts';
import { heldBack } from './held-back.ts';
import type { SmtpLimits, SmtpSettings } from './settings.ts';
import { isVerified, startTlsOptions, tlsOf } from './tls.ts';

/** How a step with nodemailer ended: by its callback, the end of the connection, our timer, or our caller's signal. */
type Ended = { readonly how: 'done' } | Broken;

/** Where one body stands. */
interface Passing {
  isAsked: boolean;
  isFenced: boolean;
  isOver: boolean;
  cause: unknown;
  /** Settles when `beforeDot` has, if it was asked. */
  answered: Promise<void>;
}

export class Connection {
  /** Transactions begun. */
  served = 0;

  readonly #route: Route;
  readonly #limits: SmtpLimits;
  readonly #smtp: SMTPConnection;
  readonly #conversation: Conversation;
  readonly #source: string | null;
  readonly #startedAt: number;
  #tls: TlsUsed | null = null;
  #openMs: number | null = null;
  #isClosed = false;
  #needsReset = false;
  /** Of the step that is under way. */
  #deadline: Deadline | null = null;
  /** Ends the step that is under way. */
  #onClosed: (error: Error) => void = () => {};

  /** Takes over the socket: connected and, for `Implicit`, encrypted. */
  constructor(from: { route: Route; socket: Socket; settings: SmtpSettings; withTls: boolean; startedAt: number }) {
    const { route, socket, settings } = from;
    this.#route = route;
    this.#limits = settings.limits;
    this.#startedAt = from.startedAt;
    this.#source = socket.localAddress ?? null;
    this.#conversation = new Conversation(settings.limits.transcriptBytesMax);
    this.#conversation.onProgress = () => this.#deadline?.restart();
    // Its own timers are set beyond ours: they know nothing of steps.
    const beyondMs = settings.limits.smtpDotMs + settings.limits.smtpSocketMs;
    this.#smtp = new SMTPConnection({
      connection: socket,
      host: route.host,
      port: route.port,
      secure: route.tls === 'Implicit',
      secured: route.tls === 'Implicit',
      name: settings.ehloName,
      ...startTlsOptions(route, from.withTls),
      logger: this.#conversation.logger,
      transactionLog: true,
      connectionTimeout: beyondMs,
      greetingTimeout: beyondMs,
      socketTimeout: beyondMs,
      socketCloseTimeout: 0, // what is closed without a dot must not flush what is still buffered
    });
    this.#smtp.on('error', (error: Error) => this.#ended(error));
    this.#smtp.on('end', () => this.#ended(new Error('connection closed')));
  }

  get isAlive(): boolean {
    return !this.#isClosed;
  }

  /** Greeting, EHLO, STARTTLS and AUTH. Null when the server is ready for MAIL; otherwise why not, and the caller closes. */
  async introduce(signal: AbortSignal): Promise<Answer | null> {
    const greeted = await this.#step(signal, this.#limits.smtpGreetingMs, (done) => this.#smtp.connect(done));
    if (greeted.how !== 'done') return this.#troubleOf(greeted);
    this.#tls = tlsOf(this.#smtp._socket);
    if (isVerified(this.#route) && this.#tls?.verified !== true) return fault('tls', 'tls', 'the certificate is not verified');

    const { credentials } = this.#route;
    if (credentials !== null) {
      if (!this.#smtp.allowsAuth) return fault('auth', 'auth', 'the server offers no AUTH');
      this.#conversation.login();
      const login = { credentials: { user: credentials.username, pass: credentials.password } };
      const loggedIn = await this.#step(signal, this.#limits.smtpSocketMs, (done) => this.#smtp.login(login, done));
      if (loggedIn.how !== 'done') return this.#troubleOf(loggedIn);
    }
    this.#openMs = performance.now() - this.#startedAt;
    return null;
  }

  /** One transaction. Afterwards the connection is either ready for the next one or closed. */
  async send(transaction: Transaction): Promise<Report> {
    const isFirst = this.served++ === 0;
    if (!isFirst) this.#openMs = null;
    this.#conversation.begin(isFirst);
    if (this.#needsReset) {
      const reset = await this.#reset(transaction.signal);
      if (reset.how !== 'done') return this.report(reset.how === 'aborted' ? aborted('mail') : lost('lost', 'mail', reset));
      this.#needsReset = false;
    }
    const unsendable = this.#unsendable(transaction);
    if (unsendable !== null) return this.report(unsendable);

    const passing: Passing = { isAsked: false, isFenced: false, isOver: false, cause: undefined, answered: Promise.resolve() };
    const ended = await this.#transact(transaction, passing);
    const endedAt = performance.now();
    const result = this.#answerTo(ended, passing);
    const isClean = result.kind === 'accepted' || (result.kind === 'refused' && result.stage !== 'body' && result.code !== 421);
    if (!isClean) this.close();
    this.#needsReset = result.kind === 'refused';
    await passing.answered;
    return { ...this.report(result, endedAt), ...(passing.cause === undefined ? {} : { cause: passing.cause }) };
  }

  /** QUIT, when nothing is under way. Resolves when the connection is closed. */
  async quit(): Promise<void> {
    if (this.#isClosed) return;
    const closed = new Promise<void>((resolve) => {
      this.#onClosed = () => resolve();
    });
    using _ = new Deadline(this.#limits.smtpQuitMs, () => this.close());
    this.#smtp.quit();
    await closed;
  }

  /** Closes at once. What was not yet written is dropped. */
  close(): void {
    this.#smtp.close();
    this.#ended(new Error('connection closed'));
  }

  report(result: Answer, endedAt = performance.now()): Report {
    const { mail, body, dot } = this.#conversation.reachedAt;
    const between = (from: number | undefined, to: number | undefined): number | null =>
      from === undefined ? null : Math.round((to ?? endedAt) - from);
    return {
      ...result,
      host: this.#route.host,
      source: this.#source,
      tls: this.#tls ?? tlsOf(this.#smtp._socket),
      timings: {
        open: this.#openMs === null ? null : Math.round(this.#openMs),
        envelope: between(mail, body),
        body: between(body, dot),
        dot: between(dot, undefined),
      },
      transcript: result.kind === 'accepted' ? null : this.#conversation.transcript,
    };
  }

  async #transact(transaction: Transaction, passing: Passing): Promise<Ended> {
    const release = async (): Promise<void> => {
      passing.isAsked = true;
      const question = (async () => transaction.beforeDot())(); // what it throws at once is a no as well
      passing.answered = question.then(
        () => {},
        () => {},
      );
      try {
        passing.isFenced = !(await question);
      } catch (error) {
        passing.isFenced = true;
        passing.cause = error;
      }
      if (passing.isFenced || passing.isOver || this.#isClosed || this.#conversation.refusal !== null) throw new Error('not released');
      this.#conversation.dot();
      this.#deadline?.set(this.#limits.smtpDotMs);
      // The end of the body and the dot pass through two streams and would be two writes; this makes one of them.
      const socket = this.#smtp._socket;
      if (socket) {
        socket.cork();
        setImmediate(() => socket.uncork());
      }
    };
    const passage = { passing: () => this.#deadline?.restart(), release };
    const source = Readable.from(heldBack(transaction.body, this.#limits.heldBackBytes, passage), { objectMode: false });
    const envelope = {
      from: transaction.mailFrom ?? '',
      to: transaction.rcptTo,
      use8BitMime: true, // declared where it is offered; it costs nothing when the body is 7-bit after all
      ...(transaction.bytes === null ? {} : { size: transaction.bytes }),
    };
    const ended = await this.#step(transaction.signal, this.#limits.smtpSocketMs, (done) => this.#smtp.send(envelope, source, done));
    passing.isOver = true;
    source.destroy();
    return ended;
  }

  /** What we know that the server would refuse is not asked: a body over its SIZE, an address that it cannot read. */
  #unsendable({ mailFrom, rcptTo, smtpUtf8, bytes }: Transaction): Answer | null {
    const { offers } = this.#conversation;
    const needsUtf8 = smtpUtf8 || needsSmtpUtf8(rcptTo) || (mailFrom !== null && needsSmtpUtf8(mailFrom));
    if (needsUtf8 && !offers.includes('SMTPUTF8')) {
      const text = 'an address needs SMTPUTF8, which the server does not offer';
      return replied('refused', 'mail', { code: 550, enhanced: '5.6.7', text });
    }
    const size = Number(offers.find((offer) => offer.startsWith('SIZE '))?.slice('SIZE '.length) ?? 0);
    if (bytes !== null && size > 0 && bytes > size) {
      const text = `the message is larger than the ${size} bytes that the server takes`;
      return replied('refused', 'mail', { code: 552, enhanced: '5.3.4', text });
    }
    // Legal inside a quoted local part, but nodemailer refuses it, as do many servers.
    if (/[<>]/.test(rcptTo)) {
      return replied('refused', 'rcpt', { code: 553, enhanced: '5.1.3', text: 'an address with < or > cannot be sent to' });
    }
    return null;
  }

  async #reset(signal: AbortSignal): Promise<Ended> {
    const ended = await this.#step(signal, this.#limits.smtpSocketMs, (done) => this.#smtp.reset(done));
    if (ended.how !== 'done') this.close();
    return ended;
  }

  /** What a transaction came to; the most certain knowledge first. */
  #answerTo(ended: Ended, passing: Passing): Answer {
    const { refusal, lastReply, stage } = this.#conversation;
    const isDotSent = stage === 'dot';
    if (ended.how === 'done') {
      if (isDotSent) return replied('accepted', 'dot', lastReply);
      return happened('lost', 'body', 'protocol', 'the server said yes before the final dot');
    }
    if (refusal !== null) return replied('refused', refusal.stage, refusal.reply);
    if (passing.isFenced) return happened('fenced', 'body', null, 'the last bytes were not released');
    if (isDotSent) return lost('answer_lost', 'dot', ended);
    if (ended.how === 'aborted' && !passing.isAsked) return aborted(stage);
    if (ended.how === 'failed' && ended.error.code === 'ESTREAM') {
      passing.cause = ended.error;
      return fault('body', 'body', 'the body could not be read');
    }
    return lost('lost', stage, ended);
  }

  /** Why the opening failed. */
  #troubleOf(broken: Broken): Answer {
    const { refusal, stage } = this.#conversation;
    if (broken.how === 'aborted') return aborted(stage);
    if (refusal !== null) return replied('refused', refusal.stage, refusal.reply);
    const answer = lost('lost', stage, broken);
    if (stage === 'tls') return fault('tls', 'tls', `no TLS: ${answer.text}`);
    // Nothing is unanswered: it was nodemailer that could not go on, for want of a mechanism in common.
    return stage === 'mail' ? fault('auth', 'auth', answer.text) : answer;
  }

  /**
   * Runs one step of nodemailer to its end. A timeout and an abort close the connection, and so does nodemailer at every error of its own; nobody is
   * called back after that, hence the race.
   */
  #step(signal: AbortSignal, ms: number, begin: (done: (error?: Error | null) => void) => void): Promise<Ended> {
    return new Promise((resolve) => {
      const end = (ended: Ended): void => {
        signal.removeEventListener('abort', onAbort);
        this.#deadline?.[Symbol.dispose]();
        this.#deadline = null;
        this.#onClosed = () => {};
        resolve(ended);
        if (ended.how === 'timeout' || ended.how === 'aborted') this.close();
      };
      const onAbort = (): void => end({ how: 'aborted' });
      if (signal.aborted) return onAbort();
      if (this.#isClosed) return end({ how: 'failed', error: new Error('connection closed') });
      signal.addEventListener('abort', onAbort, { once: true });
      this.#deadline = new Deadline(ms, () => end({ how: 'timeout' }));
      this.#onClosed = (error) => end({ how: 'failed', error });
      begin((error) => end(error ? { how: 'failed', error } : { how: 'done' }));
    });
  }

  #ended(error: Error): void {
    this.#isClosed = true;
    this.#onClosed(error);
  }
}
