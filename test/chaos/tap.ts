// A tap on the wire between a program and its server: it passes everything on until it is told to
// stop at a step, and then holds that connection there, so that a program can be killed exactly
// between a request and its answer without a hook in the program's code.

import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Socket } from 'node:net';

export interface TapStep {
  /** Bytes of the request that it is about. */
  readonly request: Buffer;
  /**
   * `before`: the server never hears of it. `after`: the server has answered, and the program never
   * hears of that.
   */
  readonly hold: 'before' | 'after';
  /** Only on connections that said this at their beginning, for example the client's name. */
  readonly of?: string;
}

/** What a connection says at its beginning is remembered up to here. */
const INTRODUCTION_BYTES = 4_096;

export class Tap implements AsyncDisposable {
  /** The server's address, with the tap's port. */
  readonly url: string;
  readonly #server;
  readonly #target: number;
  readonly #sockets = new Set<Socket>();
  #armed: { readonly step: TapStep; readonly reached: () => void } | null = null;

  private constructor(url: string, server: ReturnType<typeof createServer>, target: number) {
    this.url = url;
    this.#server = server;
    this.#target = target;
  }

  static async open(url: string): Promise<Tap> {
    const server = createServer();
    await once(server.listen(0, '127.0.0.1'), 'listening');
    const { port } = server.address() as AddressInfo;
    const target = new URL(url);
    const tap = new Tap(url.replace(target.host, `127.0.0.1:${port}`), server, Number(target.port));
    server.on('connection', (client) => tap.#join(client));
    return tap;
  }

  /**
   * Resolves when the next such request is held. That connection stays as it is until one of its
   * ends closes it.
   */
  holdAt(step: TapStep): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#armed = { step, reached: resolve };
    return promise;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const socket of this.#sockets) socket.destroy();
    const closed = once(this.#server, 'close');
    this.#server.close();
    await closed;
  }

  #join(client: Socket): void {
    const server = connect(this.#target, '127.0.0.1');
    let introduction = '';
    let isHeld = false;
    /** Set while the answer of a step is awaited. */
    let onAnswer: (() => void) | null = null;

    client.on('data', (chunk) => {
      if (isHeld) return;
      if (introduction.length < INTRODUCTION_BYTES) introduction += chunk.toString('latin1');
      const armed = this.#armed;
      if (
        armed !== null &&
        chunk.includes(armed.step.request) &&
        introduction.includes(armed.step.of ?? '')
      ) {
        this.#armed = null;
        if (armed.step.hold === 'before') {
          isHeld = true;
          armed.reached();
          return;
        }
        onAnswer = armed.reached;
      }
      server.write(chunk);
    });
    server.on('data', (chunk) => {
      if (onAnswer !== null && !isHeld) {
        isHeld = true;
        onAnswer();
      }
      if (!isHeld) client.write(chunk);
    });
    for (const [socket, other] of [
      [client, server],
      [server, client],
    ] as const) {
      this.#sockets.add(socket);
      socket.setNoDelay(true);
      socket.on('error', () => {}); // 'close' follows
      socket.on('close', () => {
        this.#sockets.delete(socket);
        other.destroy();
      });
    }
  }
}

/**
 * How MongoDB's `insert` into a collection begins on the wire (BSON: a string of its length, and
 * the name).
 */
export function mongoInsert(collection: string): Buffer {
  const length = Buffer.alloc(4);
  length.writeInt32LE(collection.length + 1);
  return Buffer.concat([Buffer.from('\x02insert\0'), length, Buffer.from(`${collection}\0`)]);
}
