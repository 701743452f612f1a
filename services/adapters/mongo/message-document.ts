// The document of a message in MongoDB, and its conversion from and to the core's type. Only this
// folder knows the field names. Keys that callers chose (headers, tags, metadata, data of events)
// are stored as JSON text, because MongoDB gives `$` and `.` in field names a meaning.

import type { UpdateFilter } from 'mongodb';
import { type CanonicalAddress, canonical } from '../../core/address.ts';
import type { Delivery, LastReply, Progress } from '../../core/delivery/delivery.ts';
import type { Event } from '../../core/delivery/event.ts';
import { blobsOf, type Content, type Message, type NewMessage } from '../../core/delivery/message.ts';
import { laneKey } from '../../core/delivery/pacing/lane.ts';
import type { BlobId, MessageId } from '../../core/ids.ts';

/** Times are milliseconds since 1970 by the store's clock, as numbers. */
export interface MessageDocument
  extends Pick<
    Message,
    'tenant' | 'environment' | 'sender' | 'from' | 'to' | 'cc' | 'subject' | 'tier' | 'copies' | 'trace'
  > {
  readonly _id: MessageId;
  readonly created_at: number;
  readonly key_id: string;
  readonly reply_to: Message['replyTo'];
  readonly content: Omit<Content, 'headers'> & { readonly headers: string };
  /**
   * The parts of the content that are in the BlobStore. Absent rather than empty, so that the
   * sparse index has only messages with blobs.
   */
  readonly blobs?: readonly BlobId[];
  readonly scheduled_at: number | null;
  readonly expires_at: number | null;
  readonly tags: string;
  readonly metadata: string;
  /** Tenant and key in one string, for one unique index; absent without a key. */
  readonly idempotency?: string;
  readonly fingerprint?: string;
  readonly accepted_as: Message['acceptedAs'];
  /** Tenant, tier and sender in one string. */
  readonly lane: string;
  readonly deliveries: readonly DeliveryDocument[];
  /** Never trimmed, because the `seq` of an event is its position. */
  readonly events: readonly EventDocument[];
  /**
   * How many of the events the tenant's event log has; 0, as there is no log yet. This and
   * `unsettled_at` will be read by the writer of that log, which feeds webhooks and usage counters:
   * messages that are stored today must not be missing there.
   */
  readonly settled: number;
  /** Since when there are events that the log does not have; absent when there are none. */
  readonly unsettled_at?: number;
}

interface DeliveryDocument {
  readonly recipient: Delivery['recipient'];
  /** For lists: the form that all spellings of a mailbox share. */
  readonly canonical_recipient: CanonicalAddress;
  readonly role: Delivery['role'];
  readonly domain: string;
  readonly version: string;
  readonly state: Delivery['state'];
  readonly phase: Delivery['phase'];
  readonly attempt: number;
  readonly tries: number;
  readonly due: number;
  readonly wake_at: number | null;
  readonly lease: Delivery['lease'];
  readonly lapses: number;
  readonly maybe_sent: boolean;
  readonly cancel_wanted: boolean;
  readonly hold: Delivery['hold'];
  readonly taken_up: boolean;
  readonly route: string | null;
  readonly destination: string | null;
  readonly source: string | null;
  readonly last_reply: LastReply | null;
}

interface EventDocument {
  readonly type: Event['type'];
  readonly at: number;
  readonly delivery: number;
  readonly data: string;
}

/** The name that each field of `Progress` has in a DeliveryDocument. */
const progressFields = {
  state: 'state',
  phase: 'phase',
  attempt: 'attempt',
  tries: 'tries',
  due: 'due',
  wakeAt: 'wake_at',
  lease: 'lease',
  lapses: 'lapses',
  maybeSent: 'maybe_sent',
  cancelWanted: 'cancel_wanted',
  hold: 'hold',
  takenUp: 'taken_up',
  route: 'route',
  destination: 'destination',
  source: 'source',
  lastReply: 'last_reply',
} as const satisfies Record<keyof Progress, keyof DeliveryDocument>;

/** The version of every delivery that has not been changed yet. */
export const FIRST_VERSION = '0';

export const idempotencyOf = (tenant: string, key: string): string => `${tenant}\n${key}`;

