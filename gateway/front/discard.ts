// Reads and discards the rest of a request that already has its reply, so that a client that sends
// its whole body before it reads gets the reply and not a connection reset. Time and connections
// are limited.

import type { IncomingMessage } from 'node:http';
import type { Duplex } from 'node:stream';
import { doorLimits } from '../../services/core/limits/door.ts';

export interface DiscardOptions {
  /** Called with the number of bytes that are discarded. */
  readonly discarded: (bytes: number) => void;
  /** The defaults are in `doorLimits`. */
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

  /** Connections whose input is being discarded. */
  get open(): number {
    return this.#open;
  }

  /**
   * Called when the reply has been sent, before Node closes the connection or waits for the next
   * request.
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
   * Sends the last reply on a connection whose input is not HTTP. Such input has no end that the
   * server could detect, so it is discarded until the client closes its side.
   * @param text empty if the reply was sent before
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
    // detaches Node's parser
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
    // Node calls this function to close the connection after a reply with `Connection: close`.
    // Closing while bytes arrive resets the connection, and the client loses unread bytes of the
    // reply; half-closing makes clients stop in the middle of their body. So both wait for the end
    // of the body.
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
      // a body in chunks of one byte costs as much as a body ten thousand times its size
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
    // Node emits no event on a request with a reply when its connection breaks
    socket.once('close', ended);
    // without a reader, Node discards unread bodies itself, without a limit
    request.read(0);
    request.resume();
  }
}
