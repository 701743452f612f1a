// What the HTTP server does with connections rather than requests: how many, what follows a request that was refused unread, what a broken request is
// told, and how they end at a shutdown without an answer being lost.

import { type IncomingMessage, type Server, type ServerResponse, STATUS_CODES } from 'node:http';
import type { Socket } from 'node:net';
import { limits } from '../services/core/limits.ts';
import { errorBody, malformed } from './refusal.ts';

/** How often connections that have become idle are looked for while the server closes. */
const CLOSE_IDLE_EVERY_MS = 50;

/** Further connections of one address are closed at once. */
export function limitConnections(server: Server, perAddress: number | undefined = limits.httpConnectionsPerAddressMax): void {
  const open = new Map<string, number>();
  server.on('connection', (socket: Socket) => {
    const address = socket.remoteAddress ?? '';
    const count = (open.get(address) ?? 0) + 1;
    if (count > perAddress) {
      socket.destroy();
      return;
    }
    open.set(address, count);
    socket.once('close', () => {
      const left = (open.get(address) ?? 1) - 1;
      if (left > 0) open.set(address, left);
      else open.delete(address);
    });
  });
}

/**
 * Of a request that is answered before the end of its body the rest is read and thrown away, so that a client which sends first and reads then gets to
 * its answer. This much of it is enough.
 */
export function discardRest(request: IncomingMessage, response: ServerResponse): void {
  if (request.complete) return;
  closeBehindBody(request, response);
  let left: number = limits.bodyBytesMax;
  request.on('data', (chunk: Buffer) => {
    left -= chunk.length;
    if (left < 0) request.destroy();
  });
}

/**
 * For a client that asked for the connection to close Node would close it behind the answer, and bytes of the body that come after that reset it: the
 * client never sees what it was told.
 */
function closeBehindBody(request: IncomingMessage, response: ServerResponse): void {
  if (response.shouldKeepAlive) return;
  response.shouldKeepAlive = true;
  const { socket } = request;
  response.once('finish', () => {
    if (request.complete) socket.end();
    else request.once('end', () => socket.end());
  });
}

/** Answers what never became a request: not HTTP, headers too long, too slow. One that is being answered on the same connection goes first. */
export function answerClientErrors(
  server: Server,
  requestId: () => string,
): (error: Error & { readonly code?: string }, socket: Socket) => void {
  const current = new WeakMap<Socket, { readonly request: IncomingMessage; readonly response: ServerResponse }>();
  server.on('request', (request, response) => {
    const entry = { request, response };
    current.set(request.socket, entry);
    response.once('close', () => {
      if (current.get(request.socket) === entry) current.delete(request.socket);
    });
  });
  return (error, socket) => {
    const before = current.get(socket);
    if (before?.request.complete === true) {
      before.response.once('close', () => socket.destroy());
      return;
    }
    if (!socket.writable || before?.response.headersSent === true || error.code === 'ECONNRESET') {
      socket.destroy();
      return;
    }
    socket.end(rawAnswer(error.code, requestId()), () => socket.destroy());
  };
}

function rawAnswer(code: string | undefined, requestId: string): string {
  const [status, message] =
    code === 'HPE_HEADER_OVERFLOW'
      ? [431, `The headers have more than ${limits.httpHeaderBytesMax} bytes.`]
      : code === 'ERR_HTTP_REQUEST_TIMEOUT'
        ? [408, 'The request took too long to come in.']
        : [400, 'This is not an HTTP request.'];
  const body = JSON.stringify(errorBody(malformed([], message), requestId));
  const headers = [
    `HTTP/1.1 ${status} ${STATUS_CODES[status]}`,
    'Connection: close',
    'Content-Type: application/json; charset=utf-8',
    `Content-Length: ${Buffer.byteLength(body)}`,
    `X-Request-Id: ${requestId}`,
    'X-RateLimit-Limit: 0',
    'X-RateLimit-Remaining: 0',
    `X-RateLimit-Reset: ${Math.ceil(Date.now() / 1000)}`,
  ];
  return `${headers.join('\r\n')}\r\n\r\n${body}`;
}

/**
 * Lets requests under way end, up to `limits.drainMs`, and closes each connection once it is idle.
 * @param close stops listening; resolves when no connection is left
 */
export async function drain(server: Server, close: () => Promise<void>): Promise<void> {
  const closeIdle = setInterval(() => server.closeIdleConnections(), CLOSE_IDLE_EVERY_MS);
  const cutOff = setTimeout(() => server.closeAllConnections(), limits.drainMs);
  try {
    await close();
  } finally {
    clearInterval(closeIdle);
    clearTimeout(cutOff);
  }
}