export function toDocument(message: NewMessage, now: number): MessageDocument {
  const blobs = blobsOf(message.content);
  return {
    _id: message.id,
    tenant: message.tenant,
    created_at: message.createdAt,
    key_id: message.keyId,
    environment: message.environment,
    sender: message.sender,
    from: message.from,
    reply_to: message.replyTo,
    to: message.to,
    cc: message.cc,
    subject: message.subject,
    content: { ...message.content, headers: JSON.stringify(message.content.headers) },
    ...(blobs.length === 0 ? {} : { blobs }),
    tier: message.tier,
    copies: message.copies,
    scheduled_at: message.scheduledAt,
    expires_at: message.expiresAt,
    tags: JSON.stringify(message.tags),
    metadata: JSON.stringify(message.metadata),
    trace: message.trace,
    ...(message.idempotency === null
      ? {}
      : {
          idempotency: idempotencyOf(message.tenant, message.idempotency.key),
          fingerprint: message.idempotency.fingerprint,
        }),
    accepted_as: message.acceptedAs,
    lane: laneKey(message),
    deliveries: message.deliveries.map(toDelivery),
    events: message.events.map((event) => toEvent(event, event.delivery, now)),
    settled: 0,
    unsettled_at: now,
  };
}

const toDelivery = (delivery: NewMessage['deliveries'][number]): DeliveryDocument => ({
  recipient: delivery.recipient,
  canonical_recipient: canonical(delivery.recipient),
  role: delivery.role,
  domain: delivery.domain,
  version: FIRST_VERSION,
  state: delivery.state,
  phase: delivery.phase,
  attempt: delivery.attempt,
  tries: delivery.tries,
  due: delivery.due,
  wake_at: delivery.wakeAt,
  lease: delivery.lease,
  lapses: delivery.lapses,
  maybe_sent: delivery.maybeSent,
  cancel_wanted: delivery.cancelWanted,
  hold: delivery.hold,
  taken_up: delivery.takenUp,
  route: delivery.route,
  destination: delivery.destination,
  source: delivery.source,
  last_reply: delivery.lastReply,
});

export const toEvent = (
  event: Pick<Event, 'type' | 'data'>,
  delivery: number,
  at: number,
): EventDocument => ({
  type: event.type,
  at,
  delivery,
  data: JSON.stringify(event.data),
});

/** The fields of one delivery to set, by their paths in the message's document. */
export function toPaths(
  index: number,
  set: Partial<Progress>,
  version: string,
): NonNullable<UpdateFilter<MessageDocument>['$set']> {
  const paths: Record<string, unknown> = { [`deliveries.${index}.version`]: version };
  for (const [name, value] of Object.entries(set)) {
    if (value !== undefined) paths[`deliveries.${index}.${progressFields[name as keyof Progress]}`] = value;
  }
  return paths;
}

export function fromDocument(document: MessageDocument): Message {
  return {
    id: document._id,
    tenant: document.tenant,
    createdAt: document.created_at,
    keyId: document.key_id,
    environment: document.environment,
    sender: document.sender,
    from: document.from,
    replyTo: document.reply_to,
    to: document.to,
    cc: document.cc,
    subject: document.subject,
    content: { ...document.content, headers: JSON.parse(document.content.headers) },
    tier: document.tier,
    copies: document.copies,
    scheduledAt: document.scheduled_at,
    expiresAt: document.expires_at,
    tags: JSON.parse(document.tags),
    metadata: JSON.parse(document.metadata),
    trace: document.trace,
    idempotency:
      document.idempotency === undefined || document.fingerprint === undefined
        ? null
        : {
            key: document.idempotency.slice(idempotencyOf(document.tenant, '').length),
            fingerprint: document.fingerprint,
          },
    acceptedAs: document.accepted_as,
    deliveries: document.deliveries.map(fromDelivery),
    events: document.events.map(({ type, at, delivery, data }) => ({
      type,
      at,
      delivery,
      data: JSON.parse(data),
    })),
  };
}

const fromDelivery = (delivery: DeliveryDocument): Delivery => ({
  recipient: delivery.recipient,
  role: delivery.role,
  domain: delivery.domain,
  version: delivery.version,
  state: delivery.state,
  phase: delivery.phase,
  attempt: delivery.attempt,
  tries: delivery.tries,
  due: delivery.due,
  wakeAt: delivery.wake_at,
  lease: delivery.lease,
  lapses: delivery.lapses,
  maybeSent: delivery.maybe_sent,
  cancelWanted: delivery.cancel_wanted,
  hold: delivery.hold,
  takenUp: delivery.taken_up,
  route: delivery.route,
  destination: delivery.destination,
  source: delivery.source,
  lastReply: delivery.last_reply,
});
