// The dispatcher's loop: take entries, plan, claim what can go now, deliver, and ack once what became of it is stored (RELIABILITY R2, R3).

import type { Route, Sender } from '../core/catalog.ts';
import { type Change, claim, type HoldReason, hold, release, type Subject, suppress } from '../core/delivery.ts';
import { Failure } from '../core/failure.ts';
import { ID_RANDOM_BYTES, sortableId } from '../core/ids.ts';
import { limits } from '../core/limits.ts';
import { type Message, subjectOf, withProgress } from '../core/message.ts';
import { earlyBy, plan } from '../core/plan.ts';
import { routeDigest } from '../core/route-digest.ts';
import { SCOPE_ALL, suppressionHashes } from '../core/suppression.ts';
import type { Taken } from '../ports/work-queue.ts';
import { deliver } from './deliver.ts';
import { DeliveryInHand } from './delivery-in-hand.ts';
import { type Dispatcher, leaseOf, routesOf } from './dispatcher.ts';
import { PausedRoutes } from './paused-routes.ts';
import { RouteSlots } from './route-slots.ts';
import { SenderBudgets } from './sender-budgets.ts';

/** `take`: no more entries are taken. `stop`: what is under way is given up. The first comes well before the second. */
export interface DispatchSignals {
  readonly take: AbortSignal;
  readonly stop: AbortSignal;
}

interface Candidate {
  readonly taken: Taken;
  readonly message: Message;
  readonly sender: Sender;
  readonly route: Route;
}

interface Held {
  readonly candidate: Candidate;
  readonly reason: HoldReason;
  readonly due: number;
}

interface Judged {
  readonly going: readonly Candidate[];
  readonly held: readonly Held[];
}

interface Claimed {
  readonly candidate: Candidate;
  readonly hand: DeliveryInHand;
}

/**
 * A decision that the store refuses is made anew about what it has now: mostly the sweeper has only noted that it published the very entry in hand.
 * A delivery that is changed by others this often is left to a later entry.
 */
const ROUNDS = 3;

/** Runs until `take` is aborted and all that was in hand is settled. Never rejects. */
export async function dispatch(d: Dispatcher, signals: DispatchSignals): Promise<void> {
  const run = new Run(d, signals.stop);
  const renewing = run.keepLeases();
  while (!signals.take.aborted) {
    await run.hasRoom();
    const taken = await d.queue.take(run.room, signals.take);
    if (signals.take.aborted) for (const t of taken) t.giveBack();
    else run.begin(taken);
  }
  await run.settled();
  run.end();
  await renewing;
}

class Run {
  readonly #d: Dispatcher;
  readonly #stop: AbortSignal;
  readonly #ended = new AbortController();
  readonly #paused = new PausedRoutes();
  readonly #budgets: SenderBudgets;
  readonly #slots: RouteSlots;
  /** The route that an entry takes a slot of, until it is finished. */
  readonly #routeOf = new Map<Taken, Route>();
  readonly #inHand = new Set<DeliveryInHand>();
  /** Entries taken whose outcome is not settled yet. */
  #open = 0;
  #waiters: (() => void)[] = [];
  #isWatching = false;

  constructor(d: Dispatcher, stop: AbortSignal) {
    this.#d = d;
    this.#stop = stop;
    this.#budgets = new SenderBudgets(d);
    this.#slots = new RouteSlots(d);
  }

  get room(): number {
    return this.#slots.room(this.#open);
  }

  async hasRoom(): Promise<void> {
    while (this.room <= 0) {
      this.#watchRoutes();
      await this.#change();
    }
  }

