// The connections of the HTTP server: the reply to a broken request, and the end of connections at
// a shutdown without losing a reply.

import { type IncomingMessage, type Server, type ServerResponse, STATUS_CODES } from 'node:http';
import type { Duplex } from 'node:stream';
import { doorLimits } from '../../services/core/limits/door.ts';
import { runningLimits } from '../../services/core/limits/running.ts';
import { malformed, notFound } from '../refusals.ts';
import { type HttpAnswer, refusedWith } from '../rest/response.ts';
import type { Discard } from './discard.ts';

interface Exchange {
  readonly request: IncomingMessage;
  readonly response: ServerResponse;
}

/**
 * Replies to input that never became a request: not HTTP, headers too long or too slow. A request
 * in flight on the same connection gets its reply first.
 */
export class BrokenRequests {
  readonly #current = new WeakMap<Duplex, Exchange>();
  /**
   * Connections that got their last reply: each further piece of invalid input causes another
   * error.
   */
  readonly #ended = new WeakSet<Duplex>();
  readonly #newId: () => string;
  readonly #discard: Pick<Discard, 'end'>;

  constructor(newId: () => string, discard: Pick<Discard, 'end'>) {
    this.#newId = newId;
    this.#discard = discard;
  }

  /** Called for each request. */
  began(request: IncomingMessage, response: ServerResponse): void {
    this.#current.set(request.socket, { request, response });
  }

  /** Listens to the server's `clientError`. */
  answer(error: Error & { readonly code?: string }, socket: Duplex): void {
    if (this.#ended.has(socket)) return;
    const before = this.#current.get(socket);
    const isOpen = before !== undefined && !before.response.closed;
    if (isOpen && before.request.complete) {
      this.#ended.add(socket);
      before.response.once('close', () => this.#discard.end(socket, ''));
    } else if (isOpen && before.response.writableEnded) {
      // the request has its reply, and then the body became invalid
      this.#end(socket, '');
    } else if (!socket.writable || error.code === 'ECONNRESET' || (isOpen && before.response.headersSent)) {
      socket.destroy();
    } else {
      this.#end(socket, this.#text(error.code));
    }
  }

  #end(socket: Duplex, text: string): void {
    this.#ended.add(socket);
    this.#discard.end(socket, text);
  }

  /**
   * Replies to CONNECT with 404: a tunnel has no path. An earlier request on the same connection
   * gets its reply first.
   */
  answerConnect(socket: Duplex): void {
    const id = this.#newId();
    const answer = (): unknown =>
      socket.end(rawText(id, refusedWith(notFound(), undefined, id)), () => socket.destroy());
    socket.on('error', () => {}); // the client may be gone
    const before = this.#current.get(socket);
    if (before === undefined || before.response.closed) answer();
    else before.response.once('close', answer);
  }

  #text(code: string | undefined): string {
    const id = this.#newId();
    const { status, message } = meaningOf(code);
    return rawText(id, { ...refusedWith(malformed([], message), undefined, id), status });
  }
}

function meaningOf(code: string | undefined): { readonly status: number; readonly message: string } {
  switch (code) {
    case 'HPE_HEADER_OVERFLOW':
      return { status: 431, message: `The headers have more than ${doorLimits.httpHeaderBytesMax} bytes.` };
    case 'ERR_HTTP_REQUEST_TIMEOUT':
      return { status: 408, message: 'The request took too long to arrive.' };
    default:
      return { status: 400, message: 'This is not an HTTP request.' };
  }
}

function rawText(id: string, { status, headers, body }: HttpAnswer): string {
  const text = JSON.stringify(body);
  const lines = [
    `HTTP/1.1 ${status} ${STATUS_CODES[status]}`,
    'Connection: close',
    'Content-Type: application/json; charset=utf-8',
    `Content-Length: ${Buffer.byteLength(text)}`,
    `X-Request-Id: ${id}`,
    ...Object.entries(headers).map(([name, value]) => `${name}: ${value}`),
  ];
  return `${lines.join('\r\n')}\r\n\r\n${text}`;
}

/**
 * Waits up to `runningLimits.drainMs` for requests in flight, and closes each connection once it is
 * idle.
 * @param close stops listening; resolves when no connection is left
 */
export async function drain(servers: readonly Server[], close: () => Promise<void>): Promise<void> {
  const closeIdle = setInterval(() => {
    for (const server of servers) server.closeIdleConnections();
  }, doorLimits.httpIdleClosedEveryMs);
  const cutOff = setTimeout(() => {
    for (const server of servers) server.closeAllConnections();
  }, runningLimits.drainMs);
  try {
    await close();
  } finally {
    clearInterval(closeIdle);
    clearTimeout(cutOff);
  }
}
