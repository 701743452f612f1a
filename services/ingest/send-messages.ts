// Accepting: the messages of one turn, each judged and answered for itself, stored by one insert
// and published by one burst (R1). The order is what P1 rests on: content first, then the insert,
// then the publish, then the answer. Whatever fails after the insert is the sweeper's business and
// never the caller's.

import { type Draft, judgeSend, toMessage } from '../core/accept/accept.ts';
import { mergeFaults } from '../core/accept/field-rules.ts';
import {
  fingerprintOf,
  type IdempotencyKey,
  judgeTakenKey,
  parseIdempotencyKeys,
} from '../core/accept/idempotency.ts';
import { keysInHeaders, parseSendRequest, type SendRequest } from '../core/accept/send-request.ts';
import type { AccessRule } from '../core/access/access-rules.ts';
import { type Caller, type Reach, reaches } from '../core/access/caller.ts';
import type { Principal } from '../core/access/principal.ts';
import { SCOPE_ALL, suppressionHashes } from '../core/access/suppression.ts';
import type { Address } from '../core/address.ts';
import { notPublished } from '../core/delivery/delivery.ts';
import { blobsOf, type Message, type NewMessage, viewOf } from '../core/delivery/message.ts';
import { Failure, type FieldError } from '../core/failure.ts';
import { type BlobId, ID_RANDOM_BYTES, type MessageId, messageId } from '../core/ids.ts';
import { acceptLimits } from '../core/limits/accept.ts';
import { isTraceparent, makeTraceparent, type RequestId, TRACEPARENT_RANDOM_BYTES } from '../core/trace.ts';
import type { Inserted } from '../ports/message-store.ts';
import type { NewEntry } from '../ports/work-queue.ts';
import { authenticateCaller } from './failed-authentications.ts';
import {
  type CallOrigin,
  countRequest,
  enter,
  failureForCaller,
  type Ingest,
  type RateLimitStatus,
} from './ingest.ts';

/** One request to send, as a door hands it over. */
export interface IncomingSend {
  readonly origin: CallOrigin;
  /** Of the headers; those inside the request's `headers{}` are found here. */
  readonly idempotencyKeys: readonly string[];
  readonly traceparent: string;
  /** `Admit` has counted this request already. */
  readonly isCounted: boolean;
  /** Made by the door, so that it can hand the item over again; null: made here. */
  readonly messageId: MessageId | null;
  /** The faults by the rules of the contract; asked for once the key is known to be good. */
  readonly judge: () => readonly FieldError[];
  /** Of the rpc that it came by. */
  readonly rule: AccessRule;
  /**
   * Reads the request once the key is known to be good: content that came inline goes to the
   * BlobStore first.
   */
  readonly read: (caller: Caller) => Promise<SendRequest>;
}

export type AnsweredSend = { readonly rate: RateLimitStatus } & (
  | {
      readonly message: Pick<Message, 'id' | 'acceptedAs' | 'createdAt'> & { readonly recipient: Address };
      readonly replayed: boolean;
    }
  | { readonly failure: Failure }
);

interface Ready {
  readonly requestId: RequestId | null;
  readonly messageId: MessageId | null;
  readonly reach: Reach;
  readonly draft: Draft;
  readonly trace: string;
  readonly idempotency: Message['idempotency'];
}

/** Answers in the order of the items; never rejects. */
export async function sendMessages(
  ingest: Ingest,
  items: readonly IncomingSend[],
): Promise<readonly AnsweredSend[]> {
  const rates: RateLimitStatus[] = items.map(() => null);
  const results: (AnsweredSend | null)[] = items.map(() => null);
  const setResult = (i: number, outcome: Message | NewMessage | Failure, replayed = false): void => {
    const rate = rates[i] ?? null;
    results[i] =
      outcome instanceof Failure
        ? { rate, failure: outcome }
        : { rate, replayed, message: acceptedFields(outcome) };
  };

  const ready = await Promise.all(
    items.map(async (item, i): Promise<Ready | null> => {
      try {
        const admitted = await admit(ingest, item);
        rates[i] = admitted.rate;
        if ('failure' in admitted) throw admitted.failure;
        const judged = await prepare(ingest, item, admitted.principal);
        if (!('replay' in judged)) return judged;
        setResult(i, judged.replay, true);
      } catch (error) {
        setResult(i, failureForCaller(ingest, error, item.origin.requestId));
      }
      return null;
    }),
  );
  const accepted = ready.flatMap((r, i) => (r === null ? [] : [{ ...r, i }]));
  try {
    const stored = await store(ingest, accepted);
    for (const [k, { i }] of accepted.entries()) {
      const outcome = stored[k];
      if (outcome !== undefined) setResult(i, outcome.message, outcome.replayed);
    }
  } catch (error) {
    for (const { i, requestId } of accepted) setResult(i, failureForCaller(ingest, error, requestId));
  }
  return results.map(
    (result, i) =>
      result ?? { rate: rates[i] ?? null, failure: new Failure('internal', 'the request was not answered') },
  );
}

