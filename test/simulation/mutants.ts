// The rules broken on purpose, one at a time, to see that the simulation notices. Each mutant is an
// edit of the sources as they are loaded; `find` must stand in its file exactly once, so that a
// changed source is noticed too. The rules of model/delivery.mjs keep their names.

import type { Law } from './laws.ts';
import type { Layout } from './settings.ts';

export interface Edit {
  /** From the root of the repository. */
  readonly file: string;
  readonly find: string;
  readonly replace: string;
}

export interface Mutant {
  readonly name: string;
  /** The worlds in which the rule applies. Default: `cluster`. */
  readonly layout?: Layout;
  readonly edits: readonly Edit[];
  /** What it may break, whichever a seed shows first; empty: nothing, which the model says too. */
  readonly breaks: readonly Law[];
}

/** Each is caught within so many seeds. */
export const SEEDS_MAX = 600;

const DELIVERY = 'services/core/delivery/delivery.ts';
const DISPATCH = 'services/dispatcher/dispatch.ts';
const SELECT = 'services/dispatcher/select.ts';
const CLAIM = 'services/dispatcher/claim.ts';
const LEASES = 'services/dispatcher/leases.ts';
const WITHHOLD = 'services/dispatcher/withhold-suppressed.ts';
const DELIVER = 'services/dispatcher/deliver.ts';
const ATTEMPT = 'services/dispatcher/record-attempt.ts';
const SWEEP = 'services/sweeper/sweep.ts';
const LEASE_WATCH = 'services/sweeper/lease-watch.ts';
const STORE_TIME = 'services/core/time/store-time.ts';
const SEND = 'services/ingest/send-messages.ts';
const RESUME = 'services/embedded/resume.ts';
const STORE = 'services/adapters/memory/message-store.ts';

const edit = (file: string, find: string, replace: string): Edit => ({ file, find, replace });

const P1: Law = 'P1: every acknowledged message is there and ends';
const P2: Law = 'P2: what was refused without a message_id is never sent';
const P3: Law = 'P3: one key, one message, one answer';
const P4: Law = 'P4: a key means one request';
const P5: Law = 'P5: a second copy only after a fault in the span';
const P5once: Law = 'P5: at_most_once never sends two';
const P6early: Law = 'P6: no attempt before its time';
const P6late: Law = 'P6: no attempt later than its time allows';
const P6count: Law = 'P6: attempts are counted by refusals alone';
const P7: Law = 'P7: nothing is sent after a 200 to DELETE';
const P7wish: Law = 'P7: a wish to cancel is honoured when it defers';
const P8: Law = 'P8: nothing before its scheduled time';
const P11: Law = 'P11: no DATA to an address suppressed before the claim';
const P12: Law = 'P12: one event for each thing that happened, in order';
const R2: Law = 'R2: a lapsed lease counts as one, and nothing else does';
const R3: Law = 'R3: what waits is not started';
const R5: Law = 'R5: the store’s clock neither stands still nor hurries';
const R7: Law = 'R7: a release spends nothing';
const R8: Law = 'R8: every attempt has the same Message-ID and bytes';
const R9: Law = 'R9: nothing starts past its expiry';
const TERMINAL: Law = 'terminal states never change';
const CANCELLED: Law = 'cancelled means not sent';
const BOUNCED: Law = 'bounced and dead mean not sent, unless a retry was refused after a possible copy';