  async settled(): Promise<void> {
    while (this.#open > 0) await this.#change();
  }

  end(): void {
    this.#ended.abort();
  }

  /** Renews the leases of all that is in hand, all in one turn, so that the store gets them as one bulk. */
  async keepLeases(): Promise<void> {
    for (;;) {
      await this.#d.clock.sleep(leaseOf(this.#d) * limits.leaseRenewShare, this.#ended.signal);
      if (this.#ended.signal.aborted) return;
      const renewals = [...this.#inHand].map((hand) =>
        hand.renew().catch((error: unknown) => this.#d.report('a lease could not be renewed', error)),
      );
      await Promise.all(renewals);
    }
  }

  /** Takes these entries in hand. Whatever fails, each of them leaves `#open` again. */
  begin(taken: readonly Taken[]): void {
    this.#open += taken.length;
    this.#d.metrics.inFlight(this.#open);
    this.#handle(taken).catch((error: unknown) => {
      // the store is away: unacked entries come again, and the sweeper knows all of them anyway
      if (!(error instanceof Failure)) throw error;
      this.#d.report('entries could not be handled', error);
    });
  }

  async #handle(taken: readonly Taken[]): Promise<void> {
    const ended = new Set<Taken>();
    const finish = (t: Taken, isStored: boolean): void => {
      if (ended.has(t)) return;
      ended.add(t);
      if (isStored) t.ack();
      this.#leave(t);
      this.#open -= 1;
      this.#d.metrics.inFlight(this.#open);
      this.#wake();
    };
    try {
      const candidates = await this.#plan(taken, finish);
      const claimed = await this.#claim(candidates, finish);
      const sendable = await this.#withoutSuppressed(claimed, finish);
      await Promise.all(
        sendable.map(async ({ candidate, hand }) => {
          const startedAt = this.#d.clock.monotonic();
          try {
            await deliver(this.#d, { hand, sender: candidate.sender, route: candidate.route }, { stop: this.#stop, paused: this.#paused });
          } finally {
            this.#slots.attempted(candidate.route, this.#d.clock.monotonic() - startedAt);
            this.#inHand.delete(hand);
            finish(candidate.taken, true);
          }
        }),
      );
    } finally {
      for (const t of taken) finish(t, false);
    }
  }

  /** Entries that can go now; the others are acked once their hold or end is stored. */
  async #plan(taken: readonly Taken[], finish: (t: Taken, isStored: boolean) => void, round = 1): Promise<readonly Candidate[]> {
    const d = this.#d;
    const ids = [...new Set(taken.map((t) => t.entry.message))];
    const messages = new Map((await d.messages.find(ids)).flatMap((m) => (m === null ? [] : [[m.id, m] as const])));
    await this.#untilDue(taken, messages);
    const catalog = d.catalog.current();
    const now = d.messages.now();
    const candidates: Candidate[] = [];
    const changes: Change[] = [];
    const stored: Taken[] = [];
    for (const t of taken) {
      const message = messages.get(t.entry.message);
      if (message === undefined || message.deliveries[t.entry.delivery] === undefined) {
        finish(t, true);
        continue;
      }
      const sender = catalog.sender(message.tenant, message.sender);
      const planned = plan(subjectOf(message, t.entry.delivery), {
        attempt: t.entry.attempt,
        now,
        sender,
        routes: routesOf(d, sender),
        pausedUntil: (route) => this.#paused.until(route),
      });
      if (planned.kind === 'drop') finish(t, true);
      else if (planned.kind === 'go' && sender !== null) candidates.push({ taken: t, message, sender, route: planned.route });
      else if (planned.kind !== 'go') {
        changes.push(planned.change);
        stored.push(t);
      }
    }
    const onRoutes = this.#withinRoutes(inTurn(candidates));
    const { going, held } = await this.#withinBudgets(onRoutes.going);
    for (const { candidate, reason, due } of [...onRoutes.held, ...held]) {
      const change = hold(subjectOf(candidate.message, candidate.taken.entry.delivery), reason, due);
      if (change === null) continue; // not queued: `plan` has seen to that
      changes.push(change);
      stored.push(candidate.taken);
    }
    this.#countHolds(changes);
    const made = changes.length === 0 ? [] : await d.messages.apply(changes);
    const refused: Taken[] = [];
    for (const [i, t] of stored.entries()) {
      if (made[i] == null && round < ROUNDS) refused.push(t);
      else finish(t, true);
    }
    return refused.length === 0 ? going : [...going, ...(await this.#plan(refused, finish, round + 1))];
  }

  async #untilDue(taken: readonly Taken[], messages: ReadonlyMap<Message['id'], Message>): Promise<void> {
    const now = this.#d.messages.now();
    const waits = taken.map(({ entry: { message: id, delivery, attempt } }) => {
      const message = messages.get(id);
      return message?.deliveries[delivery] === undefined ? 0 : earlyBy(subjectOf(message, delivery), { attempt, now });
    });
    const waitMs = Math.max(0, ...waits);
    if (waitMs > 0) await this.#d.clock.sleep(waitMs + 1, this.#stop); // timers may be a millisecond early
  }

  #countHolds(changes: readonly Change[]): void {
    const reasons = Map.groupBy(changes, (c): HoldReason | 'none' => c.set.hold?.reason ?? 'none');
    for (const [reason, of] of reasons) if (reason !== 'none') this.#d.metrics.held(reason, of.length);
  }

