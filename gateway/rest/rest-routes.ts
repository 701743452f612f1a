// Registers the REST routes: one for each HTTP annotation of an rpc in the contract.

import type { IncomingMessage, ServerResponse } from 'node:http';
import type { FastifyPluginAsync, FastifyReply, FastifyRequest } from 'fastify';
import type { Contract, HttpRoute, Method } from '../../services/runtime/contract.ts';
import type { HttpLimits } from '../front/front.ts';
import { unavailable } from '../refusals.ts';
import type { Door } from './exchange.ts';
import { handle } from './handle-request.ts';
import { isExpecting } from './request-headers.ts';
import { type HttpAnswer, refusedWith } from './response.ts';
import { respond } from './write-response.ts';

export function restRoutes(
  door: Door,
  { methods }: Contract,
  limits: Pick<HttpLimits, 'httpRequestsInFlightMax'>,
): FastifyPluginAsync {
  let inFlight = 0;

  const answer = async (
    method: Method,
    route: HttpRoute,
    request: FastifyRequest,
    reply: FastifyReply,
  ): Promise<HttpAnswer> => {
    if (inFlight >= limits.httpRequestsInFlightMax) {
      return refusedWith(unavailable('Too many requests at a time; try again soon.'), undefined, request.id);
    }
    inFlight++;
    try {
      const parts = request.params as Readonly<Record<string, string>>;
      const { id, raw } = request;
      return await handle(door, method, route, {
        id,
        raw,
        parts,
        query: queryOf(request),
        invite: () => invite(raw, reply.raw),
      });
    } finally {
      inFlight--;
    }
  };

  return async (app) => {
    for (const method of methods) {
      for (const route of method.http) {
        if (route.body !== '' && route.body !== '*')
          throw new Error(`${method.path}: a body that is one field is not built yet`);
        app.route({
          method: route.verb.toUpperCase(),
          url: urlOf(route.pattern),
          config: { needsKey: true },
          handler: async (request, reply) => sendAnswer(reply, await answer(method, route, request, reply)),
        });
      }
    }
  };
}

/** Bypasses fastify, which would serialize the response again. */
export function sendAnswer(reply: FastifyReply, answer: HttpAnswer): void {
  reply.hijack();
  respond(reply.raw, reply.request.id, answer);
}

/** `/v1/messages/{message_id}` in the router's notation: `/v1/messages/:message_id`. */
const urlOf = (pattern: string): string => pattern.replaceAll(':', '::').replace(/\{([a-z0-9_]+)\}/g, ':$1');

const queryOf = ({ raw: { url = '' } }: FastifyRequest): string => {
  const at = url.indexOf('?');
  return at < 0 ? '' : url.slice(at + 1);
};

/**
 * Sends `100 Continue` and removes `Connection: close`, which the front set in case the client
 * never gets `100 Continue` and omits its body.
 */
function invite({ headers, httpVersion }: IncomingMessage, response: ServerResponse): void {
  if (httpVersion !== '1.1' || !isExpecting(headers)) return;
  response.removeHeader('connection');
  response.writeContinue();
}
