// One connection of the sink: reads lines and chunks when asked, and does on purpose what servers
// do by accident.

import { once } from 'node:events';
import type { Socket } from 'node:net';
import { setImmediate, setTimeout } from 'node:timers/promises';
import { type SecureContext, TLSSocket } from 'node:tls';

const QUEUED_BYTES_MAX = 64 * 1024;
const LINE_BYTES_MAX = 16 * 1024;
const LF = 0x0a;

export class Wire {
  readonly #tcp: Socket;
  #socket: Socket;
  #queue: Buffer[] = [];
  #queuedBytes = 0;
  #wake: () => void = () => {};
  readonly #gone = new AbortController();

  constructor(socket: Socket) {
    this.#tcp = socket;
    this.#socket = socket;
    socket.setNoDelay(true);
    // A client that resets the connection is what tests do; 'close' follows and tells the session.
    socket.on('error', () => {});
    socket.on('close', () => {
      this.#gone.abort();
      this.#wake();
    });
    this.#listen();
  }

  get isOpen(): boolean {
    return !this.#gone.signal.aborted && this.#socket.writable;
  }

  /** The next bytes, at most `max`; null when there will be no more. */
  async read(max = Number.POSITIVE_INFINITY): Promise<Buffer | null> {
    while (this.#queue.length === 0) {
      if (!this.isOpen) return null;
      await new Promise<void>((wake) => {
        this.#wake = wake;
      });
    }
    const chunk = this.#queue.shift() ?? Buffer.alloc(0);
    this.#queuedBytes -= chunk.length;
    if (this.#queuedBytes < QUEUED_BYTES_MAX) this.#socket.resume();
    if (chunk.length <= max) return chunk;
    this.unread(chunk.subarray(max));
    return chunk.subarray(0, max);
  }

  /** The next line with its ending; null at the end, or when it is longer than any command. */
  async readLine(): Promise<string | null> {
    let line: Buffer = Buffer.alloc(0);
    while (line.length < LINE_BYTES_MAX) {
      const chunk = await this.read();
      if (chunk === null) return null;
      const lf = chunk.indexOf(LF);
      line = Buffer.concat([line, lf === -1 ? chunk : chunk.subarray(0, lf + 1)]);
      if (lf === -1) continue;
      this.unread(chunk.subarray(lf + 1));
      return line.toString('utf8');
    }
    this.drop('close');
    return null;
  }

  /** Gives back what was read too far. */
  unread(bytes: Buffer): void {
    if (bytes.length === 0) return;
    this.#queue.unshift(bytes);
    this.#queuedBytes += bytes.length;
  }

  /** Forgets what has come and was not read, and says how much that was. */
  discard(): number {
    const bytes = this.#queuedBytes;
    this.#queue = [];
    this.#queuedBytes = 0;
    return bytes;
  }

  write(text: string): void {
    if (this.isOpen) this.#socket.write(text);
  }

  /** As `write`, one byte in each turn of the event loop. */
  async writeSplit(text: string): Promise<void> {
    for (const byte of Buffer.from(text)) {
      if (!this.isOpen) return;
      this.#socket.write(Uint8Array.of(byte));
      await setImmediate();
    }
  }

  /**
   * Nothing is read after this. What was written before still arrives, but perhaps not when the
   * connection is reset. `half`: the client has to close it.
   */
  drop(how: 'close' | 'reset' | 'half'): void {
    this.discard();
    if (how === 'half') {
      this.#socket.end();
      return;
    }
    if (how === 'reset') this.#tcp.resetAndDestroy();
    else this.#socket.destroySoon();
    this.#gone.abort();
    this.#wake();
  }

  /** Resolves after this time, or as soon as the connection is closed. */
  async wait(ms: number): Promise<void> {
    await setTimeout(ms, undefined, { signal: this.#gone.signal }).catch(() => {});
  }

  /** Resolves with `released`, or as soon as the connection is closed. */
  async waitFor(released: Promise<void>): Promise<void> {
    if (this.#gone.signal.aborted) return;
    await Promise.race([released, once(this.#gone.signal, 'abort')]);
  }

  /** False when the client does not go through with it. */
  async startTls(secureContext: SecureContext): Promise<boolean> {
    this.#socket.removeAllListeners('data');
    const secured = new TLSSocket(this.#tcp, { isServer: true, secureContext });
    let isSecure = false;
    const decided = new Promise<void>((decide) => {
      secured.once('secure', () => {
        isSecure = true;
        decide();
      });
      secured.on('error', () => {
        this.#tcp.destroy();
        decide();
      });
    });
    this.#socket = secured;
    this.#listen();
    await this.waitFor(decided);
    return isSecure;
  }

  #listen(): void {
    this.#socket.on('data', (chunk: Buffer) => {
      this.#queue.push(chunk);
      this.#queuedBytes += chunk.length;
      if (this.#queuedBytes >= QUEUED_BYTES_MAX) this.#socket.pause();
      this.#wake();
    });
  }
}
