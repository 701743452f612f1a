// Reads and discards the rest of a request that has been answered already, so that a client which
// sends everything before it reads gets the answer instead of a reset connection. Limited in time,
// and to some connections.

import type { IncomingMessage } from 'node:http';
import type { Duplex } from 'node:stream';
import { doorLimits } from '../../services/core/limits/door.ts';

export interface DiscardOptions {
  /** Called with the number of bytes that are discarded. */
  readonly discarded: (bytes: number) => void;
  /** Default: `limits`. */
  readonly totalMs?: number;
  readonly silentMs?: number;
  readonly connectionsMax?: number;
}

export class Discard {
  readonly #options: DiscardOptions;
  #open = 0;

  constructor(options: DiscardOptions) {
    this.#options = options;
  }

  /** Connections whose rest is being read now. */
  get open(): number {
    return this.#open;
  }

  /**
   * Called when the answer is out, before Node closes the connection behind it or waits for the
   * next request.
   */
  rest(request: IncomingMessage): void {
    const { socket } = request;
    if (request.complete || socket.destroyed) {
      if (request.readableLength > 0) this.#options.discarded(request.readableLength);
      return;
    }
    const { totalMs, silentMs, connectionsMax } = this.#bounds;
    if (this.#open >= connectionsMax) {
      socket.destroySoon();
      return;
    }
    this.#open++;
    this.#readOn(request, totalMs, silentMs);
  }

  /**
   * The last reply on a connection whose input is not HTTP. The end of such input cannot be known,
   * so it is read until the client has closed its side. @param text empty if the reply was sent
   * before
   */
  end(socket: Duplex, text: string): void {
    const { totalMs, silentMs, connectionsMax } = this.#bounds;
    if (this.#open >= connectionsMax) {
      socket.end(text, () => socket.destroy());
      return;
    }
    this.#open++;
    const total = setTimeout(() => socket.destroy(), totalMs);
    const silence = setTimeout(() => socket.destroy(), silentMs);
    socket.once('close', () => {
      this.#open--;
      clearTimeout(total);
      clearTimeout(silence);
    });
    // Node's parser has no use for more
    socket.removeAllListeners('data');
    socket.on('data', (chunk: Buffer) => {
      this.#options.discarded(chunk.length);
      silence.refresh();
    });
    socket.end(text);
    socket.resume();
  }

  get #bounds(): { readonly totalMs: number; readonly silentMs: number; readonly connectionsMax: number } {
    const {
      totalMs = doorLimits.discardMs,
      silentMs = doorLimits.discardSilentMs,
      connectionsMax = doorLimits.discardingMax,
    } = this.#options;
    return { totalMs, silentMs, connectionsMax };
  }

  #readOn(request: IncomingMessage, totalMs: number, silentMs: number): void {
    const { socket } = request;
    const total = setTimeout(() => socket.destroy(), totalMs);
    const silence = setTimeout(() => socket.destroy(), silentMs);
    // Node closes the connection with this function after a reply that says so. Closing while bytes
    // arrive resets the connection, and the client loses what it has not read; half-closing makes
    // clients stop in the middle of their body. So both wait for the end of the body.
    const { destroySoon } = socket;
    let isLast = false;
    socket.destroySoon = () => {
      isLast = true;
    };
    let pieces = 0;
    let bytes = 0;
    request.on('data', (chunk: Buffer) => {
      this.#options.discarded(chunk.length);
      silence.refresh();
      pieces++;
      bytes += chunk.length;
      // a body in chunks of single bytes costs as much as one ten thousand times its size
      if (pieces > doorLimits.discardPiecesFree && bytes < pieces * doorLimits.discardPieceBytes)
        socket.destroy();
    });
    const ended = (): void => {
      request.off('close', ended);
      socket.off('close', ended);
      this.#open--;
      clearTimeout(total);
      clearTimeout(silence);
      socket.destroySoon = destroySoon;
      if (isLast) socket.destroySoon();
    };
    request.once('close', ended);
    // Node does not tell a request that was answered that its connection broke
    socket.once('close', ended);
    // unless somebody has begun to read, Node discards unread bodies by itself, without a limit
    request.read(0);
    request.resume();
  }
}
