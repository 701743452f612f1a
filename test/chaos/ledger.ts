// Compares what was promised with what happened, for every chaos case. It reads what clients
// were told, what the SMTP sink received and what the API shows at the end, and names each broken
// promise of docs/promises.md by its number. Pure, so that a table can show that it notices.

import type { ReceivedMail } from '../support/smtp-sink.ts';

/** One answer to one try of a request. */
export type ClientAnswer =
  | { readonly kind: 'accepted'; readonly messageId: string; readonly isReplay: boolean }
  /** `messageId`: a 503 that cannot tell whether the message is stored names it. */
  | { readonly kind: 'refused'; readonly status: number; readonly messageId: string | null }
  /** The connection was lost, or time was up. */
  | { readonly kind: 'unanswered'; readonly reason: string };

export type CopyPolicy = 'at_least_once' | 'at_most_once';

/** A request, repeated under one idempotency key until it was accepted or its client gave up. */
export interface Told {
  /** Header `X-Marker` of the mail: what ties it to the request when no answer named a message. */
  readonly marker: string;
  readonly recipients: readonly string[];
  readonly copies: CopyPolicy;
  readonly answers: readonly ClientAnswer[];
}

/** A message as the API shows it at the end. */
export interface Shown {
  readonly deliveries: readonly {
    readonly recipient: string;
    readonly status: string;
    readonly attempts: number;
  }[];
  readonly events: readonly { readonly type: string; readonly recipient: string; readonly seq: number }[];
}

export type SinkMail = Pick<ReceivedMail, 'messageId' | 'to' | 'sha256' | 'headers' | 'answered'>;

export interface Evidence {
  readonly told: readonly Told[];
  /** By message id; null: 404. */
  readonly shown: ReadonlyMap<string, Shown | null>;
  /** In the order of their arrival. */
  readonly mails: readonly SinkMail[];
  /**
   * How many deliveries the faults of this case may have left between the dot and the record of its
   * answer: second copies and unknown ends in all.
   */
  readonly ambiguousMax: number;
}

export interface LedgerVerdict {
  /** Each names a promise, and what was seen. */
  readonly broken: readonly string[];
  readonly requests: number;
  readonly accepted: number;
  readonly deliveries: number;
  /** Of all deliveries together; as many as there are deliveries when nothing was tried twice. */
  readonly tries: number;
  /** Ends of deliveries by state. */
  readonly ends: Readonly<Record<string, number>>;
  /** Copies beyond the first. */
  readonly doubles: number;
}

const ENDS: ReadonlySet<string> = new Set([
  'delivered',
  'bounced',
  'complained',
  'suppressed',
  'cancelled',
  'expired',
  'unknown',
  'dead',
]);

/** The message that a request became, as far as its client was told. */
export const messageIdOf = ({ answers }: Told): string | null =>
  answers.find((a) => a.kind === 'accepted')?.messageId ??
  answers.reduce<string | null>((id, a) => (a.kind === 'refused' ? (a.messageId ?? id) : id), null);

export const isAccepted = ({ answers }: Told): boolean => answers.some((a) => a.kind === 'accepted');

/** P2: only refusals, and none of them names a message. */
const isRefused = ({ answers }: Told): boolean =>
  answers.every((a) => a.kind === 'refused' && a.messageId === null);

export function judgeLedger({ told, shown, mails, ambiguousMax }: Evidence): LedgerVerdict {
  const broken: string[] = [];
  const ends: Record<string, number> = {};
  const byMarker = Map.groupBy(mails, markerOf);
  const markers = new Set(told.map((t) => t.marker));
  let doubles = 0;
  let deliveries = 0;
  let tries = 0;

  for (const [marker, own] of byMarker) {
    if (!markers.has(marker)) broken.push(`P2: ${own.length} mails of an unknown request ${marker}`);
  }
  for (const request of told) {
    const own = byMarker.get(request.marker) ?? [];
    const note = (promise: string, what: string): void =>
      void broken.push(`${promise}: request ${request.marker}: ${what}`);
    judgeAnswers(request, own, note);
    doubles += judgeCopies(request, own, note);

    const id = messageIdOf(request);
    const message = id === null ? null : (shown.get(id) ?? null);
    if (message === null) {
      if (isAccepted(request)) note('P1', 'accepted, and the API does not know it');
      continue;
    }
    judgeEvents(message, note);
    deliveries += message.deliveries.length;
    for (const { attempts } of message.deliveries) tries += attempts;
    for (const recipient of request.recipients) {
      const delivery = message.deliveries.find((d) => d.recipient === recipient);
      if (delivery === undefined) {
        note('P1', 'a recipient has no delivery');
        continue;
      }
      ends[delivery.status] = (ends[delivery.status] ?? 0) + 1;
      judgeEnd(request, delivery, copiesTo(own, recipient), note);
    }
  }
  const unknown = ends.unknown ?? 0;
  if (doubles + unknown > ambiguousMax)
    broken.push(
      `P5: ${doubles} second copies and ${unknown} unknown ends where the faults explain at most ${ambiguousMax}`,
    );
  return {
    broken,
    requests: told.length,
    accepted: told.filter(isAccepted).length,
    deliveries,
    tries,
    ends,
    doubles,
  };
}