export const mutants: readonly Mutant[] = [
  // --- the rules of the model
  {
    name: 'claim: whatever has not ended may be claimed',
    edits: [
      edit(
        DELIVERY,
        "d.state !== 'queued' || d.attempt !== input.attempt || d.due > input.now",
        'isTerminal(d.state)',
      ),
      edit(
        'services/core/delivery/plan.ts',
        "if (d.state !== 'queued' || d.attempt !== context.attempt || d.due > now) return { kind: 'drop' };",
        '',
      ),
    ],
    breaks: [P5, P5once, P6early, R3, CANCELLED, P12, P6count],
  },
  {
    name: 'fence: the dot is sent whatever the store says',
    edits: [
      edit(DELIVER, 'beforeDot: () => hand.commit(),', 'beforeDot: async () => (await hand.commit(), true),'),
    ],
    breaks: [P5, P5once, P7, CANCELLED, BOUNCED],
  },
  {
    name: 'fence: the record of committing is not awaited',
    edits: [
      edit(
        DELIVER,
        'beforeDot: () => hand.commit(),',
        'beforeDot: async () => (void hand.commit().catch(() => {}), true),',
      ),
    ],
    breaks: [P5, P5once, P7, CANCELLED, BOUNCED],
  },
  {
    name: 'record by lease: an outcome is recorded whoever holds the delivery now',
    edits: [
      edit(
        DELIVERY,
        '  if (!holdsLease(d, leaseId)) {\n    // The lease is lost, but',
        '  if (!holdsLease(d, leaseId) && isTerminal(d.state) === false && s.index < 0) {\n    // The lease is lost, but',
      ),
    ],
    breaks: [TERMINAL, CANCELLED, BOUNCED, P6count, P5, P12],
  },
  {
    name: 'late 250: a 250 whose lease was lost is forgotten',
    edits: [edit(DELIVERY, 'return isLate250 ? end(', 'return isLate250 && s.index < 0 ? end(')],
    breaks: [],
  },
  {
    name: 'no resend from committing',
    edits: [
      edit(
        DELIVERY,
        "if (wasCommitting && s.copies === 'at_most_once') return",
        "if (wasCommitting && s.copies === 'at_most_once' && s.index < 0) return",
      ),
    ],
    breaks: [P5once],
  },
  {
    name: 'lost answer is unknown',
    edits: [
      edit(
        DELIVERY,
        "      if (s.copies === 'at_most_once') return end(",
        "      if (s.copies === 'at_most_once' && s.index < 0) return end(",
      ),
    ],
    breaks: [P5once],
  },
  {
    name: 'cancel only what waits: what is being sent is cancelled too',
    edits: [
      edit(
        DELIVERY,
        'if (isWaiting(d.state) && !d.maybeSent) return { kind',
        'if (!d.maybeSent) return { kind',
      ),
    ],
    breaks: [P7, CANCELLED],
  },
  {
    name: 'maybe sent is not cancelled: by a caller',
    edits: [
      edit(
        DELIVERY,
        'if (isWaiting(d.state) && !d.maybeSent) return { kind',
        'if (isWaiting(d.state)) return { kind',
      ),
    ],
    breaks: [P7, CANCELLED],
  },
  {
    name: 'maybe sent is not cancelled: when it defers',
    edits: [edit(DELIVERY, 'if (d.cancelWanted && !how.maybeSent) return', 'if (d.cancelWanted) return')],
    breaks: [CANCELLED, P7],
  },
  {
    name: 'sweeper: nothing is swept',
    edits: [
      edit(
        SWEEP,
        '  await wakeUp(s, watch, signal);\n  return await feedBacklogs(s, signal);',
        '  void [wakeUp, feedBacklogs];\n  return false;',
      ),
    ],
    breaks: [P1, P6late],
  },
  {
    name: 'ack late: entries are acked when they are taken',
    edits: [
      edit(
        DISPATCH,
        'inFlight.add(taken.length);',
        'inFlight.add(taken.length);\n    for (const entry of taken) entry.ack();',
      ),
    ],
    breaks: [],
  },

  // --- the sweeper forgets
  {
    name: 'the sweeper forgets what is being sent',
    edits: [
      edit(SWEEP, "['sending', 'deferred', 'scheduled'] as const", "['deferred', 'scheduled'] as const"),
    ],
    breaks: [P1],
  },
  {
    name: 'the sweeper forgets what is deferred',
    edits: [
      edit(SWEEP, "['sending', 'deferred', 'scheduled'] as const", "['sending', 'scheduled'] as const"),
    ],
    breaks: [P1],
  },
  {
    name: 'the sweeper forgets what is scheduled',
    edits: [edit(SWEEP, "['sending', 'deferred', 'scheduled'] as const", "['sending', 'deferred'] as const")],
    breaks: [P1],
  },
  {
    name: 'the sweeper forgets what is queued',
    edits: [edit(SWEEP, '  return await feedBacklogs(s, signal);', '  void feedBacklogs;\n  return false;')],
    breaks: [P1, P6late],
  },

  // --- claims, leases, releases
  {
    name: 'held mail: the due is looked at neither by the plan nor by the claim',
    edits: [
      edit(DELIVERY, 'd.attempt !== input.attempt || d.due > input.now', 'd.attempt !== input.attempt'),
      edit(
        'services/core/delivery/plan.ts',
        'd.attempt !== context.attempt || d.due > now',
        'd.attempt !== context.attempt',
      ),
    ],
    breaks: [R3, P6early, P8],
  },
  {
    name: 'a release counts as a lapse',
    edits: [
      edit(
        DELIVERY,
        '    tries: s.delivery.tries + (input.tried ? 1 : 0),',
        '    tries: s.delivery.tries + (input.tried ? 1 : 0),\n    lapses: s.delivery.lapses + 1,',
      ),
    ],
    breaks: [R2],
  },
  {
    name: 'a release spends the attempt',
    edits: [
      edit(
        DELIVERY,
        '    tries: s.delivery.tries + (input.tried ? 1 : 0),',
        '    tries: s.delivery.tries + (input.tried ? 1 : 0),\n    attempt: s.delivery.attempt + 1,',
      ),
    ],
    breaks: [R7, P6count],
  },
  {
    name: 'a release from committing',
    edits: [
      edit(
        DELIVERY,
        "if (!holdsLease(s.delivery, leaseId) || s.delivery.phase !== 'streaming') return null;\n  return change(s, {\n    state: 'queued',",
        "if (!holdsLease(s.delivery, leaseId)) return null;\n  return change(s, {\n    state: 'queued',",
      ),
      edit(
        ATTEMPT,
        "view.delivery.phase === 'committing' ? recorded(view, waiting) : release(view, hand.leaseId, how)",
        'release(view, hand.leaseId, how)',
      ),
    ],
    breaks: [R7],
  },
  {
    name: 'lapses are not counted',
    edits: [edit(DELIVERY, 'const lapses = d.lapses + 1;', 'const lapses = d.lapses;')],
    breaks: [R2],
  },
  {
    name: 'a lapse from committing leaves no mark',
    edits: [
      edit(DELIVERY, 'const maybeSent = d.maybeSent || wasCommitting;', 'const maybeSent = d.maybeSent;'),
    ],
    breaks: [P7, CANCELLED, BOUNCED],
  },
  {
    name: 'a lost answer leaves no mark',
    edits: [
      edit(
        DELIVERY,
        '{ spent: true, waitMs: 0, maybeSent: true }',
        '{ spent: true, waitMs: 0, maybeSent: d.maybeSent }',
      ),
    ],
    breaks: [P7, CANCELLED, BOUNCED],
  },
  {
    name: 'leases are taken back before they are over',
    edits: [
      edit(DELIVERY, 'd.lease === null || d.lease.until > now', 'd.lease === null'),
      edit(DELIVERY, '    wakeAt: until,\n    hold: null,', '    wakeAt: input.now,\n    hold: null,'),
    ],
    breaks: [R2],
  },
  {
    name: 'leases are not renewed',
    edits: [
      edit(
        LEASES,
        'const renewals = [...this.#held].map',
        'const renewals = [...this.#held].slice(0, 0).map',
      ),
    ],
    breaks: [P5, P5once],
  },
  {
    name: 'the version is ignored by the store',
    edits: [edit(STORE, ' || delivery.version !== change.version) return null;', ') return null;')],
    breaks: [TERMINAL, P5, P5once, P6count, P7, CANCELLED, P12, R2, BOUNCED],
  },
  {
    name: 'what could not be checked stays in hand',
    edits: [
      edit(
        WITHHOLD,
        '      await hand.insist(decide, stop);\n      done(each);',
        '      if (isSuppressed !== null) await hand.insist(decide, stop);\n      if (isSuppressed !== null) done(each);',
      ),
    ],
    breaks: [P1],
  },
  {
    name: 'a claim that was overtaken by a note is dropped',
    edits: [edit('services/core/limits/dispatch.ts', 'entryTriesMax: 3,', 'entryTriesMax: 1,')],
    breaks: [P6late],
  },
  {
    name: 'due-ness by the clock of the process',
    edits: [
      edit(
        CLAIM,
        '  const claimedAt = d.clock.monotonic();\n  const now = d.messages.now();',
        '  const claimedAt = d.clock.monotonic();\n  const now = d.clock.now();',
      ),
      edit(
        SELECT,
        '  const catalog = d.catalog.current();\n  const now = d.messages.now();',
        '  const catalog = d.catalog.current();\n  const now = d.clock.now();',
      ),
    ],
    breaks: [R3, P6early, P6late, R2, R9, P5, P5once, P1],
  },
  {
    name: 'a sweeper by the clock of its process',
    edits: [edit(LEASE_WATCH, 'const now = messages.now();', 'const now = clock.now();')],
    breaks: [P6early, P6late, P8, R2, R3, P5, P5once, P1],
  },

  // --- clocks
  {
    name: 'the slew is forgotten',
    layout: 'embedded',
    edits: [
      edit(
        STORE_TIME,
        'const slewMax = awake * storeLimits.storeClockSlewShare;',
        'const slewMax = Math.max(awake, wall - unslewed);',
      ),
    ],
    breaks: [R5],
  },
  {
    name: 'suspended time is forgotten',
    layout: 'embedded',
    edits: [edit(STORE_TIME, 'suspended: Math.max(0, grown)', 'suspended: 0')],
    breaks: [R5],
  },
  {
    name: 'leases are taken back right after a step',
    edits: [edit(LEASE_WATCH, 'isPaused: monotonic < this.#pause.until', 'isPaused: this.#pause.until < 0')],
    breaks: [P5, P5once],
  },
  {
    name: 'leases are judged by a clock that was not measured',
    edits: [edit(LEASE_WATCH, '    await this.#s.messages.measureClock();\n', '')],
    breaks: [R2],
  },

  // --- the start of embedded mode
  {
    name: 'a start keeps the leases of the dead process',
    layout: 'embedded',
    edits: [
      edit(RESUME, 'const inHand = await takeBackAll(parts);', 'const inHand = 0 * takeBackAll.length;'),
    ],
    breaks: [P6late],
  },
  {
    name: 'a start keeps the entries of the lost queue',
    layout: 'embedded',
    edits: [edit(RESUME, 'const inQueue = await parts.messages.forgetEntries();', 'const inQueue = 0;')],
    breaks: [P6late],
  },
  {
    name: 'a start lets mail wait that was in hand once',
    layout: 'embedded',
    edits: [
      edit(DELIVERY, 's.delivery.lapses < deliveryLimits.lapsesWithoutDelayMax ? 0 : delayMs', 'delayMs'),
    ],
    breaks: [P6late],
  },
  {
    name: 'a start sends mail at once that was in hand at three ends',
    layout: 'embedded',
    edits: [
      edit(DELIVERY, 's.delivery.lapses < deliveryLimits.lapsesWithoutDelayMax ? 0 : delayMs', 'delayMs * 0'),
    ],
    breaks: [P6early],
  },

  // --- attempts and their times
  {
    name: 'an attempt before its time',
    edits: [
      edit(
        DELIVERY,
        'const due = now + Math.ceil(wait * (1 + deliveryLimits.retryJitter * schedule.random));',
        'const due = now + Math.ceil(wait / 2);',
      ),
    ],
    breaks: [P6early],
  },
  {
    name: 'jitter makes it early',
    edits: [
      edit(
        DELIVERY,
        '(1 + deliveryLimits.retryJitter * schedule.random)',
        '(1 - deliveryLimits.retryJitter * schedule.random)',
      ),
    ],
    breaks: [P6early],
  },
  {
    name: 'jitter of half the wait',
    edits: [
      edit(DELIVERY, '(1 + deliveryLimits.retryJitter * schedule.random)', '(1 + 0.9 * schedule.random)'),
    ],
    breaks: [P6late],
  },
  {
    name: 'what falls due is not published at once',
    edits: [
      edit(
        DELIVERY,
        "{ state: 'queued', wakeAt: wake(d.due, s.expiresAt) },",
        "{ state: 'queued', wakeAt: wake(now + 60_000, s.expiresAt) },",
      ),
    ],
    breaks: [P6late],
  },
  {
    name: 'one attempt too many',
    edits: [
      edit(
        DELIVERY,
        'if (attempt > schedule.delaysMs.length + 1)',
        'if (attempt > schedule.delaysMs.length + 2)',
      ),
    ],
    breaks: [P6count],
  },
  {
    name: 'one attempt too few',
    edits: [
      edit(
        DELIVERY,
        'if (attempt > schedule.delaysMs.length + 1)',
        'if (attempt > schedule.delaysMs.length)',
      ),
    ],
    breaks: [P6count],
  },
  {
    name: 'a refusal about us comes back at once',
    edits: [
      edit(
        DELIVERY,
        'const wait = Math.max(how.waitMs, how.spent ?',
        'const wait = Math.max(0, !how.spent ? 1_000 : how.spent ?',
      ),
    ],
    breaks: [P6early],
  },
  {
    name: 'scheduled mail is queued at once',
    edits: [
      edit(
        DELIVERY,
        ': input.scheduledAt !== null && input.scheduledAt > input.now',
        ': input.scheduledAt === -1',
      ),
    ],
    breaks: [P8],
  },
  {
    name: 'expiry is looked at neither by the plan nor by the claim',
    edits: [
      edit(
        'services/core/delivery/plan.ts',
        'if (old !== null) return',
        'if (old !== null && now < 0) return',
      ),
      edit(DELIVERY, 'expiresAt === null ? due : Math.min(due, expiresAt);', '(void expiresAt, due);'),
      edit(DELIVERY, 's.expiresAt <= input.now) return null;', 's.expiresAt < 0) return null;'),
    ],
    breaks: [R9],
  },
  {
    name: 'a wish to cancel is forgotten',
    edits: [
      edit(
        DELIVERY,
        'if (d.cancelWanted && !how.maybeSent) return',
        'if (d.cancelWanted && s.index < 0) return',
      ),
    ],
    breaks: [P7wish],
  },

  // --- accepting
  {
    name: 'the answer comes before the insert',
    edits: [
      edit(
        SEND,
        '  const inserted = await insert(\n    ingest,\n    insertions.map((c) => c.message),\n  );',
        "  const inserted: (Inserted | Failure)[] = insertions.map(() => ({ kind: 'inserted', versions: [] }));\n  void insert(\n    ingest,\n    insertions.map((c) => c.message),\n  );",
      ),
    ],
    breaks: [P1],
  },
  {
    name: 'the publish comes before the insert',
    edits: [
      edit(
        SEND,
        '  const inserted = await insert(\n',
        '  await publish(\n    ingest,\n    insertions.flatMap((c) => c.entries),\n    () => new Map(),\n  );\n  const inserted = await insert(\n',
      ),
      edit(SEND, 'insertions.flatMap((c, i) => (isStored(inserted[i]) ? c.entries : [])),', '[],'),
    ],
    breaks: [P6late],
  },
  {
    name: 'the idempotency key is left out of the insert',
    edits: [
      edit('services/core/accept/accept.ts', '    idempotency: input.idempotency,', '    idempotency: null,'),
    ],
    breaks: [P3],
  },
  {
    name: 'a key is taken for ever',
    edits: [
      edit(
        'services/core/accept/idempotency.ts',
        'if (now - holder.createdAt >= acceptLimits.idempotencyWindowMs)',
        'if (now < 0)',
      ),
    ],
    breaks: [P3],
  },
  {
    name: 'a key is free again after an hour',
    edits: [
      edit(
        'services/core/accept/idempotency.ts',
        'if (now - holder.createdAt >= acceptLimits.idempotencyWindowMs)',
        'if (now - holder.createdAt >= 3_600_000)',
      ),
    ],
    breaks: [P3],
  },
  {
    name: 'the fingerprint is not compared',
    edits: [
      edit(
        'services/core/accept/idempotency.ts',
        'if (holder.idempotency?.fingerprint === wanted.fingerprint && reaches(reach, holder))',
        'if (wanted.fingerprint && reaches(reach, holder))',
      ),
    ],
    breaks: [P4],
  },
  {
    name: 'a failed insert names no message',
    edits: [
      edit(
        SEND,
        'return messages.map((m) => mayBeStored(m.id, cause));',
        "return messages.map(() => new Failure('unavailable', '', { cause }));",
      ),
    ],
    breaks: [P2],
  },
  {
    name: 'what is handed over twice is answered twice',
    edits: [
      edit(
        SEND,
        "if (outcome.kind === 'known')\n      return {",
        "if (outcome.kind === 'known') return { message, replayed: false };\n    if (outcome.kind === 'known')\n      return {",
      ),
    ],
    breaks: [P3],
  },
  {
    name: 'the full window is not noted',
    edits: [
      edit(
        SEND,
        'message === undefined ? null : notPublished(',
        'message === undefined || entry.attempt > 0 ? null : notPublished(',
      ),
    ],
    breaks: [P6late],
  },
  {
    name: 'a backlog that begins meanwhile stops a publication that was counted on',
    edits: [
      edit(
        SEND,
        'const published = await ingest.queue.publish(entries);',
        'entries = entries.filter((p) => !ingest.backlogs.has(p));\n  const published = await ingest.queue.publish(entries);',
      ),
    ],
    breaks: [P6late],
  },
  {
    name: 'neither published nor looked for',
    edits: [edit(SEND, 'entries: isPublished ? entriesOf(message) : []', 'entries: []')],
    breaks: [P6late],
  },

  // --- what is sent
  {
    name: 'suppression is checked at accept only',
    edits: [
      edit(
        DISPATCH,
        'const sendable = await withholdSuppressed(d, claimed, { stop, done });',
        'const sendable = claimed;\n  void withholdSuppressed;',
      ),
    ],
    breaks: [P11],
  },
  {
    name: 'suppression is checked before the claim',
    edits: [
      edit(
        DISPATCH,
        'const claimed = await claimAll(d, batch, leases, candidates);',
        `const hashes = candidates.flatMap((c) => {
          const { recipient } = c.message.deliveries[c.taken.entry.delivery];
          return hashesOfRecipient(d.suppressionKeys, c.message.tenant, recipient);
        });
        const early = await d.suppressions.matches('default', 'all', hashes);
        for (const c of candidates) Object.assign(c, { early });
        const claimed = await claimAll(d, batch, leases, candidates);`,
      ),
      edit(
        DISPATCH,
        "import { Failure } from '../core/failure.ts';",
        "import { Failure } from '../core/failure.ts';\nimport { suppressionHashes as hashesOfRecipient } from '../core/access/suppression.ts';",
      ),
      edit(
        WITHHOLD,
        'const matches = await d.suppressions.matches(tenant, SCOPE_ALL, [...hashes.values()].flat());',
        'const matches = claimed[0].candidate.early;',
      ),
    ],
    breaks: [P11],
  },
  {
    name: 'the Date is that of the attempt',
    edits: [
      edit(
        'services/dispatcher/compose-mail.ts',
        'const mail = mailOf(message, await contentOf(d, message), sender.domain);',
        'const mail = { ...mailOf(message, await contentOf(d, message), sender.domain), date: d.messages.now() };',
      ),
    ],
    breaks: [R8],
  },
  {
    name: 'every claim is an event',
    edits: [edit(DELIVERY, 'return change(s, set, d.takenUp ? null : {', 'return change(s, set, {')],
    breaks: [P12],
  },
  {
    name: 'an end without its event',
    edits: [
      edit(
        DELIVERY,
        'wakeAt: null }, { type: state, data });',
        "wakeAt: null }, state === 'expired' || state === 'unknown' ? null : { type: state, data });",
      ),
    ],
    breaks: [P12],
  },
  {
    name: 'scheduled mail falls due without its event',
    edits: [edit(DELIVERY, "d.state === 'scheduled' ? { type: 'queued', data: {} } : null,", 'null,')],
    breaks: [P12],
  },
];
