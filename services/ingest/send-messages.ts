// Accepts the messages of one batch. Each item is judged by itself and has its own answer; all
// accepted items are stored by one insert and published by one call (R1). P1 rests on the order:
// content first, then the insert, then the publish, then the answer. A failure after the insert
// never reaches the caller: the message is durable, and the sweeper publishes its entries.

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

/**
 * One request to send. Not the `SendItem` of the contract: a public call has no such item and has
 * faults of its own, and the reading of content has to wait until the key is known to be good. So a
 * door gives two functions for the parts that need the contract.
 */
export interface IncomingSend {
  readonly origin: CallOrigin;
  /** Keys in the headers of the call; `prepare` finds those inside the request's `headers{}`. */
  readonly idempotencyKeys: readonly string[];
  readonly traceparent: string;
  /** `Admit` has counted this request already. */
  readonly isCounted: boolean;
  /**
   * A gateway makes the id, so that it can repeat a call whose answer was lost; null: made here.
   */
  readonly messageId: MessageId | null;
  /** Faults by the rules of the contract. Called after authentication. */
  readonly judge: () => readonly FieldError[];
  /** Of the rpc that brought the request. */
  readonly rule: AccessRule;
  /**
   * Reads the request, and stores large content in the BlobStore. Called after authentication, so
   * that a caller without a key can store nothing.
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

/**
 * Returns the answers in the order of the items; never rejects. One bad item, or one that meets a
 * failure, does not touch the others.
 */
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

async function admit(
  ingest: Pick<Ingest, 'keyCache' | 'failedAuthentications' | 'budgets'>,
  item: IncomingSend,
): Promise<Admitted> {
  const principal = await authenticateCaller(ingest, item.origin);
  const counted = item.isCounted ? { rate: null, failure: null } : await countRequest(ingest, principal);
  if (counted.failure !== null) return { rate: counted.rate, failure: counted.failure };
  return { rate: counted.rate, principal };
}

/**
 * Judges one request. Throws a `Failure`. A request that was accepted under its idempotency key is
 * a replay even if it would be refused by now: a template may have changed, or a scheduled time may
 * have passed, between a request and its retry (P3).
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
    renderTemplate: ingest.templates.renderTemplate,
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
 * Deletes the content of a request that did not become a message. Content that a message refers to
 * stays: a repeated call may bring the same blobs. A failure here is only logged, because the
 * sweeper deletes unused blobs after a day.
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
  { catalog }: Pick<Ingest, 'catalog'>,
  { tenant }: Caller,
  template: { readonly identifier: string; readonly revision: number | null } | null,
) {
  if (template === null || template.revision === null) return null;
  return catalog.revision(tenant, template.identifier, template.revision);
}

type Stored = { readonly message: Message | NewMessage | Failure; readonly replayed: boolean };

/**
 * One insert and one publish for all items. An item whose idempotency key another message holds
 * goes on by itself, so that a race for one key delays no other item.
 */
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
 * Returns a message that an earlier call stored under the same id: the answer has the time and the
 * state of that call (P3). If the message belongs to another tenant (P16), or lies beyond the
 * caller's reach, the answer is a conflict that says nothing of the message.
 */
function knownMessage({ message: { tenant }, reach }: Composed, stored: Message): Message {
  if (stored.tenant !== tenant || !reaches(reach, stored))
    throw new Failure('conflict', 'This message id is already in use.');
  return stored;
}

/**
 * The write may have happened, so the failure names the message that the caller may look up (P2).
 */
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

async function suppressedOf(
  { hashKeys, suppressions }: Pick<Ingest, 'hashKeys' | 'suppressions'>,
  accepted: readonly Ready[],
): Promise<ReadonlySet<Address>[]> {
  const keys = hashKeys.suppression;
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
        return [tenant, await suppressions.matches(tenant, SCOPE_ALL, hashes)] as const;
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
 * A message to insert and the entries to publish. Both are decided together, once: the stored
 * `wakeAt` says when the sweeper looks for a lost entry, so it must agree with what is published.
 */
interface Composed {
  readonly requestId: RequestId | null;
  readonly message: NewMessage;
  readonly reach: Reach;
  /** Empty while the tenant has a backlog in this tier: the sweeper publishes oldest first (R4). */
  readonly publications: readonly NewEntry[];
}

function compose(
  ingest: Pick<Ingest, 'messages' | 'backlogs' | 'random' | 'republishMs'>,
  ready: Ready,
  suppressed: ReadonlySet<Address>,
): Composed {
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

/**
 * Tries a failed insert a second time. That is safe: if the first attempt was written, the second
 * finds each id `known`. A caller who gets a 503 has to retry, so one more attempt here is cheaper.
 */
async function insert(
  ingest: Pick<Ingest, 'messages' | 'report'>,
  messages: readonly NewMessage[],
): Promise<readonly (Inserted | Failure)[]> {
  try {
    return await ingest.messages.insert(messages);
  } catch (first) {
    ingest.report('an insert failed; retrying', first);
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
 * Another message holds the idempotency key. The same request gets the answer of that message, and
 * another request is refused. A holder older than 24 hours loses the key, and the insert is tried
 * again. The loop is bounded: the holder may be a concurrent call whose write cannot be read yet.
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
