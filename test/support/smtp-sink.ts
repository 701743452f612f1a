// A real SMTP server that keeps account of what it was given and makes trouble by script. It speaks
// the protocol by hand, on node:net, because its purpose is to stop, lie and hang up at places
// where a library would not let it. It judges the sender too: see `anomalies`. As a program, `node
// test/support/smtp-sink.ts --help`, it is steered over HTTP.

import { createServer, type Socket } from 'node:net';
import { createSecureContext, type SecureContext } from 'node:tls';
import type { Certificate } from './certificates.ts';
import { type Rule, RuleScript, type SmtpStage, STAGES } from './smtp-sink-rules.ts';
import { SinkSession } from './smtp-sink-session.ts';
import { Wire } from './smtp-sink-wire.ts';

export interface SinkOptions {
  /** 0, the default, takes a free one. */
  readonly port?: number;
  readonly rules?: readonly Rule[];
  /**
   * `stripped`: STARTTLS works but is not offered, as when somebody in the middle takes it out of
   * the answer to EHLO.
   */
  readonly tls?: 'none' | 'starttls' | 'stripped' | 'implicit';
  /** Needed unless `tls` is `none`. */
  readonly certificate?: Certificate;
  /** MAIL is refused without it. Offered in clear text only when `isOfferedInClear`. */
  readonly auth?: { readonly user: string; readonly password: string; readonly isOfferedInClear?: boolean };
  /** What EHLO offers besides STARTTLS and AUTH. */
  readonly extensions?: readonly string[];
  readonly mailBytesMax?: number;
  /** `digest` forgets the bytes of a mail once they are counted, for runs of many thousands. */
  readonly keep?: 'raw' | 'digest';
  /** Headers to remember of each mail, besides Message-ID. */
  readonly headers?: readonly string[];
}

/** A mail that the sink took responsibility for. */
export interface ReceivedMail {
  readonly connection: number;
  readonly from: string;
  readonly to: readonly string[];
  /** Of MAIL, as sent: `BODY=8BITMIME` … */
  readonly parameters: readonly string[];
  readonly messageId: string | null;
  readonly headers: Readonly<Record<string, readonly string[]>>;
  /** Without stuffed dots. */
  readonly bytes: number;
  readonly sha256: string;
  readonly isTls: boolean;
  readonly user: string | null;
  /**
   * The code after the dot; null as long as none was sent, which may be for ever: then the sender
   * cannot know that the mail was taken.
   */
  answered: number | null;
  readonly raw: Buffer | null;
}

/** Something that a careful sender does not do. */
export interface Anomaly {
  readonly connection: number;
  readonly what: string;
}

/** How often one mail reached one recipient. */
export interface CopyCount {
  /** Empty for mails without one. */
  readonly messageId: string;
  readonly recipient: string;
  readonly copies: number;
  /** How many different contents there were among them: 1 when all are the same bytes. */
  readonly contents: number;
}

export interface SinkCounts {
  /** Since the start. */
  readonly connections: number;
  readonly open: number;
  readonly mails: number;
  /** Mails refused after the dot. */
  readonly refused: number;
  /** How often each stage was reached. */
  readonly reached: Readonly<Record<SmtpStage, number>>;
  /** Dialogues that a rule makes hang there now. */
  readonly hanging: Readonly<Record<SmtpStage, number>>;
}

const WAIT_MS = 15_000;

export async function startSink(options: SinkOptions = {}): Promise<Sink> {
  const sink = new Sink(options);
  await sink.listen(options.port ?? 0);
  return sink;
}

export class Sink implements AsyncDisposable {
  readonly options: SinkOptions;
  readonly secureContext: SecureContext | null;
  readonly mails: ReceivedMail[] = [];
  readonly anomalies: Anomaly[] = [];
  readonly reached = noneAtEachStage();
  readonly hanging = noneAtEachStage();
  refused = 0;
  script: RuleScript;
  released: Promise<void>;
  #release: () => void = () => {};
  #connections = 0;
  #port = 0;
  readonly #wires = new Set<Wire>();
  readonly #watchers = new Set<() => void>();
  #willTell = false;
  readonly #server = createServer((socket) => this.#serve(socket));