  /** What finds a place among those of its route that are in hand. Before the budgets, so that mail which cannot go takes no token. */
  #withinRoutes(candidates: readonly Candidate[]): Judged {
    const going: Candidate[] = [];
    const held: Held[] = [];
    for (const own of Map.groupBy(candidates, (c) => routeDigest(c.route)).values()) {
      const { in: entered = [], out = [] } = Object.groupBy(own, (c) => (this.#enter(c) ? 'in' : 'out'));
      going.push(...entered);
      const [first] = out;
      if (first === undefined) continue;
      const waited = out.filter(hasWaited).map((c) => c.message.id);
      const dues = this.#slots.dues(first.route, waited, out.length - waited.length);
      for (const [i, candidate] of out.entries()) held.push({ candidate, reason: 'route', due: dues[i] ?? this.#d.messages.now() });
    }
    if (!this.#isWatching) this.#wake(); // what waits for room now has routes to wait for
    return { going, held };
  }

  #enter(candidate: Candidate): boolean {
    this.#leave(candidate.taken); // planned anew
    const free = limits.deliveriesInFlightMax - this.#open;
    const isIn = this.#slots.enter(candidate.route, free, hasWaited(candidate));
    if (isIn) this.#routeOf.set(candidate.taken, candidate.route);
    return isIn;
  }

  #leave(taken: Taken): void {
    const route = this.#routeOf.get(taken);
    if (route === undefined) return;
    this.#routeOf.delete(taken);
    this.#slots.leave(route);
  }

  async #withinBudgets(candidates: readonly Candidate[]): Promise<Judged> {
    const going: Candidate[] = [];
    const held: Held[] = [];
    for (const [sender, own] of Map.groupBy(candidates, (c) => c.sender)) {
      const waited = own.filter(hasWaited).map((c) => c.message.id);
      const { granted, dues } = await this.#budgets.take(sender, waited, own.length - waited.length);
      going.push(...own.slice(0, granted));
      for (const [i, candidate] of own.slice(granted).entries()) {
        held.push({ candidate, reason: 'budget', due: dues[i] ?? this.#d.messages.now() });
      }
    }
    return { going, held };
  }

  /** Bulks of compare-and-sets. Whoever lost to another claim drops the entry. */
  async #claim(candidates: readonly Candidate[], finish: (t: Taken, isStored: boolean) => void): Promise<readonly Claimed[]> {
    const claimed: Claimed[] = [];
    let left = candidates;
    try {
      for (let round = 0; round < ROUNDS && left.length > 0; round++) {
        if (round > 0) left = await this.#readAgain(left);
        const refused: Candidate[] = [];
        for (const { candidate, hand } of await this.#claimOnce(left, finish)) {
          if (hand === null) refused.push(candidate);
          else claimed.push({ candidate, hand });
        }
        left = refused;
      }
      for (const { taken } of left) finish(taken, true);
    } catch (error) {
      // what has been claimed goes its way; the other entries come again
      if (!(error instanceof Failure)) throw error;
      this.#d.report('entries could not be claimed', error);
    }
    return claimed;
  }

  async #claimOnce(candidates: readonly Candidate[], finish: (t: Taken, isStored: boolean) => void) {
    const d = this.#d;
    const claimedAt = d.clock.monotonic();
    const now = d.messages.now();
    const claims = candidates.flatMap((candidate) => {
      const { entry } = candidate.taken;
      const leaseId = sortableId(now, d.random.bytes(ID_RANDOM_BYTES));
      const change = claim(subjectOf(candidate.message, entry.delivery), {
        attempt: entry.attempt,
        now,
        leaseId,
        leaseMs: leaseOf(d),
        route: candidate.route.name,
      });
      if (change === null) finish(candidate.taken, true);
      return change === null ? [] : [{ candidate, leaseId, change }];
    });
    const versions = await d.messages.apply(claims.map((c) => c.change));
    d.metrics.claimed(versions.filter((v) => v !== null).length);
    return claims.map(({ candidate, leaseId, change }, i) => {
      const version = versions[i];
      if (version == null) return { candidate, hand: null };
      const index = candidate.taken.entry.delivery;
      const message = withProgress(candidate.message, index, { ...change.set, version });
      const hand = new DeliveryInHand(d, message, index, leaseId, claimedAt);
      this.#inHand.add(hand);
      return { candidate, hand };
    });
  }

  async #readAgain(candidates: readonly Candidate[]): Promise<readonly Candidate[]> {
    const found = await this.#d.messages.find(candidates.map((c) => c.message.id));
    return candidates.map((candidate, i) => ({ ...candidate, message: found[i] ?? candidate.message }));
  }

