// The HTTP server in front of the router. The front judges the head of each request
// (`judge-head.ts`), replies to refused requests, and passes the others to the router. The front
// adds the headers that every response has, counts responses, and discards the rest of a body after
// an early response.

import { randomUUID } from 'node:crypto';
import {
  createServer,
  type IncomingMessage,
  type RequestListener,
  type Server,
  type ServerResponse,
} from 'node:http';
import type { Socket } from 'node:net';
import { doorLimits } from '../../services/core/limits/door.ts';
import { type RequestId, requestIdOf } from '../../services/core/trace.ts';
import type { Logger } from '../../services/runtime/log.ts';
import type { Metrics } from '../../services/runtime/metrics.ts';
import { unavailable } from '../refusals.ts';
import { isExpecting } from '../rest/request-headers.ts';
import { rateHeaders, refusedWith } from '../rest/response.ts';
import { respond } from '../rest/write-response.ts';
import { ConnectionLimit, type ConnectionLimitOptions } from './connection-limit.ts';
import { BrokenRequests } from './connections.ts';
import { corsHeaders } from './cors.ts';
import { Discard } from './discard.ts';
import { type HeadVerdict, judgeHead } from './judge-head.ts';
import type { RouteTable } from './route-table.ts';
import { limitUnread } from './unread-answers.ts';

/** The limits of a server that depend on time, in milliseconds, and on how busy the server is. */
export type HttpLimits = Readonly<
  Record<
    | 'httpHeadersMs'
    | 'httpRequestMs'
    | 'httpIdleMs'
    | 'httpTimeoutsCheckedEveryMs'
    | 'httpRequestsInFlightMax',
    number
  >
>;

interface FrontOptions {
  readonly limits: HttpLimits;
  readonly routes: RouteTable;
  readonly corsOrigins: readonly string[];
  readonly connections: Pick<ConnectionLimitOptions, 'perAddress' | 'isProxy'>;
  readonly log: Pick<Logger, 'debug' | 'warn'>;
  readonly metrics: Pick<Metrics, 'http' | 'bodyBytes' | 'connectionRefused' | 'failedAuthentication'>;
}

const newRequestId = (): RequestId => requestIdOf(randomUUID());

export class Front implements Disposable {
  /** One server for each address that the gateway listens on. */
  readonly servers: Server[] = [];
  readonly #options: FrontOptions;
  readonly #limit: ConnectionLimit;
  readonly #discard: Discard;
  readonly #broken: BrokenRequests;
  readonly #unanswered = new Set<ServerResponse>();
  /** Requests on a connection whose responses are not sent yet. */
  readonly #waiting = new WeakMap<Socket, number>();
  #isClosing = false;

  constructor(options: FrontOptions) {
    const { metrics, log, connections } = options;
    this.#options = options;
    this.#limit = new ConnectionLimit({ ...connections, metrics, log });
    this.#discard = new Discard({ discarded: (bytes) => metrics.bodyBytes('discarded', bytes) });
    this.#broken = new BrokenRequests(newRequestId, this.#discard);
  }

