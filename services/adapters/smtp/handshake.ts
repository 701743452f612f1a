// Opens a connection: greeting, EHLO, STARTTLS and AUTH, by nodemailer's SMTPConnection.
// SMTPConnection does not report at which step a connection was lost and has one timeout for all
// steps, so `HandshakeLog` follows the steps, and each step has a deadline of its own. Afterwards this
// adapter owns the socket, and nodemailer neither reads nor writes any more.

import type { Socket } from 'node:net';
import SMTPConnection from 'nodemailer/lib/smtp-connection';
import type { Route, RouteCredentials } from '../../core/catalog/catalog.ts';
import type { Answer } from '../../core/delivery/reply.ts';
import { aborted, type Broken, fault, lost, replied } from '../../core/smtp/answers.ts';
import { type Mechanism, mechanismsFor, noMechanism } from '../../core/smtp/login.ts';
import type { Offers } from '../../core/smtp/offers.ts';
import { Transcript } from '../../core/smtp/transcript.ts';
import type { TlsUsed } from '../../ports/transport.ts';
import { faultOf } from './connection-faults.ts';
import { Deadline } from './deadline.ts';
import { HandshakeLog } from './handshake-log.ts';
import { loginOptions, sendToken, TOKEN_METHOD } from './nodemailer-login.ts';
import type { SmtpSettings } from './settings.ts';
import { isVerified, startTlsOptions, tlsOf } from './tls.ts';

/** How a step ended: by nodemailer's callback, or because the connection broke off. */
type Ended = { readonly how: 'done' } | Broken;

/** A connection that is ready for MAIL. */
export interface Opened {
  readonly socket: Socket;
  readonly offers: Offers;
  readonly tls: TlsUsed | null;
  readonly transcript: Transcript;
}

export class Handshake {
  readonly transcript: Transcript;
  /** The local address that the connection leaves from. */
  readonly source: string | null;

  readonly #route: Route;
  readonly #settings: SmtpSettings;
  readonly #smtp: SMTPConnection;
  readonly #log: HandshakeLog;
  readonly #deadline = new Deadline(() => this.#end({ how: 'timeout' }));
  /** Of the login: the mechanism that was tried, and the one to try after it. */
  tried: Mechanism | null = null;
  untried: Mechanism | null = null;
  /** Why nodemailer closed the connection. */
  #closed: Broken | null = null;
  /** Ends the step that is under way. */
  #end: (ended: Ended) => void = () => {};

