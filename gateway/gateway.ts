// The HTTP server of the REST API. Its routes come from the contract; ingest handles all
// messages.

import { mkdir } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import fastify, { type FastifyInstance, type FastifyPluginAsync } from 'fastify';
import { doorLimits } from '../services/core/limits/door.ts';
import { type Contract, loadContract } from '../services/runtime/contract.ts';
import type { Health } from '../services/runtime/health.ts';
import type { ListenAddress } from '../services/runtime/listen.ts';
import { cannotListen } from '../services/runtime/listen.ts';
import type { Logger } from '../services/runtime/log.ts';
import type { Metrics } from '../services/runtime/metrics.ts';
import { healthz, readyz } from '../services/runtime/operations-server.ts';
import { documentation } from './docs/documentation.ts';
import { clientAddressFrom, isTrustedProxy, type TrustedProxies } from './front/client-address.ts';
import { drain } from './front/connections.ts';
import { Front, type HttpLimits } from './front/front.ts';
import { RouteTable } from './front/route-table.ts';
import type { IngestClient } from './ingest/ingest-client.ts';
import { KnownKeys } from './ingest/known-keys.ts';
import { SendBatcher } from './ingest/send-batcher.ts';
import { internal, notFound } from './refusals.ts';
import type { Door } from './rest/exchange.ts';
import { type ParserLimits, ParserPool } from './rest/parser-pool.ts';
import { refusedWith } from './rest/response.ts';
import { restRoutes, sendAnswer } from './rest/rest-routes.ts';

declare module 'fastify' {
  interface FastifyContextConfig {
    /** Whether callers of the route need an API key. */
    needsKey?: boolean;
  }
}

export interface GatewayOptions {
  readonly ingest: IngestClient;
  /** Port 0: any free port. */
  readonly http: ListenAddress;
  readonly health: Pick<Health, 'readiness' | 'isReady'>;
  readonly log: Pick<Logger, 'debug' | 'warn' | 'error'>;
  readonly metrics: Pick<Metrics, 'http' | 'bodyBytes' | 'connectionRefused' | 'failedAuthentication'>;
  /**
   * Folder for large bodies, whose files have no names. Default: the system's folder for temporary
   * files.
   */
  readonly folder?: string;
  /**
   * The URL under which callers reach this gateway, without a slash at the end. Default: the
   * address that the gateway listens on.
   */
  readonly publicUrl?: string | undefined;
  /** Default: the limits of `doorLimits`. */
  readonly parserLimits?: ParserLimits;
  /** Default: the limits of `doorLimits`. */
  readonly httpLimits?: HttpLimits;
  /** Default: the gateway loads the contract. */
  readonly contract?: Contract;
  /**
   * Default: the limit of `doorLimits`. An installation behind one load balancer needs more.
   */
  readonly connectionsPerAddressMax?: number;
  /**
   * Proxies whose `Forwarded` or `X-Forwarded-For` is trusted, and whose connections are not
   * limited. Default: none.
   */
  readonly trustedProxies?: TrustedProxies;
  /**
   * Origins whose pages may call the API from a browser: `https://app.example`. Default: none.
   */
  readonly corsOrigins?: readonly string[];
  /** More pages on the same server: the development inbox. */
  readonly plugins?: readonly FastifyPluginAsync[];
}

export interface Gateway extends AsyncDisposable {
  /** `http://127.0.0.1:8080`. */
  readonly url: string;
  readonly port: number;
}

/**
 * Listens when the promise resolves. Disposing waits up to `runningLimits.drainMs` for requests in
 * flight, then closes their connections; `ingest` stays open. Throws `Failure('invalid')` if the
 * address is not available.
 */
