// The inbox over HTTP: a page for people and JSON for tests, as a fastify plugin that brings its
// guard and its headers along. Everything in a mail is hostile: its HTML has a URL of its own whose
// answer is sandboxed, attachments are downloads, and the page puts the rest in as text.

import { readFile } from 'node:fs/promises';
import type { FastifyPluginAsync, FastifyReply, FastifyRequest } from 'fastify';
import type { Inbox } from './inbox.ts';
import { isFromAnotherSite, knownHosts } from './known-hosts.ts';
import type { KeptMail } from './mail-folder.ts';
import { type ReadAttachment, readMail, readSelfContainedHtml } from './read-mail.ts';

interface InboxPagesOptions {
  /** Host names to answer to besides those of loopback. */
  readonly hosts: readonly string[];
}

const PAGE_POLICY =
  "default-src 'none'; script-src 'self'; style-src 'self'; img-src data:; connect-src 'self'; frame-src 'self'; " +
  "base-uri 'none'; form-action 'none'; frame-ancestors 'none'";
/**
 * No scripts, forms or origin of its own; nothing is fetched from anywhere, so opening a mail tells
 * its author nothing.
 */
const MAIL_HTML_POLICY =
  "sandbox; default-src 'none'; img-src data:; style-src 'unsafe-inline'; frame-ancestors 'self'";
const NOTHING_POLICY = "sandbox; default-src 'none'; frame-ancestors 'none'";

const ASSETS = [
  { url: '/inbox', file: 'inbox.html', type: 'text/html; charset=utf-8' },
  { url: '/inbox/inbox.css', file: 'inbox.css', type: 'text/css; charset=utf-8' },
  { url: '/inbox/inbox.js', file: 'inbox.js', type: 'text/javascript; charset=utf-8' },
];

interface MailRequest {
  Params: { id: string };
}
interface AttachmentRequest {
  Params: { id: string; index: string };
}

/**
 * Serves everything under /inbox. Unknown ids are 404, unknown Host names 421, changes asked for by
 * another site 403.
 */
export function inboxPages(
  { mails }: Pick<Inbox, 'mails'>,
  { hosts }: InboxPagesOptions,
): FastifyPluginAsync {
  const isKnownHost = knownHosts(hosts);

  return async (app) => {
    // A DELETE may come with any content type and no body, or with one that nobody reads.
    app.removeAllContentTypeParsers();
    app.addContentTypeParser('*', (_request, _payload, done) => done(null));

    app.addHook('onRequest', async (request, reply) => {
      reply.headers({
        'content-security-policy': NOTHING_POLICY,
        'x-content-type-options': 'nosniff',
        'referrer-policy': 'no-referrer',
        'cross-origin-resource-policy': 'same-origin',
        'cache-control': 'no-store',
      });
      if (!isKnownHost(request.headers.host)) {
        return fail(request, reply, 421, 'unknown_host', 'The inbox does not answer to this host name.');
      }
      if (request.method !== 'GET' && request.method !== 'HEAD' && isFromAnotherSite(request.headers)) {
        return fail(request, reply, 403, 'cross_site', 'Another site may not change the inbox.');
      }
    });

    for (const { url, file, type } of ASSETS) {
      const content = await readFile(new URL(`page/${file}`, import.meta.url));
      app.get(url, async (_request, reply) =>
        reply.type(type).header('content-security-policy', PAGE_POLICY).send(content),
      );
    }

    app.get('/inbox/messages', async () => ({ messages: mails.list().map(listed) }));

    app.delete('/inbox/messages', async (_request, reply) => {
      await mails.clear();
      return reply.code(204).send();
    });

    app.get<MailRequest>('/inbox/messages/:id', async (request, reply) => {
      const mail = mails.find(request.params.id);
      if (mail === null) return noSuchMail(request, reply);
      const { html, text, headers, attachments } = await readMail(mails.source(mail));
      return {
        ...listed(mail),
        html,
        text,
        headers,
        attachments: attachments.map((attachment, index) => described(mail, attachment, index)),
      };
    });

    app.get<MailRequest>('/inbox/messages/:id/source', async (request, reply) => {
      const mail = mails.find(request.params.id);
      if (mail === null) return noSuchMail(request, reply);
      // Plain text rather than message/rfc822: a browser then shows it instead of saving it.
      return reply
        .type('text/plain; charset=utf-8')
        .header('content-length', mail.bytes)
        .send(mails.source(mail));
    });

    app.get<MailRequest>('/inbox/messages/:id/html', async (request, reply) => {
      const mail = mails.find(request.params.id);
      const html = mail === null ? null : await readSelfContainedHtml(mails.source(mail));
      if (html === null) return noSuchMail(request, reply);
      return reply
        .type('text/html; charset=utf-8')
        .header('content-security-policy', MAIL_HTML_POLICY)
        .send(html);
    });

    app.get<AttachmentRequest>('/inbox/messages/:id/attachments/:index', async (request, reply) => {
      const { id, index } = request.params;
      const mail = mails.find(id);
      if (mail === null || !/^\d{1,6}$/.test(index)) return noSuchMail(request, reply);
      const attachment = (await readMail(mails.source(mail))).attachments[Number(index)];
      if (attachment === undefined) return noSuchMail(request, reply);
      return reply
        .type(safeContentType(attachment.contentType))
        .header(
          'content-disposition',
          `attachment; filename*=UTF-8''${encodedFilename(attachment.filename ?? `attachment-${index}`)}`,
        )
        .send(attachment.content);
    });
  };
}

function listed({ id, received_at, mail_from, rcpt_to, subject }: KeptMail) {
  return { id, received_at, mail_from, rcpt_to, subject };
}

function described(
  mail: KeptMail,
  { filename, contentType, contentId, content }: ReadAttachment,
  index: number,
) {
  return {
    filename,
    content_type: contentType,
    bytes: content.length,
    content_id: contentId,
    url: `/inbox/messages/${mail.id}/attachments/${index}`,
  };
}

/** A mail may call its parts anything; only what looks like a type becomes a header. */
function safeContentType(contentType: string): string {
  return /^[a-z0-9.+-]{1,64}\/[a-z0-9.+-]{1,128}$/i.test(contentType)
    ? contentType
    : 'application/octet-stream';
}

/**
 * RFC 8187: percent-encoded UTF-8, with the five marks that encodeURIComponent leaves alone and the
 * RFC does not allow.
 */
function encodedFilename(filename: string): string {
  return encodeURIComponent(filename.toWellFormed()).replace(
    /['()*!]/g,
    (mark) => `%${mark.charCodeAt(0).toString(16).toUpperCase()}`,
  );
}

function noSuchMail(request: FastifyRequest, reply: FastifyReply): FastifyReply {
  return fail(request, reply, 404, 'not_found', 'There is no such mail, or no such part of it.');
}

function fail(
  request: FastifyRequest,
  reply: FastifyReply,
  status: number,
  code: string,
  message: string,
): FastifyReply {
  return reply.code(status).send({ error: { code, message }, request_id: request.id });
}
