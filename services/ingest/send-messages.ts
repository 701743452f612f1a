// Accepts the messages of one batch. Each item is judged separately and has its own result; one
// insert stores all accepted items, and one call publishes them (R1). P1 depends on the order:
// content first, then the insert, then the publish, then the response. A failure after the insert
// never reaches the caller: the message is durable, and the sweeper publishes its entries.

import { type Draft, judgeSend, toMessage } from '../core/accept/accept.ts';
import { mergeFaults } from '../core/accept/field-rules.ts';
import {
  fingerprintOf,
  type IdempotencyKey,
  judgeTakenKey,
  keyFieldOf,
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
import { authenticateCaller } from './authenticate.ts';
import {
  type CallOrigin,
  countRequest,
  enter,
  failureForCaller,
  type RateLimitStatus,
} from './handle-call.ts';
import type { Ingest } from './ingest-parts.ts';
import { surveyMessages } from './survey-messages.ts';

/**
 * One request to send. Differs from the `SendItem` of the contract: a public call has no such item,
 * and content may be read only after the key was authenticated. So each door supplies two functions
 * for the steps that need the contract.
 */
export interface IncomingSend {
  readonly origin: CallOrigin;
  /** Keys in the headers of the call; `prepare` finds those inside the request's `headers{}`. */
  readonly idempotencyKeys: readonly string[];
  readonly traceparent: string;
  /** True when `Admit` has counted this request. */
  readonly isCounted: boolean;
  /**
   * Made by a gateway, so that the gateway can repeat a call whose reply was lost. Null: ingest
   * makes the id.
   */
  readonly messageId: MessageId | null;
  /** Faults by the rules of the contract. Called after authentication. */
  readonly judge: () => readonly FieldError[];
  /** The access rule of the rpc that brought the request. */
  readonly rule: AccessRule;
  /**
   * Reads the request, and stores large content in the BlobStore. Called after authentication, so
   * that a caller without a key can store nothing. `noteBlob` is told each blob of the request, also
   * if `read` throws afterwards.
   */
  readonly read: (caller: Caller, noteBlob: (id: BlobId) => void) => Promise<SendRequest>;
}

/**
 * The result of one item. Every item has one, also the refused: one call carries the items of many
 * callers, so a failure of one item must not reject the call.
 */
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
  /** The path of the idempotency key in errors. */
  readonly keyField: string;
}

/**
 * Returns the results in the order of the items; never rejects. An item that is refused or fails
 * does not affect the others.
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
        const admitted = await authenticateAndCount(ingest, item);
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
    const stored = await insertAndPublish(ingest, accepted);
    for (const [k, { i }] of accepted.entries()) {
      const outcome = stored[k];
      if (outcome !== undefined) setResult(i, outcome.message, outcome.replayed);
    }
  } catch (error) {
    for (const { i, requestId } of accepted) setResult(i, failureForCaller(ingest, error, requestId));
  }
  return results.map(
    (result, i) =>
      result ?? { rate: rates[i] ?? null, failure: new Failure('internal', 'the request has no result') },
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

async function authenticateAndCount(
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
 * a replay even if the same request would be refused now: a template may have changed, or a scheduled time may
 * have passed, between a request and its retry (P3).
 */
async function prepare(
  ingest: Pick<Ingest, 'messages' | 'catalog' | 'templates' | 'blobs' | 'random' | 'report'>,
  item: IncomingSend,
  principal: Principal,
): Promise<Ready | { readonly replay: Message }> {
  const caller = enter(principal, item.rule);
  const blobs: BlobId[] = [];
  try {
    const judged = await judgeRequest(
      ingest,
      item,
      caller,
      await item.read(caller, (id) => void blobs.push(id)),
    );
    if ('replay' in judged) await discard(ingest, blobs, item.origin.requestId);
    return judged;
  } catch (error) {
    if (isFinal(error)) await discard(ingest, blobs, item.origin.requestId);
    throw error;
  }
}

/** After other failures the gateway repeats the call with the same content. */
const isFinal = (error: unknown): boolean =>
  error instanceof Failure && error.kind !== 'unavailable' && error.kind !== 'internal';