export async function startGateway(options: GatewayOptions): Promise<Gateway> {
  const { ingest, http, metrics, log, folder = tmpdir(), contract = loadContract(), plugins = [] } = options;
  await mkdir(folder, { recursive: true });
  const parsers = new ParserPool(
    new Map(contract.methods.map(({ path, requestType }) => [path, requestType])),
    options.parserLimits,
  );
  const proxies = options.trustedProxies ?? [];
  const door: Door = {
    ingest,
    keys: new KnownKeys(ingest),
    batcher: new SendBatcher(ingest),
    parsers,
    folder,
    bodyBytes: metrics.bodyBytes,
    report: (err, requestId) => log.error({ err, request_id: requestId }, 'a message of a batch failed'),
    clientAddressOf: clientAddressFrom(proxies),
  };
  const routes = new RouteTable();
  const limits = options.httpLimits ?? doorLimits;
  const front = new Front({
    limits,
    routes,
    corsOrigins: options.corsOrigins ?? [],
    connections: {
      perAddress: options.connectionsPerAddressMax ?? doorLimits.httpConnectionsPerAddressMax,
      isProxy: (address) => isTrustedProxy(address, proxies),
    },
    log,
    metrics,
  });
  const app = createApp(front, routes, options);

  const portOf = (): number => {
    const address = app.server.address();
    return typeof address === 'object' && address !== null ? address.port : http.port;
  };
  await app.register(
    documentation(contract, () => options.publicUrl ?? reachableUrl({ host: http.host, port: portOf() })),
  );
  await app.register(restRoutes(door, contract, limits));
  for (const plugin of plugins) await app.register(plugin);
  try {
    await app.listen(http);
  } catch (error) {
    await app.close();
    throw cannotListen(http, 'PACKETBOAT_HTTP_ADDR', error);
  }
  const port = portOf();
  return {
    url: urlOf({ host: http.host, port }),
    port,
    async [Symbol.asyncDispose]() {
      front.closing();
      await drain(front.servers, () => app.close());
      front[Symbol.dispose]();
      await parsers[Symbol.asyncDispose]();
    },
  };
}

const urlOf = ({ host, port }: ListenAddress): string =>
  `http://${host.includes(':') ? `[${host}]` : host}:${port}`;

/** A client cannot connect to an address that means all interfaces. */
const reachableUrl = ({ host, port }: ListenAddress): string =>
  urlOf({ host: /^(?:0\.0\.0\.0|::)$/.test(host) ? 'localhost' : host, port });

/**
 * Uses fastify for routes, hooks and replies only. Its defaults for requests without a route, for
 * bodies and for broken requests never apply.
 */
function createApp(front: Front, routes: RouteTable, { health, log }: GatewayOptions): FastifyInstance {
  const app: FastifyInstance = fastify({
    serverFactory: (handler) => front.createServer(handler),
    // the front replies to these requests
    clientErrorHandler: () => {},
    requestIdHeader: 'x-request-id',
    // paths are as long as the headers may be
    routerOptions: { ignoreTrailingSlash: true, maxParamLength: doorLimits.httpHeaderBytesMax },
    // Requests that still arrive on open connections are served, and their responses say that the
    // connection closes.
    return503OnClosing: false,
  });
  // only `handle` reads bodies
  app.removeAllContentTypeParsers();
  app.addContentTypeParser('*', (_request, _payload, done) => done(null));
  app.addHook('onRoute', ({ method, url, config }) => {
    for (const one of [method].flat()) routes.add(one, { pattern: url, needsKey: config?.needsKey === true });
  });
  app.setNotFoundHandler((request, reply) =>
    sendAnswer(reply, refusedWith(notFound(), undefined, request.id)),
  );
  app.setErrorHandler((error, request, reply) => {
    if (request.raw.destroyed && !request.raw.complete) return void reply.hijack(); // the caller hung up while it was sending
    log.error(
      { err: error, request_id: request.id, route: request.routeOptions.url ?? 'unmatched' },
      'a request failed',
    );
    sendAnswer(reply, refusedWith(internal(), undefined, request.id));
  });

  app.get('/healthz', (_request, reply) => reply.code(healthz().status).send(healthz().body));
  app.get('/readyz', (_request, reply) => {
    const { status, body } = readyz(health);
    return reply.code(status).send(body);
  });
  return app;
}
