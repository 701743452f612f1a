// The REST door: one HTTP server whose routes come from the contract. Everything that knows of messages is behind `ingest`.

import { randomUUID } from 'node:crypto';
import { mkdir } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import fastify, { type FastifyInstance, type FastifyPluginAsync, type FastifyReply, type FastifyRequest } from 'fastify';
import type { Refusal } from '../proto/gen/packetboat/internal/v1/ingest.ts';
import { limits } from '../services/core/limits.ts';
import type { ListenAddress } from '../services/runtime/config.ts';
import { type Contract, loadContract } from '../services/runtime/contract.ts';
import type { Health } from '../services/runtime/health.ts';
import { cannotListen } from '../services/runtime/listen.ts';
import type { Logger } from '../services/runtime/log.ts';
import type { Metrics } from '../services/runtime/metrics.ts';
import { healthz, readyz } from '../services/runtime/operations-server.ts';
import { Admission } from './admission.ts';
import { type Answer, refusedWith } from './answer.ts';
import { answerClientErrors, drain, limitConnections } from './connections.ts';
import { documentation } from './documentation.ts';
import type { Door } from './handle.ts';
import type { IngestClient } from './ingest-client.ts';
import { ParserPool } from './parser-pool.ts';
import { internal, malformed, notFound } from './refusal.ts';
import { credentialOf } from './request-headers.ts';
import { restRoutes, sendAnswer } from './rest-routes.ts';
import { Turns } from './turns.ts';

export interface GatewayOptions {
  readonly ingest: IngestClient;
  /** Port 0 takes a free one. */
  readonly http: ListenAddress;
  readonly health: Pick<Health, 'readiness' | 'isReady'>;
  readonly log: Pick<Logger, 'debug' | 'error'>;
  readonly metrics: Pick<Metrics, 'http'>;
  /** Where large bodies wait, under no name; the system's folder for temporary files unless told. */
  readonly folder?: string;
  /** Loaded unless given. */
  readonly contract?: Contract;
  /** `limits` unless told: an installation whose connections all come from one balancer needs more. */
  readonly connectionsPerAddressMax?: number;
  /** More pages on the same server: the development inbox. */
  readonly plugins?: readonly FastifyPluginAsync[];
}

export interface Gateway extends AsyncDisposable {
  /** `http://127.0.0.1:8080`. */
  readonly url: string;
  readonly port: number;
}

/**
 * Listens once it resolves. Disposing answers what is under way, up to `limits.drainMs`, then cuts off; `ingest` stays open. Throws
 * `Failure('invalid')` when the address cannot be had.
 */
export async function startGateway(options: GatewayOptions): Promise<Gateway> {
  const { ingest, http, folder = tmpdir(), contract = loadContract() } = options;
  await mkdir(folder, { recursive: true });
  const parsers = new ParserPool(new Map(contract.methods.map(({ path, requestType }) => [path, requestType])));
  const door: Door = { ingest, turns: new Turns(ingest), parsers, folder };
  const state = { isClosing: false };
  const app = createApp(options, state);

  await app.register(documentation(contract));
  await app.register(restRoutes(door, contract));
  for (const plugin of options.plugins ?? []) await app.register(plugin);
  try {
    await app.listen(http);
  } catch (error) {
    await app.close();
    throw cannotListen(http, 'PACKETBOAT_HTTP_ADDR', error);
  }
  const address = app.server.address();
  const port = typeof address === 'object' && address !== null ? address.port : http.port;
  return {
    url: `http://${http.host.includes(':') ? `[${http.host}]` : http.host}:${port}`,
    port,
    async [Symbol.asyncDispose]() {
      state.isClosing = true;
      await drain(app.server, () => app.close());
      await parsers[Symbol.asyncDispose]();
    },
  };
}

const newRequestId = (): string => `req_${randomUUID()}`;

function createApp(options: GatewayOptions, state: { readonly isClosing: boolean }): FastifyInstance {
  const { ingest, health, log, metrics } = options;
  const refuseUnrouted = async (request: FastifyRequest, reply: FastifyReply, refused = notFound()): Promise<FastifyReply> =>
    sendAnswer(reply, await unrouted(ingest, request, refused));

  const app: FastifyInstance = fastify({
    requestIdHeader: false,
    genReqId: newRequestId,
    // A recipient of 254 octets, each as %XX.
    routerOptions: { ignoreTrailingSlash: true, maxParamLength: 1024 },
    // Those that still come on open connections are answered as ever, and told that the connection closes.
    return503OnClosing: false,
    requestTimeout: limits.httpRequestMs,
    keepAliveTimeout: limits.httpIdleMs,
    bodyLimit: limits.bodyBytesMax,
    http: { maxHeaderSize: limits.httpHeaderBytesMax, headersTimeout: limits.httpHeadersMs, connectionsCheckingInterval: 1_000 },
    frameworkErrors: (_error, request, reply) => {
      reply.header('x-request-id', request.id);
      void refuseUnrouted(request, reply, malformed([], 'The URL is not valid.'));
    },
    clientErrorHandler: (error, socket) => answerClientError(error, socket),
  });
  const answerClientError = answerClientErrors(app.server, newRequestId);
  limitConnections(app.server, options.connectionsPerAddressMax);

  app.addHook('onRequest', (request, reply, done) => {
    reply.header('x-request-id', request.id);
    done();
  });
  app.addHook('onSend', (request, reply, _payload, done) => {
    // while its body still comes, closing would reset the connection; `drain` closes it once it is idle
    if (state.isClosing && request.raw.complete) reply.header('connection', 'close');
    done();
  });
  app.addHook('onResponse', (request, reply, done) => {
    // the pattern, never the URL: addresses stand in paths and queries
    const route = request.routeOptions.url ?? 'unmatched';
    metrics.http(route, reply.statusCode, reply.elapsedTime);
    log.debug(
      { request: request.id, method: request.method, route, status: reply.statusCode, ms: Math.round(reply.elapsedTime) },
      'answered',
    );
    done();
  });
  app.setNotFoundHandler((request, reply) => refuseUnrouted(request, reply));
  app.setErrorHandler((error, request, reply) => {
    if (request.raw.destroyed && !request.raw.complete) return reply.hijack(); // the caller hung up while it was sending
    log.error({ err: error, request: request.id, route: request.routeOptions.url ?? 'unmatched' }, 'a request failed');
    return sendAnswer(reply, refusedWith(internal(), undefined, request.id));
  });

  app.get('/healthz', (_request, reply) => reply.code(healthz().status).send(healthz().body));
  app.get('/readyz', (_request, reply) => {
    const { status, body } = readyz(health);
    return reply.code(status).send(body);
  });
  return app;
}

/** What has no route has rate figures all the same, when a key came with it; a key that is no good comes first. */
async function unrouted(ingest: IngestClient, request: FastifyRequest, refused: Refusal): Promise<Answer> {
  const credential = credentialOf(request.raw.headers);
  if (credential === '') return refusedWith(refused, undefined, request.id);
  const admission = new Admission(ingest, credential, '');
  return refusedWith((await admission.refusal()) ?? refused, admission.rate, request.id);
}