const acceptedFields = (
  message: Message | NewMessage,
): { id: Message['id']; acceptedAs: Message['acceptedAs']; createdAt: number; recipient: Address } => {
  const [first] = message.deliveries;
  if (first === undefined) throw new Error('a message has at least one delivery');
  return {
    id: message.id,
    acceptedAs: message.acceptedAs,
    createdAt: message.createdAt,
    recipient: first.recipient,
  };
};

type Admitted =
  | { readonly rate: RateLimitStatus; readonly principal: Principal }
  | { readonly rate: RateLimitStatus; readonly failure: Failure };

async function admit(ingest: Ingest, item: IncomingSend): Promise<Admitted> {
  const principal = await authenticateCaller(ingest, item.origin);
  const counted = item.isCounted ? { rate: null, failure: null } : await countRequest(ingest, principal);
  if (counted.failure !== null) return { rate: counted.rate, failure: counted.failure };
  return { rate: counted.rate, principal };
}

/**
 * Judges one request. Throws a `Failure`; a request that is refused now but was accepted before
 * under the same key is a replay all the same.
 */
async function prepare(
  ingest: Ingest,
  item: IncomingSend,
  principal: Principal,
): Promise<Ready | { readonly replay: Message }> {
  const caller = enter(principal, item.rule);
  const request = await item.read(caller);
  const { key, errors: keyErrors } = parseIdempotencyKeys([
    ...item.idempotencyKeys,
    ...keysInHeaders(request.headers),
  ]);
  const print = key === null ? '' : fingerprintOf(request);
  const { parsed, errors } = parseSendRequest(request, ingest.messages.now());
  const pinned = await pinnedRevision(ingest, caller, parsed.template);
  const judgement = judgeSend(parsed, [...keyErrors, ...mergeFaults(item.judge(), errors)], {
    caller,
    catalog: ingest.catalog.current(),
    pinned,
    renderSubject: ingest.templates.renderSubject,
  });
  if (judgement.kind === 'refused') {
    await discard(ingest, uploadsOf(request), item.origin.requestId);
    const holder = key === null ? null : await ingest.messages.findByIdempotencyKey(caller.tenant, key);
    const taken = holder === null ? null : judgeTakenKey(holder, print, ingest.messages.now(), caller.reach);
    if (taken?.kind === 'replay') return { replay: taken.message };
    throw judgement.failure;
  }
  return {
    requestId: item.origin.requestId,
    messageId: item.messageId,
    reach: caller.reach,
    draft: judgement.draft,
    trace: isTraceparent(item.traceparent)
      ? item.traceparent
      : makeTraceparent(ingest.random.bytes(TRACEPARENT_RANDOM_BYTES)),
    idempotency: key === null ? null : { key, fingerprint: print },
  };
}

const uploadsOf = (request: SendRequest): BlobId[] =>
  [
    request.html,
    request.text,
    request.templateData?.blob ?? null,
    ...request.attachments.map((a) => a.content),
  ].flatMap((part) => (typeof part === 'object' && part !== null ? [part.blob] : []));

/**
 * Content of a request that did not become a message. What fails here is swept after a day; what a
 * message refers to (a repeated call) stays.
 */
async function discard(
  ingest: Pick<Ingest, 'messages' | 'blobs' | 'report'>,
  ids: readonly BlobId[],
  requestId: RequestId | null,
): Promise<void> {
  if (ids.length === 0) return;
  try {
    const inUse = await ingest.messages.blobsInUse(ids);
    await ingest.blobs.delete(ids.filter((id) => !inUse.has(id)));
  } catch (error) {
    ingest.report('blobs could not be deleted', error, requestId);
  }
}

async function pinnedRevision(
  ingest: Ingest,
  { tenant }: Caller,
  template: { readonly identifier: string; readonly revision: number | null } | null,
) {
  if (template === null || template.revision === null) return null;
  return ingest.catalog.revision(tenant, template.identifier, template.revision);
}

type Stored = { readonly message: Message | NewMessage | Failure; readonly replayed: boolean };

