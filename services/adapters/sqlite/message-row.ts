// The rows of a message, and their conversion from and to the core's type: one row with an
// immutable document, a row per delivery, a row per event.

import type { Address } from '../../core/address.ts';
import type { Delivery, Hold, HoldReason, LastReply, Progress } from '../../core/delivery/delivery.ts';
import type { Event } from '../../core/delivery/event.ts';
import type { Message, NewMessage } from '../../core/delivery/message.ts';

import type { Row, Value } from './statement.ts';

/** The columns of a field, and the conversion of its value to theirs. */
interface Columns<T> {
  readonly names: readonly string[];
  readonly values: (value: T) => readonly Value[];
}

const plain = (name: string): Columns<Value> => ({ names: [name], values: (value) => [value] });
const flag = (name: string): Columns<boolean> => ({ names: [name], values: (value) => [Number(value)] });

const columnsOf: { readonly [Field in keyof Progress]: Columns<Progress[Field]> } = {
  state: plain('state'),
  phase: plain('phase'),
  attempt: plain('attempt'),
  tries: plain('tries'),
  due: plain('due'),
  wakeAt: plain('wake_at'),
  lease: { names: ['lease_id', 'lease_until'], values: (lease) => [lease?.id ?? null, lease?.until ?? null] },
  lapses: plain('lapses'),
  maybeSent: flag('maybe_sent'),
  cancelWanted: flag('cancel_wanted'),
  hold: { names: ['hold'], values: (hold) => [fromHold(hold)] },
  takenUp: flag('taken_up'),
  route: plain('route'),
  destination: plain('destination'),
  source: plain('source'),
  lastReply: { names: ['last_reply'], values: (reply) => [reply === null ? null : JSON.stringify(reply)] },
};

type Field = keyof Progress;

export const progressFields = Object.keys(columnsOf) as readonly Field[];

/**
 * The fields that a change sets, always in the same order, so that changes of the same fields share
 * one statement.
 */
export const fieldsOf = (set: Partial<Progress>): readonly Field[] =>
  progressFields.filter((field) => set[field] !== undefined);

export const namesOf = (fields: readonly Field[]): string[] =>
  fields.flatMap((field) => columnsOf[field].names);

export const valuesOf = (fields: readonly Field[], set: Partial<Progress>): Value[] =>
  fields.flatMap((field) => valuesOfField(field, set));

function valuesOfField<F extends Field>(field: F, set: Partial<Progress>): readonly Value[] {
  return columnsOf[field].values(set[field] as Progress[F]);
}

/** The fields of a message that never change and have no column of their own. */
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
export function toMessages(
  messages: readonly Row[],
  deliveries: readonly Row[],
  events: readonly Row[],
): Map<number, Message> {
  const deliveriesOf = Map.groupBy(deliveries, ([message]) => message);
  const eventsOf = Map.groupBy(events, ([message]) => message);
  return new Map(
    messages.map((row) => {
      const [number, document, key, fingerprint] = row as readonly [
        number,
        string,
        string | null,
        string | null,
      ];
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

/**
 * The types of DELIVERY_COLUMNS. The table enforces them: it is STRICT, and only this file reads
 * and writes its rows.
 */
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
  hold: string | null,
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
    hold: toHold(hold),
    takenUp: takenUp === 1,
    route,
    destination,
    source,
    lastReply: lastReply === null ? null : (JSON.parse(lastReply) as LastReply),
  };
}

/** The reason, or JSON where there is a message besides. */
function fromHold(hold: Hold | null | undefined): string | null {
  if (hold === null || hold === undefined) return null;
  return hold.message === undefined ? hold.reason : JSON.stringify(hold);
}

function toHold(text: string | null): Hold | null {
  if (text === null) return null;
  return text.startsWith('{') ? (JSON.parse(text) as Hold) : { reason: text as HoldReason };
}

function toEvent(row: Row): Event {
  const [, at, delivery, type, data] = row as readonly [number, number, number, Event['type'], string];
  return { type, data: JSON.parse(data) as Event['data'], at, delivery };
}
