// A connection on which tests write HTTP byte by byte and read the responses.

import { once } from 'node:events';
import { connect, type Socket } from 'node:net';

export interface RawAnswer {
  readonly status: number;
  /** By name in lower case; the last value of a repeated header. */
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
}

export class RawConnection implements Disposable {
  readonly socket: Socket;
  #bytes = Buffer.alloc(0);
  #isClosed = false;
  #changed = Promise.withResolvers<void>();
  #drained = Promise.withResolvers<void>();

  private constructor(socket: Socket) {
    this.socket = socket;
    const changed = (): void => {
      this.#changed.resolve();
      this.#changed = Promise.withResolvers();
    };
    socket.on('data', (chunk: Buffer) => {
      this.#bytes = Buffer.concat([this.#bytes, chunk]);
      changed();
    });
    const drained = (): void => {
      this.#drained.resolve();
      this.#drained = Promise.withResolvers();
    };
    socket.on('drain', drained);
    socket.once('close', () => {
      this.#isClosed = true;
      drained();
      changed();
    });
    socket.on('error', () => {}); // the close that follows is what tests look at
  }

  static async open(port: number): Promise<RawConnection> {
    const socket = connect({ port, host: '127.0.0.1', noDelay: true });
    const connection = new RawConnection(socket);
    await once(socket, 'connect');
    return connection;
  }

  /** As fast as the other side reads; ends early when the connection does. */
  async write(bytes: string | Uint8Array): Promise<void> {
    if (!this.#isClosed && !this.socket.write(bytes)) await this.#drained.promise;
  }

  /** The next answer, 100 Continue included; null: the connection closed before it was whole. */
  async answer({ toHead = false }: { readonly toHead?: boolean } = {}): Promise<RawAnswer | null> {
    for (;;) {
      const read = this.#take(toHead);
      if (read !== null) return read;
      if (this.#isClosed) return null;
      await this.#changed.promise;
    }
  }

  /** Waits until the other side has closed. */
  async closed(): Promise<void> {
    while (!this.#isClosed) await this.#changed.promise;
  }

  [Symbol.dispose](): void {
    this.socket.destroy();
  }

  #take(toHead: boolean): RawAnswer | null {
    const end = this.#bytes.indexOf('\r\n\r\n');
    if (end < 0) return null;
    const [line = '', ...fields] = this.#bytes.toString('latin1', 0, end).split('\r\n');
    const headers = Object.fromEntries(
      fields.map((field) => [
        field.slice(0, field.indexOf(':')).toLowerCase(),
        field.slice(field.indexOf(':') + 1).trim(),
      ]),
    );
    const status = Number(line.split(' ')[1]);
    const hasBody = !toHead && status >= 200 && status !== 204;
    const length = hasBody ? Number(headers['content-length'] ?? 0) : 0;
    if (this.#bytes.length < end + 4 + length) return null;
    const body = this.#bytes.toString('utf8', end + 4, end + 4 + length);
    this.#bytes = this.#bytes.subarray(end + 4 + length);
    return { status, headers, body };
  }
}
