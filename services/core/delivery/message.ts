// A message as the store keeps it: the caller's request, its deliveries and its timeline, in one
// document.

import type { Mailbox } from '../address.ts';
import type { Copies, Environment } from '../catalog/catalog.ts';
import type { BlobId, MessageId } from '../ids.ts';
import type { Delivery, DeliveryState, DeliveryView } from './delivery.ts';
import type { Event } from './event.ts';

/**
 * First in, first out within a tier, a tenant and a sender; no tier starves. The API calls the tier
 * `priority`.
 */
export type Tier = 'high' | 'normal' | 'bulk';
export const tiers: readonly Tier[] = ['high', 'normal', 'bulk'];

/** Text that is stored inline if small, otherwise as a blob. `bytes` is the length in UTF-8. */
export type StoredText = { readonly inline: string } | { readonly blob: BlobId; readonly bytes: number };

/** Bytes of the text in UTF-8. */
export function storedBytes(text: StoredText | null): number {
  if (text === null) return 0;
  return 'blob' in text ? text.bytes : Buffer.byteLength(text.inline);
}

export interface Attachment {
  readonly filename: string;
  /** With its parameters, in one line. */
  readonly contentType: string;
  /** For inline images: the id that `cid:` URLs in the html name, without angle brackets. */
  readonly contentId: string | null;
  /** `alternative`: another form of the text and the html, for example an invitation. */
  readonly disposition: 'attachment' | 'inline' | 'alternative';
  readonly blob: BlobId;
  readonly bytes: number;
}

/**
 * The content from which a dispatcher renders and composes the mail. It never changes after the
 * message was accepted.
 */
export interface Content {
  /**
   * The pinned revision of a template; null for raw content. `language` is the language that the
   * caller asked for.
   */
  readonly template: {
    readonly identifier: string;
    readonly revision: number;
    readonly language: string | null;
  } | null;
  /** The data for the template, as JSON text. */
  readonly templateData: StoredText | null;
  /** The subject of the request, used without rendering; null: the template renders the subject. */
  readonly subject: string | null;
  readonly html: StoredText | null;
  readonly text: StoredText | null;
  readonly headers: Readonly<Record<string, string>>;
  readonly attachments: readonly Attachment[];
}

export interface Message {
  readonly id: MessageId;
  readonly tenant: string;
  /**
   * When the message was accepted, in milliseconds since 1970 by the store's clock.
   */
  readonly createdAt: number;
  /** The id of the API key that sent the message. */
  readonly keyId: string;
  readonly environment: Environment;
  /** The name of the sender within the tenant. */
  readonly sender: string;
  readonly from: Mailbox;
  readonly replyTo: readonly Mailbox[];
  readonly to: readonly Mailbox[];
  readonly cc: readonly Mailbox[];
  /**
   * The subject as rendered at accept, with secrets masked. Lists and searches show it; the mail
   * does not use it.
   */
  readonly subject: string;
  readonly content: Content;
  readonly tier: Tier;
  readonly copies: Copies;
  readonly scheduledAt: number | null;
  /**
   * No attempt starts after this time. Milliseconds since 1970; null: only the sender's `maxAge`
   * applies.
   */
  readonly expiresAt: number | null;
  readonly tags: Readonly<Record<string, string>>;
  readonly metadata: Readonly<Record<string, unknown>>;
  /** The W3C `traceparent` of the caller, or a new one of ours; null without one. */
  readonly trace: string | null;
  readonly idempotency: { readonly key: string; readonly fingerprint: string } | null;
  /**
   * The status in the reply to the caller. A repeated request with the same idempotency key gets
   * the same status.
   */
  readonly acceptedAs: 'queued' | 'scheduled' | 'suppressed';
  readonly deliveries: readonly Delivery[];
  readonly events: readonly Event[];
}

/**
 * A message before its insert. The store stamps the events and gives each delivery its first
 * version.
 */
export interface NewMessage extends Omit<Message, 'deliveries' | 'events'> {
  readonly deliveries: readonly Omit<Delivery, 'version'>[];
  /** One for each delivery, in the same order. */
  readonly events: readonly Omit<Event, 'at'>[];
}

/**
 * The status of a message is the first state of this list that one of its deliveries has
 * (docs/sending.md).
 */
const precedence: readonly DeliveryState[] = [
  'sending',
  'queued',
  'deferred',
  'scheduled',
  'unknown',
  'dead',
  'bounced',
  'complained',
  'expired',
  'suppressed',
  'cancelled',
  'delivered',
];

export type MessageStatus = DeliveryState;
export const messageStatuses: readonly MessageStatus[] = precedence;

export function statusOf(deliveries: readonly { readonly state: DeliveryState }[]): MessageStatus {
  for (const state of precedence) if (deliveries.some((d) => d.state === state)) return state;
  throw new Error('a message has at least one delivery');
}

/** The blobs that a message refers to. The sweeper keeps them as long as the message exists. */
export function blobsOf(content: Content): BlobId[] {
  const parts = [content.templateData, content.html, content.text].flatMap((part) =>
    part !== null && 'blob' in part ? [part.blob] : [],
  );
  return [...parts, ...content.attachments.map((a) => a.blob)];
}

/**
 * The time from which a message may be sent, in milliseconds since 1970. It is also the Date of its
 * mail. A scheduled time in the past does not make the message older than its acceptance.
 */
export function startsAt({ scheduledAt, createdAt }: Pick<Message, 'scheduledAt' | 'createdAt'>): number {
  return Math.max(scheduledAt ?? 0, createdAt);
}

/**
 * The delivery at `index` with the fields that the rules of `delivery.ts` read. Throws if the
 * message has no such delivery.
 */
export function viewOf(
  message: Pick<Message, 'id' | 'deliveries' | 'copies' | 'createdAt' | 'scheduledAt' | 'expiresAt'>,
  index: number,
): DeliveryView {
  const delivery = message.deliveries[index];
  if (delivery === undefined) throw new Error(`message has no delivery ${index}`);
  return {
    message: message.id,
    index,
    delivery,
    copies: message.copies,
    startsAt: startsAt(message),
    expiresAt: message.expiresAt,
  };
}

/**
 * A copy of the message in which one delivery has the fields of a change that the store has
 * applied.
 */
export function withProgress(message: Message, index: number, progress: Partial<Delivery>): Message {
  return {
    ...message,
    deliveries: message.deliveries.map((d, i) => (i === index ? { ...d, ...progress } : d)),
  };
}