/** One insert for all, one publish for all; those whose key was taken go on by themselves. */
async function store(ingest: Ingest, accepted: readonly Ready[]): Promise<readonly Stored[]> {
  if (accepted.length === 0) return [];
  const suppressed = await suppressedOf(ingest, accepted);
  const composed = accepted.map((ready, i) => compose(ingest, ready, suppressed[i] ?? new Set()));
  const inserted = await insert(
    ingest,
    composed.map((c) => c.message),
  );
  await publish(
    ingest,
    composed.flatMap((c, i) => (isStored(inserted[i]) ? c.publications : [])),
    () => storedMessages(composed, inserted),
  );
  return Promise.all(composed.map((c, i) => answerFor(ingest, c, inserted[i])));
}

const isStored = (outcome: Inserted | Failure | undefined): boolean =>
  outcome !== undefined && !(outcome instanceof Failure) && outcome.kind !== 'key_taken';

async function answerFor(
  ingest: Ingest,
  composed: Composed,
  outcome: Inserted | Failure | undefined,
): Promise<Stored> {
  const { message } = composed;
  try {
    if (outcome instanceof Failure) throw outcome;
    if (outcome === undefined) throw new Error('the store returns a result for each message');
    if (outcome.kind === 'known')
      return { message: knownMessage(composed, outcome.message), replayed: false };
    if (outcome.kind === 'inserted' || message.idempotency === null) return { message, replayed: false };
    return await resolveTakenKey(ingest, composed, message.idempotency);
  } catch (error) {
    return { message: failureForCaller(ingest, error, composed.requestId), replayed: false };
  }
}

/**
 * A message that was there already has the time and the state that it was stored with, and so says
 * its answer (P3). An id that a message of another tenant has (P16), or one beyond the caller's
 * reach, is answered without a word about that message.
 */
function knownMessage({ message: { tenant }, reach }: Composed, stored: Message): Message {
  if (stored.tenant !== tenant || !reaches(reach, stored))
    throw new Failure('conflict', 'This message id is taken.');
  return stored;
}

/** Nobody can tell whether it is stored, so the failure names it (P2). */
const mayBeStored = (messageId: MessageId, cause: unknown): Failure =>
  new Failure(
    'unavailable',
    'The message could not be stored. Repeat the request with the same idempotency key.',
    {
      cause,
      retryAfterMs: 1_000,
      messageId,
    },
  );

async function suppressedOf(ingest: Ingest, accepted: readonly Ready[]): Promise<ReadonlySet<Address>[]> {
  const keys = ingest.hashKeys.suppression;
  const hashed = accepted.map(({ draft }) =>
    draft.recipients.map((r) => ({
      address: r.address,
      hashes: suppressionHashes(keys, draft.tenant, r.address),
    })),
  );
  const byTenant = Map.groupBy(accepted.entries(), ([, { draft }]) => draft.tenant);
  const found = new Map(
    await Promise.all(
      [...byTenant].map(async ([tenant, rows]) => {
        const hashes = rows.flatMap(([i]) => (hashed[i] ?? []).flatMap((r) => r.hashes));
        return [tenant, await ingest.suppressions.matches(tenant, SCOPE_ALL, hashes)] as const;
      }),
    ),
  );
  return accepted.map(({ draft }, i) => {
    const matches = found.get(draft.tenant) ?? new Set<string>();
    return new Set(
      (hashed[i] ?? []).filter((r) => r.hashes.some((hash) => matches.has(hash))).map((r) => r.address),
    );
  });
}

/**
 * What is to be inserted, and then published. Both are decided here, once: the insert says when the
 * sweeper is to look for a lost entry.
 */
interface Composed {
  readonly requestId: RequestId | null;
  readonly message: NewMessage;
  readonly reach: Reach;
  /** None while the tenant has a backlog in this tier. */
  readonly publications: readonly NewEntry[];
}

function compose(ingest: Ingest, ready: Ready, suppressed: ReadonlySet<Address>): Composed {
  const now = ingest.messages.now();
  const isPublished = !ingest.backlogs.has(ready.draft.tenant, ready.draft.tier);
  const message = toMessage(ready.draft, {
    id: ready.messageId ?? messageId(now, ingest.random.bytes(ID_RANDOM_BYTES)),
    now,
    trace: ready.trace,
    idempotency: ready.idempotency,
    isSuppressed: (address) => suppressed.has(address),
    isPublished,
    ...(ingest.republishMs === undefined ? {} : { republishMs: ingest.republishMs }),
  });
  const { requestId, reach } = ready;
  return { requestId, message, reach, publications: isPublished ? entriesOf(message) : [] };
}