type Note = (promise: string, what: string) => void;

const markerOf = (mail: SinkMail): string => mail.headers['x-marker']?.[0] ?? '';
const copiesTo = (mails: readonly SinkMail[], recipient: string): SinkMail[] =>
  mails.filter((m) => m.to.includes(recipient));

/** P2, P3: one key is one message, whatever was answered; a refusal is one. */
function judgeAnswers(request: Told, mails: readonly SinkMail[], note: Note): void {
  const ids = new Set(request.answers.flatMap((a) => (a.kind === 'accepted' ? [a.messageId] : [])));
  if (ids.size > 1) note('P3', `${ids.size} messages of one idempotency key`);
  if (isRefused(request) && mails.length > 0) note('P2', `refused, and ${mails.length} mails were sent`);
  const messageIds = new Set(mails.map((m) => m.messageId));
  if (messageIds.size > 1) note('P3', `mails with ${messageIds.size} Message-IDs`);
  const [id] = ids;
  const [messageId] = messageIds;
  if (id !== undefined && messageId != null && !messageId.includes(id))
    note('P3', 'the mail sent is of another message than the one answered');
  const strangers = mails.filter((m) => m.to.some((recipient) => !request.recipients.includes(recipient)));
  if (strangers.length > 0) note('P2', `${strangers.length} mails to somebody else`);
}

/** P5, but for how many there may be in all. Answers how many there were beyond the first. */
function judgeCopies(request: Told, mails: readonly SinkMail[], note: Note): number {
  let doubles = 0;
  for (const recipient of request.recipients) {
    const copies = copiesTo(mails, recipient);
    if (copies.length < 2) continue;
    doubles += copies.length - 1;
    if (request.copies === 'at_most_once') note('P5', `${copies.length} copies, at most one wanted`);
    if (new Set(copies.map((m) => m.sha256)).size > 1) note('P5', 'copies that differ');
  }
  return doubles;
}

/** P1: the end is one that this load can come to, and the sink bears it out. */
function judgeEnd(
  request: Told,
  delivery: Shown['deliveries'][number],
  copies: readonly SinkMail[],
  note: Note,
): void {
  const { status, attempts } = delivery;
  const isFine = status === 'delivered' || (status === 'unknown' && request.copies === 'at_most_once');
  if (!isFine) note('P1', ENDS.has(status) ? `ended ${status}` : `never ended: ${status}`);
  if (status === 'delivered' && !copies.some((m) => m.answered === 250))
    note('P1', `delivered, and the sink took ${copies.length} copies`);
  if (attempts < copies.length) note('P5', `${copies.length} copies in ${attempts} tries`);
}

/**
 * P12: gapless, and of each delivery one beginning, at most one `accepted`, one end, in this order.
 */
function judgeEvents({ deliveries, events }: Shown, note: Note): void {
  if (events.some((event, i) => event.seq !== i + 1))
    note('P12', `events are numbered ${events.map((e) => e.seq).join()}`);
  for (const { recipient, status } of deliveries) {
    const types = events.filter((e) => e.recipient === recipient).map((e) => e.type);
    const isTold =
      (types[0] === 'queued' || types[0] === 'scheduled') &&
      types.filter((type) => type === 'accepted').length <= 1 &&
      types.filter((type) => ENDS.has(type)).length === 1 &&
      types.at(-1) === status;
    if (!isTold && ENDS.has(status))
      note('P12', `a delivery that is ${status} has the events ${types.join()}`);
  }
}