  /** Creates a server that passes requests to `next` unless the front refuses them. */
  createServer(next: RequestListener): Server {
    const { limits } = this.#options;
    const server = createServer({
      maxHeaderSize: doorLimits.httpHeaderBytesMax,
      headersTimeout: limits.httpHeadersMs,
      requestTimeout: limits.httpRequestMs,
      keepAliveTimeout: limits.httpIdleMs,
      connectionsCheckingInterval: limits.httpTimeoutsCheckedEveryMs,
      // checked by `judgeHead`, whose refusals have the headers of every response
      requireHostHeader: false,
    });
    // Node silently drops headers above a number; their bytes are limited instead
    server.maxHeadersCount = 0;
    const receive: RequestListener = (request, response) => this.#receive(request, response, next);
    server
      .on('request', receive)
      .on('checkContinue', receive)
      .on('checkExpectation', receive)
      .on('connection', (socket) => this.#limit.take(socket))
      .on('connect', (_request, socket) => this.#broken.answerConnect(socket))
      .on('clientError', (error, socket) => this.#broken.answer(error, socket));
    this.servers.push(server);
    return server;
  }

  /** From now on each response tells its client that the connection closes. */
  closing(): void {
    this.#isClosing = true;
    for (const response of this.#unanswered)
      if (!response.headersSent) response.setHeader('connection', 'close');
  }

  [Symbol.dispose](): void {
    this.#limit[Symbol.dispose]();
  }

  #receive(request: IncomingMessage, response: ServerResponse, next: RequestListener): void {
    const { socket } = request;
    const waiting = (this.#waiting.get(socket) ?? 0) + 1;
    this.#waiting.set(socket, waiting);
    if (waiting > doorLimits.httpPipelinedMax) {
      // the last response closes the connection; further input is not read
      socket.pause();
      return;
    }
    response.once('close', () => this.#waiting.set(socket, (this.#waiting.get(socket) ?? 1) - 1));
    if (waiting === doorLimits.httpPipelinedMax) response.setHeader('connection', 'close');
    const id = newRequestId();
    const verdict = this.#limit.isRefused(request.socket)
      ? null
      : judgeHead(headOf(request), this.#options.routes);
    this.#broken.began(request, response);
    this.#unanswered.add(response);
    response.once('close', () => this.#unanswered.delete(response));
    this.#observe(request, response, id, verdict);
    limitUnread(response);
    this.#addHeaders(request, response, id, verdict);
    if (verdict === null) {
      respond(
        response,
        id,
        refusedWith(
          unavailable('Too many connections come from this address; close some, or reuse them.'),
          undefined,
          id,
        ),
      );
    } else if (verdict.kind === 'refused') {
      if (verdict.keyFault !== null) {
        this.#options.metrics.failedAuthentication(
          verdict.keyFault === 'missing' ? 'missing' : 'malformed',
          false,
        );
      }
      const { headers, ...answer } = refusedWith(verdict.refused, undefined, id);
      respond(response, id, { ...answer, headers: { ...headers, ...verdict.headers } });
    } else if (verdict.kind === 'options') {
      respond(response, id, {
        status: 204,
        headers: { ...rateHeaders(undefined), allow: verdict.methods.join(', ') },
        body: null,
      });
    } else {
      request.url = verdict.url;
      // the router takes the id from this header; no Content-Type, since the router would choose a
      // body parser by it
      request.headers['x-request-id'] = id;
      delete request.headers['content-type'];
      next(request, response);
    }
  }

  #addHeaders(
    { headers }: IncomingMessage,
    response: ServerResponse,
    id: string,
    verdict: HeadVerdict | null,
  ): void {
    // for pages only: every other response sets these headers itself, and setting them twice would
    // slow down each send request
    if (verdict?.kind === 'passed' && !verdict.route.needsKey) {
      for (const [name, value] of Object.entries({ 'x-request-id': id, ...rateHeaders(undefined) }))
        response.setHeader(name, value);
    }
    if (this.#options.corsOrigins.length > 0 && isForOrigins(verdict)) {
      const methods = verdict?.kind === 'options' ? verdict.methods : undefined;
      for (const [name, value] of Object.entries(corsHeaders(this.#options.corsOrigins, headers, methods)))
        response.setHeader(name, value);
    }
    // a client that got no 100 Continue may omit the body; its next request would be read as that
    // body
    const isLast = verdict === null || (verdict.kind === 'refused' && verdict.isLast) || isExpecting(headers);
    if (isLast || this.#isClosing) response.setHeader('connection', 'close');
  }

  /**
   * Logs and counts the response. Runs before Node's own listener, which closes the connection or
   * waits for the next request.
   */
  #observe(
    request: IncomingMessage,
    response: ServerResponse,
    id: string,
    verdict: HeadVerdict | null,
  ): void {
    const { log, metrics } = this.#options;
    const startedAt = performance.now();
    response.prependOnceListener('finish', () => {
      this.#discard.rest(request);
      // the pattern, never the URL: paths and queries contain addresses
      const route = verdict?.route?.pattern ?? 'unmatched';
      const ms = performance.now() - startedAt;
      metrics.http(request.method ?? '', route, response.statusCode, ms);
      log.debug(
        { request_id: id, method: request.method, route, status: response.statusCode, ms: Math.round(ms) },
        'answered',
      );
    });
  }
}

function headOf({
  method = '',
  url = '',
  httpVersion,
  headers,
  rawHeaders,
}: IncomingMessage): Parameters<typeof judgeHead>[0] {
  let hosts = 0;
  for (let i = 0; i < rawHeaders.length; i += 2)
    if (rawHeaders[i]?.length === 4 && rawHeaders[i]?.toLowerCase() === 'host') hosts++;
  return { method, target: url, version: httpVersion, headers, hosts };
}

/**
 * False for pages (the development inbox, the documentation): scripts of other sites may not read
 * them.
 */
const isForOrigins = (verdict: HeadVerdict | null): boolean => verdict?.route?.needsKey !== false;
