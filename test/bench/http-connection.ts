// One HTTP/1.1 connection with one request under way, by hand on node:net: a client library costs
// several times as much CPU, which on a small machine the system under test would miss. It reads
// the status and skips the body, whose length must be given.

import { once } from 'node:events';
import { connect, type Socket } from 'node:net';

const HEAD_END = '\r\n\r\n';

interface Waiting {
  readonly resolve: (status: number) => void;
  readonly reject: (error: Error) => void;
}

export class HttpConnection {
  readonly #socket: Socket;
  readonly #head: string;
  #waiting: Waiting | null = null;
  #received = '';

  static async open(url: URL, headers: Readonly<Record<string, string>>): Promise<HttpConnection> {
    const socket = connect(Number(url.port), url.hostname);
    await once(socket, 'connect');
    return new HttpConnection(socket, url, headers);
  }

  private constructor(socket: Socket, url: URL, headers: Readonly<Record<string, string>>) {
    this.#socket = socket;
    const fields = { host: url.host, 'content-type': 'application/json', ...headers };
    const lines = Object.entries(fields).map(([name, value]) => `${name}: ${value}\r\n`);
    this.#head = `POST ${url.pathname} HTTP/1.1\r\n${lines.join('')}content-length: `;
    socket.setNoDelay(true).setEncoding('latin1');
    socket.on('data', (text: string) => this.#read(text));
    socket.on('error', (error) => this.#fail(error));
    socket.on('close', () => this.#fail(new Error('the server closed the connection')));
  }

  get isOpen(): boolean {
    return !this.#socket.destroyed;
  }

  /** Answers the status. Rejects when the connection ends before. */
  async post(body: string | readonly Buffer[]): Promise<number> {
    const answered = new Promise<number>((resolve, reject) => {
      this.#waiting = { resolve, reject };
    });
    if (typeof body === 'string') {
      this.#socket.write(`${this.#head}${Buffer.byteLength(body)}${HEAD_END}${body}`);
    } else {
      this.#socket.write(`${this.#head}${body.reduce((sum, part) => sum + part.length, 0)}${HEAD_END}`);
      for (const part of body) this.#socket.write(part);
    }
    return await answered;
  }

  close(): void {
    this.#socket.destroy();
  }

  #read(text: string): void {
    this.#received += text;
    const headEnd = this.#received.indexOf(HEAD_END);
    if (headEnd === -1) return;
    const length = /\r\ncontent-length: *(\d+)/i.exec(this.#received.slice(0, headEnd))?.[1];
    if (length === undefined)
      throw new Error(`an answer without a length: ${this.#received.slice(0, headEnd)}`);
    if (this.#received.length < headEnd + HEAD_END.length + Number(length)) return;
    const status = Number(this.#received.slice('HTTP/1.1 '.length, 'HTTP/1.1 200'.length));
    this.#received = '';
    this.#settle()?.resolve(status);
  }

  #fail(error: Error): void {
    this.#settle()?.reject(error);
  }

  #settle(): Waiting | null {
    const waiting = this.#waiting;
    this.#waiting = null;
    return waiting;
  }
}
