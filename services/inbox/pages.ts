// The inbox over HTTP, as a fastify plugin: a page for people and JSON for tests. All content of a
// mail is treated as hostile. Its HTML has a URL of its own with a sandboxed response, attachments
// are downloads, and the page inserts everything else as text.

import { readFile } from 'node:fs/promises';
import type { FastifyPluginAsync, FastifyReply, FastifyRequest } from 'fastify';
import type { Inbox } from './inbox.ts';
import { isFromAnotherSite, knownHosts } from './known-hosts.ts';
import type { KeptMail } from './mail-folder.ts';
import { type ReadAttachment, readMail, readSelfContainedHtml } from './read-mail.ts';

interface InboxPagesOptions {
  /** Accepted Host names, in addition to those of loopback. */
  readonly hosts: readonly string[];
}

const PAGE_POLICY =
  "default-src 'none'; script-src 'self'; style-src 'self'; img-src data:; connect-src 'self'; frame-src 'self'; " +
  "base-uri 'none'; form-action 'none'; frame-ancestors 'none'";
/**
 * No scripts, no forms, no origin and no external resources, so the author of a mail does not learn
 * that it was opened.
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
 * Serves everything under /inbox. Unknown ids get 404, unknown Host names 421, and changes
 * requested by another site 403.
 */
export function inboxPages(
  { mails }: Pick<Inbox, 'mails'>,
  { hosts }: InboxPagesOptions,
): FastifyPluginAsync {
  const isKnownHost = knownHosts(hosts);

  return async (app) => {
    // A DELETE may have any content type, with or without a body; the body is ignored.
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
        return fail(request, reply, 421, 'unknown_host', 'The inbox does not serve this host name.');
      }
      if (request.method !== 'GET' && request.method !== 'HEAD' && isFromAnotherSite(request.headers)) {
        return fail(
          request,
          reply,
          403,
          'cross_site',
          'Requests from another site must not change the inbox.',
        );
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
      // Plain text instead of message/rfc822, so that a browser shows the source instead of saving
      // it.
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

/** A mail may name any content type; only a valid one becomes a header. */
function safeContentType(contentType: string): string {
  return /^[a-z0-9.+-]{1,64}\/[a-z0-9.+-]{1,128}$/i.test(contentType)
    ? contentType
    : 'application/octet-stream';
}

/**
 * RFC 8187: percent-encoded UTF-8. encodeURIComponent leaves five characters unencoded that the RFC
 * does not allow.
 */
function encodedFilename(filename: string): string {
  return encodeURIComponent(filename.toWellFormed()).replace(
    /['()*!]/g,
    (mark) => `%${mark.charCodeAt(0).toString(16).toUpperCase()}`,
  );
}

function noSuchMail(request: FastifyRequest, reply: FastifyReply): FastifyReply {
  return fail(request, reply, 404, 'not_found', 'There is no such mail, or the mail has no such part.');
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