  constructor(options: SinkOptions) {
    this.options = options;
    this.secureContext = options.certificate === undefined ? null : createSecureContext(options.certificate);
    if (this.secureContext === null && (options.tls ?? 'none') !== 'none')
      throw new Error('TLS needs a certificate');
    this.script = new RuleScript(options.rules ?? []);
    this.released = this.#nextRelease();
  }

  get port(): number {
    return this.#port;
  }

  get counts(): SinkCounts {
    const { refused, reached, hanging, mails } = this;
    return {
      connections: this.#connections,
      open: this.#wires.size,
      mails: mails.length,
      refused,
      reached,
      hanging,
    };
  }

  /** From now on these decide; their counting starts anew. */
  setRules(rules: readonly Rule[]): void {
    this.script = new RuleScript(rules);
  }

  /** Lets all that hangs at the moment go on. */
  release(): void {
    this.#release();
    this.released = this.#nextRelease();
  }

  /** Forgets the mails and anomalies so far. */
  forget(): void {
    this.mails.length = 0;
    this.anomalies.length = 0;
  }

  /** For each Message-ID and recipient. */
  copies(): CopyCount[] {
    return countCopies(this.mails);
  }

  /** Resolves when the condition holds; asked again whenever something has happened here. */
  async until(condition: (sink: Sink) => boolean, waitMs = WAIT_MS): Promise<void> {
    if (condition(this)) return;
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    const ask = () => {
      if (condition(this)) resolve();
    };
    const timer = setTimeout(() => reject(new Error(`waited ${waitMs} ms in vain: ${condition}`)), waitMs);
    this.#watchers.add(ask);
    await promise.finally(() => {
      clearTimeout(timer);
      this.#watchers.delete(ask);
    });
  }

  /** Tells those who wait, once per turn of the event loop. */
  changed(): void {
    if (this.#willTell) return;
    this.#willTell = true;
    setImmediate(() => {
      this.#willTell = false;
      for (const ask of this.#watchers) ask();
    });
  }

  async listen(port: number): Promise<void> {
    await new Promise<void>((listening, failed) => {
      this.#server.once('error', failed);
      this.#server.listen(port, '127.0.0.1', listening);
    });
    const address = this.#server.address();
    if (address !== null && typeof address === 'object') this.#port = address.port;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const closed = new Promise<void>((resolve) => this.#server.close(() => resolve()));
    for (const wire of this.#wires) wire.drop('reset');
    await closed;
  }

  #serve(socket: Socket): void {
    this.#connections += 1;
    const wire = new Wire(socket);
    this.#wires.add(wire);
    socket.on('close', () => {
      this.#wires.delete(wire);
      this.changed();
    });
    // Nobody catches this: a bug of the sink's own is an unhandled rejection, which fails the test
    // run.
    void new SinkSession(this, wire, this.#connections).run();
    this.changed();
  }

  #nextRelease(): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#release = resolve;
    return promise;
  }
}

export function countCopies(mails: Iterable<Pick<ReceivedMail, 'messageId' | 'to' | 'sha256'>>): CopyCount[] {
  const found = new Map<string, { messageId: string; recipient: string; digests: string[] }>();
  for (const { messageId, to, sha256 } of mails) {
    for (const recipient of to) {
      const key = `${messageId} ${recipient}`;
      const entry = found.get(key) ?? { messageId: messageId ?? '', recipient, digests: [] };
      entry.digests.push(sha256);
      found.set(key, entry);
    }
  }
  return Array.from(found.values(), ({ messageId, recipient, digests }) => {
    return { messageId, recipient, copies: digests.length, contents: new Set(digests).size };
  });
}

function noneAtEachStage(): Record<SmtpStage, number> {
  return Object.fromEntries(STAGES.map((stage) => [stage, 0])) as Record<SmtpStage, number>;
}

// Not awaited here, for the program imports this module and would wait for it in turn; a failure
// ends the process as an unhandled rejection.
if (import.meta.main)
  void import('./smtp-sink-program.ts').then((program) => program.main(process.argv.slice(2)));
