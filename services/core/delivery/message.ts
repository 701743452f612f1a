// A message as it is stored: what a caller asked to send, its deliveries and its timeline, all in
// one document.

import type { Mailbox } from '../address.ts';
import type { Copies, Environment } from '../catalog/catalog.ts';
import type { BlobId, MessageId } from '../ids.ts';
import type { Delivery, DeliveryState, DeliveryView } from './delivery.ts';
import type { Event } from './event.ts';

/**
 * First in, first out within a tier, per tenant and destination; no tier starves. In the API:
 * `priority`.
 */
export type Tier = 'high' | 'normal' | 'bulk';
export const tiers: readonly Tier[] = ['high', 'normal', 'bulk'];

/** Text that is either small and inline, or a blob. */
export type StoredText = { readonly inline: string } | { readonly blob: BlobId; readonly bytes: number };

export interface Attachment {
  readonly filename: string;
  readonly contentType: string;
  /** For inline images: what `cid:` refers to, without angle brackets. */
  readonly contentId: string | null;
  readonly disposition: 'attachment' | 'inline';
  readonly blob: BlobId;
  readonly bytes: number;
}

/** What a dispatcher renders and composes from. Immutable once accepted. */
export interface Content {
  /** The pinned revision; null for raw content. `language` is what the caller asked for. */
  readonly template: {
    readonly identifier: string;
    readonly revision: number;
    readonly language: string | null;
  } | null;
  /** JSON text. */
  readonly templateData: StoredText | null;
  /** The request's own subject, used as it is; null: the template's. */
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
   * Milliseconds since 1970 by the store's clock. Also the Date of the mail, so that all attempts
   * have the same bytes.
   */
  readonly createdAt: number;
  /** Who handed it over: the id of the API key. */
  readonly keyId: string;
  readonly environment: Environment;
  /** Name of the sender in the tenant. */
  readonly sender: string;
  readonly from: Mailbox;
  readonly replyTo: readonly Mailbox[];
  readonly to: readonly Mailbox[];
  readonly cc: readonly Mailbox[];
  /** As rendered at accept, secrets masked: for lists and searches, never for the mail. */
  readonly subject: string;
  readonly content: Content;
  readonly tier: Tier;
  readonly copies: Copies;
  readonly scheduledAt: number | null;
  /** Past this no attempt starts any more. */
  readonly expiresAt: number | null;
  readonly tags: Readonly<Record<string, string>>;
  readonly metadata: Readonly<Record<string, unknown>>;
  /** W3C `traceparent` of the caller, or ours. */
  readonly trace: string | null;
  readonly idempotency: { readonly key: string; readonly fingerprint: string } | null;
  /** What the accepting answer said; a replay says the same. */
  readonly acceptedAs: 'queued' | 'scheduled' | 'suppressed';
  readonly deliveries: readonly Delivery[];
  readonly events: readonly Event[];
}

/**
 * A message before its insert: the store stamps the events and gives each delivery its first
 * version.
 */
export interface NewMessage extends Omit<Message, 'deliveries' | 'events'> {
  readonly deliveries: readonly Omit<Delivery, 'version'>[];
  /** One per delivery, in their order. */
  readonly events: readonly Omit<Event, 'at'>[];
}

/** A message's status is the first of these that one of its deliveries has (docs/sending.md). */
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

/** The blobs that a message refers to; they must outlive it. */
export function blobsOf(content: Content): BlobId[] {
  const parts = [content.templateData, content.html, content.text].flatMap((part) =>
    part !== null && 'blob' in part ? [part.blob] : [],
  );
  return [...parts, ...content.attachments.map((a) => a.blob)];
}

/** What the rules of `delivery.ts` ask for; throws when there is no such delivery. */
export function viewOf(message: Message, index: number): DeliveryView {
  const delivery = message.deliveries[index];
  if (delivery === undefined) throw new Error(`message has no delivery ${index}`);
  return {
    message: message.id,
    index,
    delivery,
    copies: message.copies,
    startsAt: Math.max(message.scheduledAt ?? 0, message.createdAt), // a scheduled_time in the past makes no message old
    expiresAt: message.expiresAt,
  };
}

/** The message as it stands after a change that the store has made. */
export function withProgress(message: Message, index: number, progress: Partial<Delivery>): Message {
  return {
    ...message,
    deliveries: message.deliveries.map((d, i) => (i === index ? { ...d, ...progress } : d)),
  };
}
