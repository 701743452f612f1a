// A message as rows and back: one immutable document, a row per delivery, a row per event.

import type { Address } from '../../core/address.ts';
import type { Delivery, HoldReason, LastReply, Progress } from '../../core/delivery.ts';
import type { Event } from '../../core/event.ts';
import type { Message } from '../../core/message.ts';
import type { NewMessage } from '../../ports/message-store.ts';
import type { Row, Value } from './statement.ts';

type Column = readonly [name: string, value: Value];

/** The columns of each field that a change may set. */
const columnsOf: { readonly [Field in keyof Progress]: (value: Progress[Field]) => readonly Column[] } = {
  state: (value) => [['state', value]],
  phase: (value) => [['phase', value]],
  attempt: (value) => [['attempt', value]],
  tries: (value) => [['tries', value]],
  due: (value) => [['due', value]],
  wakeAt: (value) => [['wake_at', value]],
  lease: (value) => [
    ['lease_id', value?.id ?? null],
    ['lease_until', value?.until ?? null],
  ],
  lapses: (value) => [['lapses', value]],
  maybeSent: (value) => [['maybe_sent', Number(value)]],
  cancelWanted: (value) => [['cancel_wanted', Number(value)]],
  hold: (value) => [['hold', value?.reason ?? null]],
  takenUp: (value) => [['taken_up', Number(value)]],
  route: (value) => [['route', value]],
  destination: (value) => [['destination', value]],
  source: (value) => [['source', value]],
  lastReply: (value) => [['last_reply', value === null ? null : JSON.stringify(value)]],
};

function columnsOfField<Field extends keyof Progress>(field: Field, progress: Partial<Progress>): readonly Column[] {
  const value = progress[field];
  return value === undefined ? [] : columnsOf[field](value as Progress[Field]);
}

const fields = Object.keys(columnsOf) as (keyof Progress)[];

/** The columns that a change sets, in one order, so that equal changes are one statement. */
export const progressColumns = (progress: Partial<Progress>): Column[] => fields.flatMap((field) => columnsOfField(field, progress));

/** Everything but what changes, and what has a column of its own. */
export function toDocument(message: NewMessage): string {
  const { deliveries: _, events: __, idempotency: ___, ...document } = message;
  return JSON.stringify(document);
}

export const MESSAGE_COLUMNS = 'm.row, m.document, m.idempotency_key, m.fingerprint';
export const DELIVERY_COLUMNS =
  'd.message, d.version, d.recipient, d.role, d.domain, d.state, d.phase, d.attempt, d.tries, d.due, d.wake_at, d.lease_id, d.lease_until, d.lapses, ' +
  'd.maybe_sent, d.cancel_wanted, d.hold, d.taken_up, d.route, d.destination, d.source, d.last_reply';
export const EVENT_COLUMNS = 'e.message, e.at, e.delivery, e.type, e.data';

/** Messages by row number, from rows of the columns above; deliveries and events in their order. */
export function toMessages(messages: readonly Row[], deliveries: readonly Row[], events: readonly Row[]): Map<number, Message> {
  const deliveriesOf = Map.groupBy(deliveries, ([message]) => message);
  const eventsOf = Map.groupBy(events, ([message]) => message);
  return new Map(
    messages.map((row) => {
      const [number, document, key, fingerprint] = row as readonly [number, string, string | null, string | null];
      const message: Message = {
        ...(JSON.parse(document) as Omit<Message, 'deliveries' | 'events' | 'idempotency'>),
        idempotency: key === null || fingerprint === null ? null : { key, fingerprint },
        deliveries: (deliveriesOf.get(number) ?? []).map(toDelivery),
        events: (eventsOf.get(number) ?? []).map(toEvent),
      };
      return [number, message];
    }),
  );
}

/** The types of DELIVERY_COLUMNS, which the table enforces: it is STRICT, and only this file writes and reads it. */
type DeliveryRow = readonly [
  message: number,
  version: number,
  recipient: Address,
  role: Delivery['role'],
  domain: string,
  state: Delivery['state'],
  phase: Delivery['phase'],
  attempt: number,
  tries: number,
  due: number,
  wakeAt: number | null,
  leaseId: string | null,
  leaseUntil: number | null,
  lapses: number,
  maybeSent: 0 | 1,
  cancelWanted: 0 | 1,
  hold: HoldReason | null,
  takenUp: 0 | 1,
  route: string | null,
  destination: string | null,
  source: string | null,
  lastReply: string | null,
];

function toDelivery(row: Row): Delivery {
  const [
    ,
    version,
    recipient,
    role,
    domain,
    state,
    phase,
    attempt,
    tries,
    due,
    wakeAt,
    leaseId,
    leaseUntil,
    lapses,
    maybeSent,
    cancelWanted,
    hold,
    takenUp,
    route,
    destination,
    source,
    lastReply,
  ] = row as unknown as DeliveryRow;
  return {
    version: String(version),
    recipient,
    role,
    domain,
    state,
    phase,
    attempt,
    tries,
    due,
    wakeAt,
    lease: leaseId === null || leaseUntil === null ? null : { id: leaseId, until: leaseUntil },
    lapses,
    maybeSent: maybeSent === 1,
    cancelWanted: cancelWanted === 1,
    hold: hold === null ? null : { reason: hold },
    takenUp: takenUp === 1,
    route,
    destination,
    source,
    lastReply: lastReply === null ? null : (JSON.parse(lastReply) as LastReply),
  };
}

function toEvent(row: Row): Event {
  const [, at, delivery, type, data] = row as readonly [number, number, number, Event['type'], string];
  return { type, data: JSON.parse(data) as Event['data'], at, delivery };
}
