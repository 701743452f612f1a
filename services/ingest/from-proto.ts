// Converts messages of the contract to the types of the core. Only the shape changes; nothing is
// validated here.

import type { Timestamp } from '../../proto/gen/google/protobuf/timestamp.ts';
import type { SendEmailRequest, SendMessageRequest } from '../../proto/gen/packetboat/v1/messages.ts';
import type {
  Copies as CopiesProto,
  Environment as EnvironmentProto,
  Priority,
  Status,
} from '../../proto/gen/packetboat/v1/types.ts';
import {
  mailbindrNames,
  packetboatNames,
  type SendRequest,
  type TemplateData,
  type Uploaded,
} from '../core/accept/send-request.ts';
import type { Copies, Environment } from '../core/catalog/catalog.ts';
import type { DeliveryState } from '../core/delivery/delivery.ts';
import type { Tier } from '../core/delivery/message.ts';

const environments: Readonly<Record<string, Environment>> = {
  ENVIRONMENT_DRAFT: 'draft',
  ENVIRONMENT_TESTING: 'testing',
  ENVIRONMENT_LIVE: 'live',
};
const tiers: Readonly<Record<string, Tier>> = {
  PRIORITY_HIGH: 'high',
  PRIORITY_NORMAL: 'normal',
  PRIORITY_BULK: 'bulk',
};
const copies: Readonly<Record<string, Copies>> = {
  COPIES_AT_LEAST_ONCE: 'at_least_once',
  COPIES_AT_MOST_ONCE: 'at_most_once',
};

/** Returns null for unspecified, and for numbers that this release does not know. */
export const environmentOf = (value: EnvironmentProto): Environment | null => environments[value] ?? null;
export const timeOf = (value: Timestamp | undefined): number | null =>
  value === undefined ? null : value.seconds * 1000 + Math.floor(value.nanos / 1e6);
export const statusOfProto = (value: Status): DeliveryState | null =>
  value === 'STATUS_UNSPECIFIED' || value === 'UNRECOGNIZED'
    ? null
    : (value.slice('STATUS_'.length).toLowerCase() as DeliveryState);

/** `uploaded`: content that was stored before the request, by path. */
export function fromSendMessage(
  request: SendMessageRequest,
  uploaded: ReadonlyMap<string, Uploaded>,
  templateData: TemplateData | null,
): SendRequest {
  return {
    recipient: request.recipient,
    to: request.to,
    cc: request.cc,
    bcc: request.bcc,
    from: request.from ?? null,
    replyTo: request.reply_to,
    sender: request.sender,
    subject: request.subject ?? null,
    html: uploaded.get('html') ?? request.html ?? null,
    text: uploaded.get('text') ?? request.text ?? null,
    template: request.template,
    templateData,
    language: request.language,
    environment: environmentOf(request.environment),
    headers: request.headers,
    attachments: request.attachments.map((a, i) => ({
      filename: a.filename,
      content: uploaded.get(`attachments[${i}].content`) ?? null,
      contentType: a.content_type,
      contentId: a.content_id,
      disposition: a.disposition,
    })),
    tags: request.tags,
    metadata: request.metadata ?? null,
    tier: tiers[request.priority as Priority] ?? null,
    scheduledAt: timeOf(request.scheduled_time),
    expiresAt: timeOf(request.expires_at),
    copies: copies[request.copies as CopiesProto] ?? null,
    idempotencyKey: request.idempotency_key ?? null,
    names: packetboatNames,
  };
}

export function fromSendEmail(request: SendEmailRequest, templateData: TemplateData | null): SendRequest {
  return {
    recipient: request.receiver,
    to: [],
    cc: [],
    bcc: [],
    from: null,
    replyTo: [],
    sender: '',
    subject: null,
    html: null,
    text: null,
    template: request.identifier,
    templateData,
    language: request.language,
    environment: environmentOf(request.environment),
    headers: {},
    attachments: [],
    tags: {},
    metadata: null,
    tier: null,
    scheduledAt: null,
    expiresAt: null,
    copies: null,
    idempotencyKey: null,
    names: mailbindrNames,
  };
}
