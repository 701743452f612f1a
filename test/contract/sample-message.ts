// Messages as accept would hand them to a store, for the contract suites. Every call makes a new
// id; a test overrides what it is about.

import { randomBytes } from 'node:crypto';
import { type Address, domainOf, isRefusal, parseAddress } from '../../services/core/address.ts';
import { arrive, type Progress } from '../../services/core/delivery/delivery.ts';
import type { NewMessage } from '../../services/core/delivery/message.ts';
import { type BlobId, blobId, type MessageId, messageId } from '../../services/core/ids.ts';

/** A recipient, and what of its delivery differs from one that has just been queued. */
export type SampleDelivery = { readonly to?: string } & Partial<Progress>;

export interface Sample extends Partial<Omit<NewMessage, 'deliveries' | 'events'>> {
  readonly createdAt: number;
  readonly deliveries?: readonly SampleDelivery[];
  readonly events?: NewMessage['events'];
}

export function address(text: string): Address {
  const parsed = parseAddress(text);
  if (isRefusal(parsed)) throw new Error(parsed.message);
  return parsed;
}

export const newMessageId = (createdAt: number): MessageId => messageId(createdAt, randomBytes(10));
export const newBlobId = (createdAt: number): BlobId => blobId(createdAt, randomBytes(10));

/**
 * A queued message to one recipient, unless told otherwise. Its entry counts as unpublished:
 * `wakeAt` is its time of creation.
 */
export function sampleMessage(sample: Sample): NewMessage {
  const { deliveries = [{}], ...rest } = sample;
  const now = sample.createdAt;
  const arrival = arrive({
    now,
    scheduledAt: null,
    expiresAt: null,
    isSuppressed: false,
    isPublished: false,
  });
  return {
    id: newMessageId(now),
    tenant: 'default',
    keyId: 'key_1',
    environment: 'live',
    sender: 'acme',
    from: { name: null, address: address('hello@acme.example') },
    replyTo: [],
    to: [{ name: null, address: address('ana@example.com') }],
    cc: [],
    subject: 'Your code',
    content: {
      template: null,
      templateData: null,
      subject: 'Your code',
      html: null,
      text: { inline: 'code 1234' },
      headers: {},
      attachments: [],
    },
    tier: 'normal',
    copies: 'at_least_once',
    scheduledAt: null,
    expiresAt: null,
    tags: {},
    metadata: {},
    trace: null,
    idempotency: null,
    acceptedAs: 'queued',
    events: deliveries.map((_, delivery) => ({ ...arrival.event, delivery })),
    ...rest,
    deliveries: deliveries.map(({ to = 'ana@example.com', ...progress }) => {
      const recipient = address(to);
      return { ...arrival.progress, ...progress, recipient, role: 'to', domain: domainOf(recipient) };
    }),
  };
}
