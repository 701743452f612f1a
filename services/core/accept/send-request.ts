// Parses a send request: everything that can be checked without the catalog. All faults are
// reported at once, each with its path. The rules of single fields (required, lengths, counts,
// patterns) are checked in `accept/field-rules.ts`.

import { type CanonicalAddress, canonical, isRefusal, type Mailbox, parseMailbox } from '../address.ts';
import type { Copies, Environment } from '../catalog/catalog.ts';
import type { Attachment, StoredText, Tier } from '../delivery/message.ts';
import type { FieldError } from '../failure.ts';
import type { BlobId } from '../ids.ts';
import { acceptLimits } from '../limits/accept.ts';
import { headerTextError, IDEMPOTENCY_KEY_HEADER, parseHeaders } from '../mail/headers.ts';
import { attachmentTypeErrors, contentTypeText, parseAttachmentType } from '../mail/mime/content-type.ts';
import { isBlank } from '../template/blank.ts';

/** A blob that was uploaded before the request that refers to it. */
export interface Uploaded {
  readonly blob: BlobId;
  readonly bytes: number;
  readonly sha256: string;
}

/** Template data in both forms that accepting a message needs, so that neither is made twice. */
export interface TemplateData {
  /** The data for the template. */
  readonly values: Readonly<Record<string, unknown>>;
  /** `values` as JSON text, for limits and for the store. */
  readonly json: string;
  /** The blob that contains the text; null: the text becomes part of the message. */
  readonly blob: Uploaded | null;
}

export const templateDataOf = (values: Readonly<Record<string, unknown>>): TemplateData => ({
  values,
  json: JSON.stringify(values),
  blob: null,
});

/**
 * A request with the right types and no unknown fields; nothing else is checked. Absent fields are
 * null, or empty for lists.
 */
export interface SendRequest {
  readonly recipient: string;
  readonly to: readonly { readonly email: string; readonly name: string }[];
  readonly cc: readonly { readonly email: string; readonly name: string }[];
  readonly bcc: readonly { readonly email: string; readonly name: string }[];
  readonly from: { readonly email: string; readonly name: string } | null;
  readonly replyTo: readonly { readonly email: string; readonly name: string }[];
  readonly sender: string;
  readonly subject: string | null;
  readonly html: string | Uploaded | null;
  readonly text: string | Uploaded | null;
  readonly template: string;
  readonly templateData: TemplateData | null;
  readonly language: string;
  readonly environment: Environment | null;
  readonly headers: Readonly<Record<string, string>>;
  readonly attachments: readonly {
    readonly filename: string;
    readonly content: Uploaded | null;
    readonly contentType: string;
    readonly contentId: string;
    readonly disposition: string;
  }[];
  readonly tags: Readonly<Record<string, string>>;
  readonly metadata: Readonly<Record<string, unknown>> | null;
  readonly tier: Tier | null;
  /** Milliseconds since 1970. */
  readonly scheduledAt: number | null;
  readonly expiresAt: number | null;
  readonly copies: Copies | null;
  /** The field of the request; its headers may name a key too. */
  readonly idempotencyKey: string | null;
  /** The caller's names of these fields in errors; Mailbindr's format has other names. */
  readonly names: FieldNames;
}

/** The names of the fields that the two request formats name differently. */
interface FieldNames {
  readonly recipient: string;
  readonly template: string;
  readonly templateData: string;
}
export const packetboatNames: FieldNames = {
  recipient: 'recipient',
  template: 'template',
  templateData: 'template_data',
};
export const mailbindrNames: FieldNames = {
  recipient: 'receiver',
  template: 'identifier',
  templateData: 'context',
};

interface Recipient {
  readonly mailbox: Mailbox;
  readonly role: 'to' | 'cc' | 'bcc';
  /** The path in the request, for example `to[2]`. */
  readonly field: string;
}

interface TemplateName {
  readonly identifier: string;
  /** Null: the live revision. */
  readonly revision: number | null;
}

/**
 * A parsed request that has not been judged. A field is null if the key, the template or the sender
 * supplies it. A `Draft` (`accept.ts`) has all fields, and lacks the parts that only judging needs:
 * the paths of the caller's fields and the values of template data.
 */
