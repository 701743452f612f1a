// Serves `/openapi.json` and `/docs`, both made from the contract at start. The server's URL is
// added later, because the port may not be known until the gateway listens. No `Host` or `Forwarded`
// header of a caller gets into the description: a cache could otherwise serve a description that
// makes other clients send their keys to a stranger's host.

import type { FastifyPluginAsync } from 'fastify';
import type { Contract } from '../../services/runtime/contract.ts';
import { documentationPage } from './documentation-page.ts';
import { describeApi, serversOf } from './openapi.ts';

/** The page has no script and loads nothing. */
const PAGE_POLICY =
  "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

/** `serverUrl` is called once the gateway listens. */
export function documentation(contract: Contract, serverUrl: () => string): FastifyPluginAsync {
  return async (app) => {
    // its server URL is replaced when the port is known
    const description = describeApi(contract, 'http://localhost');
    let json: string | undefined;
    const page = documentationPage(description);
    app.get('/openapi.json', (_request, reply) => {
      json ??= JSON.stringify({ ...description, servers: serversOf(serverUrl()) });
      return reply.type('application/json; charset=utf-8').send(json);
    });
    app.get('/docs', (_request, reply) =>
      reply
        .type('text/html; charset=utf-8')
        .header('content-security-policy', PAGE_POLICY)
        .header('x-content-type-options', 'nosniff')
        .send(page),
    );
  };
}
