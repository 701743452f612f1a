// From an answer to HTTP.

import type { ServerResponse } from 'node:http';
import type { HttpAnswer } from './answer.ts';

/**
 * Keeps the headers that the response already has, unless the answer has them too. Node leaves out
 * the body of a response to HEAD.
 */
export function respond(
  response: ServerResponse,
  requestId: string,
  { status, headers, body }: HttpAnswer,
): void {
  if (body === null) {
    response.writeHead(status, { 'x-request-id': requestId, ...headers }).end();
    return;
  }
  const text = JSON.stringify(body);
  response
    .writeHead(status, {
      'content-type': 'application/json; charset=utf-8',
      'content-length': Buffer.byteLength(text),
      'x-request-id': requestId,
      ...headers,
    })
    // as text, so that Node writes headers and body in one piece
    .end(text);
}
