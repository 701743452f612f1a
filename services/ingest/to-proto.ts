// From the types of the core to the messages of the contract.

import type { Timestamp } from '../../proto/gen/google/protobuf/timestamp.ts';
import type { Event as EventProto } from '../../proto/gen/packetboat/v1/events.ts';
import type { Key as KeyProto } from '../../proto/gen/packetboat/v1/keys.ts';
import type {
  Delivery as DeliveryProto,
  GetMessageResponse,
  MessageSummary,
  SendMessageResponse,
} from '../../proto/gen/packetboat/v1/messages.ts';
import type { Sender as SenderProto } from '../../proto/gen/packetboat/v1/senders.ts';
import type { Template as TemplateProto } from '../../proto/gen/packetboat/v1/templates.ts';
import type { Copies, Environment, Priority, Status } from '../../proto/gen/packetboat/v1/types.ts';
import type { Sender, TemplateRevision } from '../core/catalog/catalog.ts';
import { type Delivery, type DeliveryState, isTerminal } from '../core/delivery/delivery.ts';
import { type Message, statusOf } from '../core/delivery/message.ts';
import type { ApiKey } from '../ports/key-store.ts';

/** `nanos` count forward from `seconds`, also before 1970. */
export function toTimestamp(ms: number): Timestamp {
  const seconds = Math.floor(ms / 1000);
  return { seconds, nanos: (ms - seconds * 1000) * 1e6 };
}

const maybeTimestamp = (ms: number | null): Timestamp | undefined =>
  ms === null ? undefined : toTimestamp(ms);

export const toStatus = (state: DeliveryState): Status => `STATUS_${state.toUpperCase()}` as Status;
const toEnvironment = (environment: string): Environment =>
  `ENVIRONMENT_${environment.toUpperCase()}` as Environment;
const templateName = (message: Message): string | undefined => {
  const { template } = message.content;
  return template === null ? undefined : `${template.identifier}@${template.revision}`;
};
const firstRecipient = (message: Message): string => message.deliveries[0]?.recipient ?? '';

export const toSendMessageResponse = (
  m: Pick<Message, 'id' | 'acceptedAs' | 'createdAt'> & { readonly recipient: string },
): SendMessageResponse => ({
  message_id: m.id,
  status: toStatus(m.acceptedAs),
  recipient: m.recipient,
  created_at: toTimestamp(m.createdAt),
});

const toDelivery = (d: Delivery): DeliveryProto => ({
  recipient: d.recipient,
  status: toStatus(d.state),
  attempts: d.tries,
  next_attempt_at: isTerminal(d.state) || d.state === 'sending' ? undefined : toTimestamp(d.due),
  hold: d.hold?.reason,
  hold_message: d.hold?.message,
  last_reply:
    d.lastReply === null
      ? undefined
      : {
          stage: d.lastReply.stage,
          code: d.lastReply.code ?? undefined,
          enhanced: d.lastReply.enhanced ?? undefined,
          text: d.lastReply.text,
        },
  route: d.route ?? undefined,
});

export const toGetMessageResponse = (m: Message): GetMessageResponse => ({
  message_id: m.id,
  status: toStatus(statusOf(m.deliveries)),
  recipient: firstRecipient(m),
  subject: m.subject,
  sender: m.sender,
  template: templateName(m),
  language: m.content.template?.language ?? undefined,
  environment: toEnvironment(m.environment),
  priority: `PRIORITY_${m.tier.toUpperCase()}` as Priority,
  copies: `COPIES_${m.copies.toUpperCase()}` as Copies,
  tags: m.tags,
  metadata: m.metadata,
  deliveries: m.deliveries.map(toDelivery),
  created_at: toTimestamp(m.createdAt),
  scheduled_time: maybeTimestamp(m.scheduledAt),
  expires_at: maybeTimestamp(m.expiresAt),
});

export const toMessageSummary = (m: Message): MessageSummary => ({
  message_id: m.id,
  status: toStatus(statusOf(m.deliveries)),
  recipient: firstRecipient(m),
  recipients: m.deliveries.length,
  subject: m.subject,
  sender: m.sender,
  template: templateName(m),
  language: m.content.template?.language ?? undefined,
  environment: toEnvironment(m.environment),
  tags: m.tags,
  created_at: toTimestamp(m.createdAt),
});

export const toEvents = (m: Message): EventProto[] =>
  m.events.map((event, i) => ({
    type: event.type,
    message_id: m.id,
    recipient: m.deliveries[event.delivery]?.recipient ?? '',
    seq: i + 1,
    at: toTimestamp(event.at),
    data: event.data,
  }));

export const toSender = (s: Sender): SenderProto => ({
  name: s.name,
  domain: s.domain,
  from: { email: s.from.address, name: s.from.name ?? '' },
  suspended: s.suspended,
  revision: s.revision,
});

export const toTemplate = (t: TemplateRevision): TemplateProto => ({
  identifier: t.identifier,
  revision: t.revision,
  sender: t.sender ?? undefined,
  locales: t.content.live.map((c) => c.locale),
  default_locale: t.defaultLocale,
  variables: t.variables ?? undefined,
});

export const toKey = (k: ApiKey): KeyProto => ({
  key_id: k.id,
  name: k.name,
  scopes: [...k.scopes],
  environment: toEnvironment(k.environment),
  senders: [...k.senders],
  requests_per_minute: k.requestsPerMinute,
  expires_at: maybeTimestamp(k.expiresAt),
  revoked_at: maybeTimestamp(k.revokedAt),
  created_at: toTimestamp(k.createdAt),
  created_by: k.createdBy ?? undefined,
});