  /** After the claim, so that every suppression acknowledged before it is seen (P11). */
  async #withoutSuppressed(claimed: readonly Claimed[], finish: (t: Taken, isStored: boolean) => void): Promise<readonly Claimed[]> {
    const sendable: Claimed[] = [];
    for (const [tenant, own] of Map.groupBy(claimed, (c) => c.hand.message.tenant)) {
      const isSuppressed = await this.#suppressed(tenant, own);
      for (const { candidate, hand } of own) {
        if (isSuppressed !== null && !isSuppressed(hand)) {
          sendable.push({ candidate, hand });
          continue;
        }
        const due = this.#d.messages.now() + hand.releaseDelayMs;
        const decide = (s: Subject): Change | null =>
          isSuppressed === null ? release(s, hand.leaseId, { reason: null, due, tried: false }) : suppress(s, hand.leaseId);
        await hand.insist(decide, this.#stop);
        this.#inHand.delete(hand);
        finish(candidate.taken, true);
      }
    }
    return sendable;
  }

  /** Null: the store is away and nobody knows, so none of them may be sent now. */
  async #suppressed(tenant: string, claimed: readonly Claimed[]): Promise<((hand: DeliveryInHand) => boolean) | null> {
    const d = this.#d;
    const hashes = new Map(
      claimed.map(({ hand }) => [hand, suppressionHashes(d.suppressionKeys, tenant, hand.subject.delivery.recipient)] as const),
    );
    try {
      const matches = await d.suppressions.matches(tenant, SCOPE_ALL, [...hashes.values()].flat());
      return (hand) => hashes.get(hand)?.some((hash) => matches.has(hash)) ?? true;
    } catch (error) {
      if (!(error instanceof Failure)) throw error;
      d.report('suppressions could not be read', error);
      return null;
    }
  }

  /** Looks again when a route may have become slow. One look at a time: a timer for each change of what is in hand would cost a tenth of all work. */
  #watchRoutes(): void {
    const waitMs = this.#isWatching ? null : this.#slots.nextSlowMs;
    if (waitMs === null) return;
    this.#isWatching = true;
    void this.#d.clock.sleep(waitMs, this.#ended.signal).then(() => {
      this.#isWatching = false;
      this.#wake();
    });
  }

  #wake(): void {
    for (const wake of this.#waiters.splice(0)) wake();
  }

  #change(): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#waiters.push(resolve);
    return promise;
  }
}

/** It stood in a line before, for its sender's budget or its route, and so goes before what did not (P9). */
function hasWaited({ message, taken }: Candidate): boolean {
  const reason = message.deliveries[taken.entry.delivery]?.hold?.reason;
  return reason === 'budget' || reason === 'route';
}

/** Those that have waited first, in the order of their acceptance; the others as they came. */
function inTurn(candidates: readonly Candidate[]): readonly Candidate[] {
  const { waited = [], fresh = [] } = Object.groupBy(candidates, (c) => (hasWaited(c) ? 'waited' : 'fresh'));
  return [...waited.toSorted(byAcceptance), ...fresh];
}

const byAcceptance = (a: Candidate, b: Candidate): number =>
  a.message.createdAt - b.message.createdAt ||
  (a.message.id < b.message.id ? -1 : a.message.id > b.message.id ? 1 : 0) ||
  a.taken.entry.delivery - b.taken.entry.delivery;