export interface ParsedRequest {
  readonly recipients: readonly Recipient[];
  readonly from: Mailbox | null;
  readonly replyTo: readonly Mailbox[];
  readonly sender: string | null;
  readonly subject: string | null;
  readonly html: StoredText | null;
  readonly text: StoredText | null;
  readonly template: TemplateName | null;
  readonly templateData: Readonly<Record<string, unknown>>;
  readonly templateDataPart: StoredText | null;
  readonly language: string | null;
  readonly environment: Environment | null;
  readonly headers: Readonly<Record<string, string>>;
  readonly attachments: readonly Attachment[];
  readonly tags: Readonly<Record<string, string>>;
  readonly metadata: Readonly<Record<string, unknown>>;
  readonly tier: Tier;
  readonly scheduledAt: number | null;
  readonly expiresAt: number | null;
  readonly copies: Copies | null;
  readonly names: FieldNames;
}

const TEMPLATE = /^([A-Za-z0-9][A-Za-z0-9._-]{0,127})(?:@([1-9][0-9]{0,8}))?$/;

/** Parses a template's name, `invoice` or `invoice@3`. Null: the text is not such a name. */
export function parseTemplateName(text: string): TemplateName | null {
  const [, identifier, revision] = TEMPLATE.exec(text) ?? [];
  return identifier === undefined
    ? null
    : { identifier, revision: revision === undefined ? null : Number(revision) };
}

/** Returns the idempotency keys in a request's `headers{}`. */
export const keysInHeaders = (headers: Readonly<Record<string, string>>): string[] =>
  Object.entries(headers).flatMap(([name, value]) =>
    name.toLowerCase() === IDEMPOTENCY_KEY_HEADER ? [value] : [],
  );

/** A text or subject that is blank counts as absent. */
const present = <Part extends string | Uploaded>(part: Part | null): Part | null =>
  typeof part === 'string' && isBlank(part) ? null : part;

export function parseSendRequest(
  request: SendRequest,
  now: number,
): { readonly parsed: ParsedRequest; readonly errors: readonly FieldError[] } {
  const errors: FieldError[] = [];
  const fault = (field: string, code: string, message: string): void =>
    void errors.push({ field, code, message });

  const mailbox = (
    field: string,
    given: { readonly email: string; readonly name: string } | string,
  ): Mailbox | null => {
    const read = parseMailbox(given);
    if (!isRefusal(read)) return read;
    errors.push({ field, code: read.code, message: read.message });
    return null;
  };
  const mailboxes = (field: string, given: SendRequest['to']): Mailbox[] =>
    given.flatMap((m, i) => mailbox(`${field}[${i}]`, m) ?? []);

  const recipients = readRecipients(request, mailbox, fault);
  const from = request.from === null ? null : mailbox('from', request.from);
  const replyTo = mailboxes('reply_to', request.replyTo.slice(0, acceptLimits.replyToMax));

  const subject = present(request.subject);
  const html = present(request.html);
  const text = present(request.text);
  const { headers, errors: headerErrors } = parseHeaders(request.headers);
  errors.push(...headerErrors);

  if (subject !== null) {
    const error = headerTextError('subject', subject);
    if (error !== null) errors.push(error);
  }
  for (const [field, part] of [
    ['html', html],
    ['text', text],
  ] as const) {
    if (typeof part === 'string' && !part.isWellFormed())
      fault(field, 'invalid_text', 'The text is not valid Unicode.');
  }

  const template = request.template === '' ? null : parseTemplateName(request.template);
  if (request.template !== '' && template === null) {
    fault(
      request.names.template,
      'invalid_template',
      'A template is named by its identifier, or by identifier@revision.',
    );
  }
  const hasRaw = html !== null || text !== null;
  if (request.template !== '' && hasRaw) {
    fault(
      html !== null ? 'html' : 'text',
      'content_twice',
      'Give either a template or html and text, not both.',
    );
  } else if (request.template === '' && !hasRaw) {
    const blank = request.html !== null ? 'html' : request.text !== null ? 'text' : null;
    fault(
      blank ?? request.names.template,
      'missing_content',
      'Give a template, or an html or a text that is not blank.',
    );
  }
  if (request.template === '' && hasRaw && subject === null)
    fault('subject', 'missing', 'A message without a template needs a subject that is not blank.');
  if (request.template === '' && request.templateData !== null)
    fault(request.names.templateData, 'unused', 'Template data needs a template.');
  const data = request.templateData;
  if (data !== null && Buffer.byteLength(data.json) > acceptLimits.templateDataBytesMax) {
    fault(
      request.names.templateData,
      'too_large',
      `Template data has at most ${acceptLimits.templateDataBytesMax} bytes.`,
    );
  }

  if (
    request.metadata !== null &&
    Buffer.byteLength(JSON.stringify(request.metadata)) > acceptLimits.metadataBytesMax
  ) {
    fault('metadata', 'too_large', `Metadata has at most ${acceptLimits.metadataBytesMax} bytes.`);
  }
  readTimes(request, now, fault);
  const attachments = readAttachments(request.attachments, errors, fault);

  const parsed: ParsedRequest = {
    recipients,
    from,
    replyTo,
    sender: request.sender === '' ? null : request.sender,
    subject,
    html: partOf(html),
    text: partOf(text),
    template,
    templateData: data?.values ?? {},
    templateDataPart: data === null ? null : partOf(data.blob ?? data.json),
    language: request.language === '' ? null : request.language,
    environment: request.environment,
    headers,
    attachments,
    tags: request.tags,
    metadata: request.metadata ?? {},
    tier: request.tier ?? 'normal',
    scheduledAt: request.scheduledAt,
    expiresAt: request.expiresAt,
    copies: request.copies,
    names: request.names,
  };
  return { parsed, errors };
}