  /** Takes over the socket: connected and, for `Implicit`, encrypted. */
  constructor(from: { route: Route; socket: Socket; settings: SmtpSettings; withTls: boolean }) {
    const { route, socket, settings } = from;
    this.#route = route;
    this.#settings = settings;
    this.source = socket.localAddress ?? null;
    this.transcript = new Transcript(settings.limits.transcriptBytesMax);
    this.#log = new HandshakeLog(this.transcript);
    this.#log.onProgress = () => this.#deadline.restart();
    // nodemailer's timers must never fire before ours, because they do not know the steps.
    const beyondMs = settings.limits.smtpDotMs + settings.limits.smtpSocketMs;
    this.#smtp = new SMTPConnection({
      connection: socket,
      host: route.host,
      port: route.port,
      secure: route.tls === 'Implicit',
      secured: route.tls === 'Implicit',
      name: settings.ehloName,
      ...startTlsOptions(route, from.withTls),
      logger: this.#log.logger,
      transactionLog: true,
      connectionTimeout: beyondMs,
      greetingTimeout: beyondMs,
      socketTimeout: beyondMs,
      socketCloseTimeout: 0,
      customAuth: { [TOKEN_METHOD]: sendToken },
    });
    this.#smtp.on('error', (error: Error) => this.#lost(failed(error)));
    this.#smtp.on('end', () => this.#lost(failed(new Error('connection closed'))));
  }

  get tls(): TlsUsed | null {
    return tlsOf(this.#smtp._socket);
  }

  /**
   * Resolves to a connection that is ready for MAIL, or to the answer that prevented it; then the
   * caller closes.
   * @param refused the mechanism that the server refused on an earlier connection
   */
  async introduce(
    greetingMs: number,
    signal: AbortSignal,
    refused: Mechanism | null = null,
  ): Promise<Opened | Answer> {
    const greeted = await this.#step(signal, greetingMs, (done) => this.#smtp.connect(done));
    if (greeted.how !== 'done') return this.#troubleOf(greeted);
    if (isVerified(this.#route) && this.tls?.verified !== true)
      return fault('tls', 'tls', 'the certificate is not verified');

    const credentials = this.#settings.credentialsOf(this.#route);
    if (credentials !== null) {
      const failed = await this.#login(credentials, refused, signal);
      if (failed !== null) return failed;
    }
    return this.#takeOver();
  }

  /** Null: the server has accepted the login. */
  async #login(
    credentials: RouteCredentials,
    refused: Mechanism | null,
    signal: AbortSignal,
  ): Promise<Answer | null> {
    const { accepted, limits } = this.#settings;
    const offered = this.#log.offers.auth;
    const [mechanism, untried] = mechanismsFor(
      credentials,
      offered,
      accepted.get(this.#route) ?? null,
    ).filter((each) => each !== refused);
    if (mechanism === undefined) return fault('auth', 'auth', noMechanism(credentials, offered));
    this.tried = mechanism;
    this.untried = untried ?? null;
    const { login, secrets } = loginOptions(mechanism, credentials);
    this.#log.login(mechanism, secrets);
    const loggedIn = await this.#step(signal, limits.smtpSocketMs, (done) => this.#smtp.login(login, done));
    if (loggedIn.how !== 'done') return this.#troubleOf(loggedIn);
    accepted.set(this.#route, mechanism);
    return null;
  }

  close(): void {
    this.#smtp.close();
  }

  /**
   * nodemailer closes the connection in the next turn of the event loop if the server sent more
   * than its last reply, so this waits for one turn. Then it removes nodemailer's listeners for data
   * and timeouts. The other listeners act only when the connection ends.
   */
  async #takeOver(): Promise<Opened | Answer> {
    await new Promise((next) => setImmediate(next));
    const { refusal } = this.#log;
    const { tls, transcript } = this;
    const socket = this.#smtp._socket;
    if (refusal !== null) return replied('refused', refusal.stage, refusal.reply);
    if (this.#closed !== null || !socket)
      return lost('lost', 'mail', this.#closed ?? failed(new Error('connection closed')));
    socket.pause();
    socket.removeAllListeners('data');
    socket.removeAllListeners('timeout');
    socket.setTimeout(0);
    return { socket, offers: this.#log.offers, tls, transcript };
  }

  /** Why the opening failed. */
  #troubleOf(broken: Broken): Answer {
    const { refusal, stage } = this.#log;
    if (broken.how === 'aborted') return aborted(stage);
    if (refusal !== null) return replied('refused', refusal.stage, refusal.reply);
    const answer = lost('lost', stage, broken);
    if (stage === 'tls') return fault('tls', 'tls', `no TLS: ${answer.text}`);
    // Each command has its reply, so nodemailer itself could not continue.
    return stage === 'mail' ? fault('auth', 'auth', answer.text) : answer;
  }

  /**
   * Runs one step of nodemailer to its end. A timeout and an abort close the connection, and so does
   * nodemailer at each error of its own. nodemailer never calls back on a closed connection, so the
   * end of the connection ends the step, too.
   */
  #step(
    signal: AbortSignal,
    ms: number,
    begin: (done: (error?: Error | null) => void) => void,
  ): Promise<Ended> {
    return new Promise((resolve) => {
      const onAbort = (): void => this.#end({ how: 'aborted' });
      this.#end = (ended) => {
        this.#end = () => {};
        signal.removeEventListener('abort', onAbort);
        this.#deadline.clear();
        resolve(ended);
        if (ended.how === 'timeout' || ended.how === 'aborted') this.close();
      };
      if (signal.aborted) onAbort();
      else if (this.#closed !== null) this.#end(this.#closed);
      else {
        signal.addEventListener('abort', onAbort, { once: true });
        this.#deadline.set(ms);
        begin((error) => this.#end(error ? failed(error) : { how: 'done' }));
      }
    });
  }

  #lost(broken: Broken): void {
    this.#closed ??= broken;
    this.#end(broken);
  }
}

function failed(error: Error & { readonly code?: string }): Broken {
  return { how: 'failed', reason: error.code === 'EPROTOCOL' ? 'protocol' : 'dropped', text: faultOf(error) };
}
