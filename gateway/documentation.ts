// Serves `/openapi.json` and `/docs`, both made once, at start, from the contract.

import type { FastifyPluginAsync } from 'fastify';
import type { Contract } from '../services/runtime/contract.ts';
import { documentationPage } from './documentation-page.ts';
import { describeApi } from './openapi.ts';

/** The page has no script and loads nothing. */
const PAGE_POLICY = "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

export function documentation(contract: Contract): FastifyPluginAsync {
  return async (app) => {
    const description = describeApi(contract);
    const json = JSON.stringify(description);
    const page = documentationPage(description);
    app.get('/openapi.json', (_request, reply) => reply.type('application/json; charset=utf-8').send(json));
    app.get('/docs', (_request, reply) =>
      reply
        .type('text/html; charset=utf-8')
        .header('content-security-policy', PAGE_POLICY)
        .header('x-content-type-options', 'nosniff')
        .send(page),
    );
  };
}