type Fault = (field: string, code: string, message: string) => void;

function readRecipients(
  request: SendRequest,
  mailbox: (
    field: string,
    given: { readonly email: string; readonly name: string } | string,
  ) => Mailbox | null,
  fault: Fault,
): Recipient[] {
  const given = [
    ...(request.recipient === ''
      ? []
      : [{ role: 'to' as const, field: request.names.recipient, value: request.recipient }]),
    ...(['to', 'cc', 'bcc'] as const).flatMap((role) =>
      request[role].map((value, i) => ({ role, field: `${role}[${i}]`, value })),
    ),
  ];
  if (given.length === 0) fault(request.names.recipient, 'missing', 'Name at least one recipient.');
  if (given.length > acceptLimits.recipientsMax) {
    const field = given[acceptLimits.recipientsMax]?.field ?? 'to';
    fault(
      field,
      'too_many_recipients',
      `A message has at most ${acceptLimits.recipientsMax} recipients in all.`,
    );
    return [];
  }
  const seen = new Map<CanonicalAddress, string>();
  return given.flatMap(({ role, field, value }) => {
    const read = mailbox(field, value);
    if (read === null) return [];
    const spelling = canonical(read.address);
    const first = seen.get(spelling);
    if (first !== undefined) {
      fault(field, 'duplicate_recipient', `The fields ${first} and ${field} name the same mailbox.`);
      return [];
    }
    seen.set(spelling, field);
    return [{ mailbox: read, role, field }];
  });
}

const partOf = (value: string | Uploaded | null): StoredText | null =>
  value === null
    ? null
    : typeof value === 'string'
      ? { inline: value }
      : { blob: value.blob, bytes: value.bytes };

function readTimes(request: SendRequest, now: number, fault: Fault): void {
  const { scheduledAt, expiresAt } = request;
  if (scheduledAt !== null && scheduledAt > now + acceptLimits.scheduleAheadMs)
    fault('scheduled_time', 'too_far_ahead', 'A message may be scheduled at most 365 days ahead.');
  if (expiresAt !== null && expiresAt <= Math.max(now, scheduledAt ?? 0)) {
    fault(
      'expires_at',
      'too_early',
      'A message must expire later than now, and later than its scheduled_time.',
    );
  }
}

function readAttachments(
  given: SendRequest['attachments'],
  errors: FieldError[],
  fault: Fault,
): Attachment[] {
  return given.slice(0, acceptLimits.attachmentsMax).flatMap((a, i): Attachment[] => {
    const path = `attachments[${i}]`;
    const before = errors.length;
    if (/[/\\]/.test(a.filename))
      fault(`${path}.filename`, 'invalid_filename', 'A filename must not contain a path.');
    else {
      const error = headerTextError(`${path}.filename`, a.filename);
      if (error !== null) errors.push(error);
      else if (a.filename !== '' && isBlank(a.filename))
        fault(`${path}.filename`, 'missing', 'The filename is blank.');
    }
    const type = parseAttachmentType(a.contentType);
    errors.push(...attachmentTypeErrors(path, type, a.disposition));
    if (errors.length > before || a.content === null || 'fault' in type) return [];
    return [
      {
        filename: a.filename,
        contentType: contentTypeText(type),
        contentId: a.contentId === '' ? null : a.contentId,
        disposition: dispositionOf(a),
        blob: a.content.blob,
        bytes: a.content.bytes,
      },
    ];
  });
}

/** An attachment with a content id is an inline image unless the caller says otherwise. */
function dispositionOf({
  disposition,
  contentId,
}: SendRequest['attachments'][number]): Attachment['disposition'] {
  if (disposition === 'inline' || disposition === 'alternative') return disposition;
  return disposition === '' && contentId !== '' ? 'inline' : 'attachment';
}