async function judgeRequest(
  ingest: Pick<Ingest, 'messages' | 'catalog' | 'templates' | 'blobs' | 'random' | 'report'>,
  item: IncomingSend,
  caller: Caller,
  request: SendRequest,
): Promise<Ready | { readonly replay: Message }> {
  const keyField = keyFieldOf(request);
  const { key, errors: keyErrors } = parseIdempotencyKeys(
    [
      ...item.idempotencyKeys,
      ...keysInHeaders(request.headers),
      ...(request.idempotencyKey === null ? [] : [request.idempotencyKey]),
    ],
    keyField,
  );
  const print = key === null ? '' : fingerprintOf(request);
  const { parsed, errors } = parseSendRequest(request, ingest.messages.now());
  const pinned = await pinnedRevision(ingest, caller, parsed.template);
  const ofContent = await surveyMessages(ingest.blobs, request.attachments);
  const faults = [...keyErrors, ...mergeFaults(item.judge(), [...errors, ...ofContent])];
  const judgement = judgeSend(parsed, faults, {
    caller,
    catalog: ingest.catalog.current(),
    pinned,
    renderTemplate: ingest.templates.renderTemplate,
  });
  if (judgement.kind === 'refused') {
    const holder = key === null ? null : await ingest.messages.findByIdempotencyKey(caller.tenant, key);
    const wanted = { fingerprint: print, field: keyField };
    const taken = holder === null ? null : judgeTakenKey(holder, wanted, ingest.messages.now(), caller.reach);
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
    keyField,
  };
}

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

/** The ports that storing and publishing need. */
type StoreParts = Pick<
  Ingest,
  | 'messages'
  | 'blobs'
  | 'queue'
  | 'backlogs'
  | 'suppressions'
  | 'hashKeys'
  | 'clock'
  | 'random'
  | 'republishMs'
  | 'report'
>;

/**
 * One insert and one publish for all items. An item whose idempotency key another message holds is
 * stored separately, so that a race for one key delays no other item.
 */
async function insertAndPublish(ingest: StoreParts, accepted: readonly Ready[]): Promise<readonly Stored[]> {
  if (accepted.length === 0) return [];
  const suppressed = await suppressedOf(ingest, accepted);
  const insertions = accepted.map((ready, i) => insertionOf(ingest, ready, suppressed[i] ?? new Set()));
  const inserted = await insert(
    ingest,
    insertions.map((c) => c.message),
  );
  await publish(
    ingest,
    insertions.flatMap((c, i) => (isStored(inserted[i]) ? c.entries : [])),
    () => storedMessages(insertions, inserted),
  );
  return Promise.all(insertions.map((c, i) => storedOf(ingest, c, inserted[i])));
}

const isStored = (outcome: Inserted | Failure | undefined): boolean =>
  outcome !== undefined && !(outcome instanceof Failure) && outcome.kind !== 'key_taken';

async function storedOf(
  ingest: Parameters<typeof resolveTakenKey>[0],
  insertion: Insertion,
  outcome: Inserted | Failure | undefined,
): Promise<Stored> {
  const { message } = insertion;
  try {
    if (outcome instanceof Failure) throw outcome;
    if (outcome === undefined) throw new Error('the store returns a result for each message');
    if (outcome.kind === 'known')
      return { message: knownMessage(insertion, outcome.message), replayed: false };
    if (outcome.kind === 'inserted' || message.idempotency === null) return { message, replayed: false };
    return await resolveTakenKey(ingest, insertion, message.idempotency);
  } catch (error) {
    return { message: failureForCaller(ingest, error, insertion.requestId), replayed: false };
  }
}

/**
 * Returns a message that an earlier call stored under the same id: the response has the time and
 * the state of that call (P3). If the message belongs to another tenant (P16), or the caller may
 * not read it, throws a conflict that reveals nothing about the message.
 */
function knownMessage({ message: { tenant }, reach }: Insertion, stored: Message): Message {
  if (stored.tenant !== tenant || !reaches(reach, stored))
    throw new Failure('conflict', 'This message id is already in use.');
  return stored;
}

/**
 * The write may have happened, so the failure names the message, and the caller can look it up
 * (P2).
 */
