// Writes a response as HTTP.

import type { ServerResponse } from 'node:http';
import type { HttpAnswer } from './response.ts';

/**
 * Headers that are already set stay, unless the response has the same header. Node omits the body
 * of a response to HEAD.
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
