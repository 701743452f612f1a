// REST routes from the contract: an rpc with an annotation is a route, without a line of its own here.

import type { FastifyPluginAsync, FastifyReply, FastifyRequest } from 'fastify';
import { limits } from '../services/core/limits.ts';
import type { Contract, HttpRoute, Method } from '../services/runtime/contract.ts';
import { type Answer, refusedWith } from './answer.ts';
import { discardRest } from './connections.ts';
import { type Door, handle } from './handle.ts';
import { unavailable } from './refusal.ts';

export function restRoutes(door: Door, { methods }: Contract): FastifyPluginAsync {
  let inFlight = 0;

  const answer = async (method: Method, route: HttpRoute, request: FastifyRequest): Promise<Answer> => {
    if (inFlight >= limits.httpRequestsInFlightMax) {
      return refusedWith(unavailable('Too many requests at a time; try again soon.'), undefined, request.id);
    }
    inFlight++;
    try {
      const parts = request.params as Readonly<Record<string, string>>;
      return await handle(door, method, route, { id: request.id, raw: request.raw, parts, query: queryOf(request) });
    } finally {
      inFlight--;
    }
  };

  return async (app) => {
    // Bodies are read as JSON by `handle`, whatever they call themselves; fastify would refuse types that it cannot read.
    app.removeAllContentTypeParsers();
    app.addContentTypeParser('*', (_request, _payload, done) => done(null));
    app.addHook('onRequest', (request, _reply, done) => {
      delete request.raw.headers['content-type'];
      done();
    });

    for (const method of methods) {
      for (const route of method.http) {
        if (route.body !== '' && route.body !== '*') throw new Error(`${method.path}: a body that is one field is not built yet`);
        app.route({
          method: route.verb.toUpperCase(),
          url: urlOf(route.pattern),
          handler: async (request, reply) => sendAnswer(reply, await answer(method, route, request)),
        });
      }
    }
  };
}

/** Also for what is refused before a route is found. */
export function sendAnswer(reply: FastifyReply, { status, headers, body }: Answer): FastifyReply {
  discardRest(reply.request.raw, reply.raw);
  return reply.code(status).headers(headers).type('application/json; charset=utf-8').send(JSON.stringify(body));
}

/** `/v1/messages/{message_id}` as the router writes it: `/v1/messages/:message_id`. */
const urlOf = (pattern: string): string => pattern.replaceAll(':', '::').replace(/\{([a-z0-9_]+)\}/g, ':$1');

const queryOf = ({ raw: { url = '' } }: FastifyRequest): string => {
  const at = url.indexOf('?');
  return at < 0 ? '' : url.slice(at + 1);
};