const mayBeStored = (messageId: MessageId, cause: unknown): Failure =>
  new Failure(
    'unavailable',
    'The message could not be stored. Repeat the request with the same idempotency key.',
    {
      cause,
      retryAfterMs: acceptLimits.sendRetryAfterMs,
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
interface Insertion {
  readonly requestId: RequestId | null;
  readonly keyField: string;
  readonly message: NewMessage;
  readonly reach: Reach;
  /** Empty while the tenant has a backlog in this tier: the sweeper publishes oldest first (R4). */
  readonly entries: readonly NewEntry[];
}

function insertionOf(
  ingest: Pick<Ingest, 'messages' | 'backlogs' | 'random' | 'republishMs'>,
  ready: Ready,
  suppressed: ReadonlySet<Address>,
): Insertion {
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
  const { requestId, keyField, reach } = ready;
  return { requestId, keyField, message, reach, entries: isPublished ? entriesOf(message) : [] };
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
 * The sweeper publishes the entries that the queue did not take, because the window is full or the
 * queue is unreachable. From then on the tenant has a backlog, so that later messages neither
 * overtake these nor wait for a queue that does not reply. `stored` is called only when the queue
 * did not take an entry.
 */
async function publish(
  ingest: Pick<Ingest, 'messages' | 'queue' | 'backlogs' | 'report'>,
  entries: readonly NewEntry[],
  stored: () => ReadonlyMap<MessageId, StoredMessage>,
): Promise<void> {
  if (entries.length === 0) return;
  const published = await ingest.queue.publish(entries);
  const missed = entries.filter((_, i) => published[i] !== 'published');
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
      'could not record which entries the queue refused; the sweeper publishes them after a minute',
      error,
    );
  }
}

type StoredMessage = Omit<Message, 'events'>;

/** The messages as the insert left them in the store: a change must name the versions there. */
function storedMessages(
  insertions: readonly Insertion[],
  inserted: readonly (Inserted | Failure)[],
): ReadonlyMap<MessageId, StoredMessage> {
  const stored = new Map<MessageId, StoredMessage>();
  for (const [i, { message }] of insertions.entries()) {
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
 * Another message holds the idempotency key. If it was stored for the same request, returns that
 * message; refuses any other request. A holder older than 24 hours loses the key, and the insert is
 * tried again. The loop is bounded: the holder may be a concurrent call whose write cannot be read
 * yet.
 */
async function resolveTakenKey(
  ingest: Pick<Ingest, 'messages' | 'blobs' | 'queue' | 'backlogs' | 'clock' | 'report'>,
  insertion: Insertion,
  idempotency: { readonly key: string; readonly fingerprint: string },
): Promise<Stored> {
  const { message, entries, reach } = insertion;
  const wanted = { fingerprint: idempotency.fingerprint, field: insertion.keyField };
  const key = idempotency.key as IdempotencyKey;
  const giveUpAt = ingest.clock.monotonic() + acceptLimits.idempotencyRaceMs;
  while (ingest.clock.monotonic() < giveUpAt) {
    const holder = await ingest.messages.findByIdempotencyKey(message.tenant, key);
    if (holder !== null) {
      const taken = judgeTakenKey(holder, wanted, ingest.messages.now(), reach);
      if (taken.kind !== 'outdated') await discard(ingest, blobsOf(message.content), insertion.requestId);
      if (taken.kind === 'replay') return { message: taken.message, replayed: true };
      if (taken.kind === 'reused') return { message: taken.failure, replayed: false };
      await ingest.messages.dropIdempotencyKey(holder.id, key);
    }
    const [again] = await insert(ingest, [message]);
    if (again instanceof Failure) throw again;
    if (again?.kind === 'inserted' || again?.kind === 'known') {
      await publish(ingest, entries, () => storedMessages([insertion], [again]));
      return {
        message: again.kind === 'known' ? knownMessage(insertion, again.message) : message,
        replayed: false,
      };
    }
    await ingest.clock.sleep(acceptLimits.idempotencyRacePollMs);
  }
  throw new Failure('conflict', 'Another request with this idempotency key is still running.', {
    code: 'idempotency_key_in_use',
    retryAfterMs: acceptLimits.sendRetryAfterMs,
  });
}
