// Serves `/`, which links to the other pages. A browser gets a small html page, other clients JSON.

import type { FastifyPluginAsync } from 'fastify';

interface FrontPageLink {
  readonly path: string;
  /** The description beside the link. */
  readonly about: string;
}

const ALWAYS: readonly FrontPageLink[] = [
  { path: '/docs', about: 'The API reference for people' },
  { path: '/openapi.json', about: 'The API description for programs (OpenAPI 3.1)' },
  { path: '/readyz', about: 'Whether this gateway is ready' },
];

/** The page has no script and loads nothing. */
const PAGE_POLICY =
  "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

/** `more`: further pages of this server, which are listed first. */
export function frontPage(more: readonly FrontPageLink[] = []): FastifyPluginAsync {
  const links = [...more, ...ALWAYS];
  const html = pageOf(links);
  const json = {
    name: 'packetboat',
    links: Object.fromEntries(links.map(({ path }) => [path.slice(1).replace(/\.json$/, ''), path])),
  };
  return async (app) => {
    app.get('/', (request, reply) => {
      reply.headers({ vary: 'Accept', 'x-content-type-options': 'nosniff' });
      if (!request.headers.accept?.includes('text/html')) return reply.send(json);
      return reply.type('text/html; charset=utf-8').header('content-security-policy', PAGE_POLICY).send(html);
    });
  };
}

const pageOf = (links: readonly FrontPageLink[]): string => `<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<title>Packetboat</title>
<style>
  :root { color-scheme: light dark; font: 16px/1.5 system-ui, sans-serif; }
  body { max-width: 40rem; margin: 4rem auto; padding: 0 1rem; }
  dt { margin-top: 1rem; font-weight: 600; }
  dd { margin: 0; }
</style>
<h1>Packetboat</h1>
<p>This is the gateway of a mail platform. To send a message, use <code>POST /v1/messages</code>.</p>
<dl>
${links.map(({ path, about }) => `  <dt><a href="${path}">${path}</a></dt>\n  <dd>${about}</dd>`).join('\n')}
</dl>
</html>
`;