/** Tries a failed insert once more: the first may have happened, and then the message is known. */
async function insert(
  ingest: Ingest,
  messages: readonly NewMessage[],
): Promise<readonly (Inserted | Failure)[]> {
  try {
    return await ingest.messages.insert(messages);
  } catch (first) {
    ingest.report('an insert failed and is tried again', first);
    try {
      return await ingest.messages.insert(messages);
    } catch (cause) {
      return messages.map((m) => mayBeStored(m.id, cause));
    }
  }
}

/**
 * What the queue did not take is the sweeper's: the window is full, or the queue is away. From then
 * on the tenant has a backlog, so that later messages neither overtake these nor wait for a queue
 * that gives no answer. `stored` is called only when the queue did not take an entry.
 */
async function publish(
  ingest: Ingest,
  publications: readonly NewEntry[],
  stored: () => ReadonlyMap<MessageId, StoredMessage>,
): Promise<void> {
  if (publications.length === 0) return;
  const published = await ingest.queue.publish(publications);
  const missed = publications.filter((_, i) => published[i] !== 'published');
  if (missed.length === 0) return;
  for (const { tenant, tier } of missed) ingest.backlogs.begin(tenant, tier);
  try {
    const byId = stored();
    await ingest.messages.apply(
      missed.flatMap(({ entry }) => {
        const message = byId.get(entry.message);
        const change =
          message === undefined ? null : notPublished(viewOf(message, entry.delivery), ingest.messages.now());
        return change === null ? [] : [change];
      }),
    );
  } catch (error) {
    ingest.report(
      'entries that the queue did not take could not be noted; the sweeper finds them after a minute',
      error,
    );
  }
}

type StoredMessage = Omit<Message, 'events'>;

/** The messages as the insert left them in the store: a change must name the versions there. */
function storedMessages(
  composed: readonly Composed[],
  inserted: readonly (Inserted | Failure)[],
): ReadonlyMap<MessageId, StoredMessage> {
  const stored = new Map<MessageId, StoredMessage>();
  for (const [i, { message }] of composed.entries()) {
    const outcome = inserted[i];
    if (outcome === undefined || outcome instanceof Failure) continue;
    if (outcome.kind === 'known') stored.set(message.id, outcome.message);
    if (outcome.kind === 'inserted') {
      const deliveries = message.deliveries.map((d, k) => ({ ...d, version: outcome.versions[k] ?? '' }));
      stored.set(message.id, { ...message, deliveries });
    }
  }
  return stored;
}

function entriesOf(message: NewMessage): NewEntry[] {
  return message.deliveries.flatMap((d, delivery) =>
    d.state === 'queued'
      ? [
          {
            tenant: message.tenant,
            tier: message.tier,
            entry: {
              message: message.id,
              delivery,
              attempt: d.attempt,
              domain: d.domain,
              trace: message.trace,
            },
          },
        ]
      : [],
  );
}

/**
 * Another message holds the key: the same request gets its answer, an outdated holder gives the key
 * up.
 */
async function resolveTakenKey(
  ingest: Ingest,
  composed: Composed,
  idempotency: { readonly key: string; readonly fingerprint: string },
): Promise<Stored> {
  const { message, publications, reach } = composed;
  const key = idempotency.key as IdempotencyKey;
  const giveUpAt = ingest.clock.monotonic() + acceptLimits.idempotencyRaceMs;
  while (ingest.clock.monotonic() < giveUpAt) {
    const holder = await ingest.messages.findByIdempotencyKey(message.tenant, key);
    if (holder !== null) {
      const taken = judgeTakenKey(holder, idempotency.fingerprint, ingest.messages.now(), reach);
      if (taken.kind !== 'outdated') await discard(ingest, blobsOf(message.content), composed.requestId);
      if (taken.kind === 'replay') return { message: taken.message, replayed: true };
      if (taken.kind === 'reused') return { message: taken.failure, replayed: false };
      await ingest.messages.dropIdempotencyKey(holder.id, key);
    }
    const [again] = await insert(ingest, [message]);
    if (again instanceof Failure) throw again;
    if (again?.kind === 'inserted' || again?.kind === 'known') {
      await publish(ingest, publications, () => storedMessages([composed], [again]));
      return {
        message: again.kind === 'known' ? knownMessage(composed, again.message) : message,
        replayed: false,
      };
    }
    await ingest.clock.sleep(acceptLimits.idempotencyRacePollMs);
  }
  throw new Failure('conflict', 'Another request with this idempotency key is still running.', {
    code: 'idempotency_key_in_use',
    retryAfterMs: 1_000,
  });
}
