// delivery.mjs once more, with every decision about the delivery made by
// services/core/delivery/delivery.ts: two dispatchers, a sweeper, a queue that loses and repeats, a
// client that cancels, crashes and freezes anywhere, over a store of one delivery that compares and
// sets. Every reachable state is visited. The steps, the invariants and their names are those of
// the model, and so is the number of states, or else the two have come apart.
//
// Time is left out as in the model: whatever waits may be due, whatever is leased may be over.
// Counters that decide nothing (`tries`, dues) are set back after each change. A compare-and-set
// makes each decision one step: what was decided about an older version changes nothing.

import type { Address } from '../../../services/core/address.ts';
import type { Copies } from '../../../services/core/catalog/catalog.ts';
import {
  arrive,
  type Change,
  cancel,
  claim,
  commit,
  type Delivery,
  type DeliveryView,
  endIfTooOld,
  fallDue,
  hold,
  isTerminal,
  lapse,
  published,
  record,
  release,
  renew,
  suppress,
  type Verdict,
} from '../../../services/core/delivery/delivery.ts';
import type { MessageId } from '../../../services/core/ids.ts';
import { deliveryLimits } from '../../../services/core/limits/delivery.ts';

/**
 * Where a dispatcher stands. `mine` is the lease it works under: 1 while it holds the delivery's,
 * -1 when that was lost.
 */
type Place =
  | { readonly at: 'idle' }
  | { readonly at: 'taken'; readonly attempt: number }
  | { readonly at: 'streaming' | 'committed'; readonly attempt: number; readonly mine: number }
  | { readonly at: 'answered'; readonly attempt: number; readonly mine: number; readonly answer: Verdict };

interface World {
  readonly delivery: Delivery;
  readonly queue: readonly number[];
  readonly d: readonly [Place, Place];
  readonly copies: number;
  readonly cancelled200: boolean;
  /** A fault fell between the record `committing` and the record of the outcome. */
  readonly faults: number;
}

interface Step {
  readonly name: string;
  readonly to: World;
  /** It may as well never happen. */
  readonly isFault: boolean;
}

const idle: Place = { at: 'idle' };
const LEASE = '1';
const LOST = '-1';
const NOW = 1_000_000;
/** One delay is two attempts, as in the model. */
const SCHEDULE = { delaysMs: [1], random: 0 };
/** The model allows three lapses: so many are spent before it begins. */
const LAPSES_SPENT = deliveryLimits.lapsesMax - 3;

export type Steps = 'model' | 'all';

/**
 * `all` adds what the model leaves out because it changes nothing for it: holds, renewals, notes of
 * the sweeper, suppression after the claim.
 */
export interface Explored {
  readonly states: number;
  readonly broken: string | null;
  readonly trail: readonly string[];
}

function start(): World {
  const { progress } = arrive({
    now: 0,
    scheduledAt: null,
    expiresAt: null,
    isSuppressed: false,
    isPublished: true,
  });
  const delivery: Delivery = {
    ...progress,
    lapses: LAPSES_SPENT,
    recipient: 'ana@example.com' as Address,
    role: 'to',
    domain: 'example.com',
    version: '',
  };
  return {
    delivery: still(delivery),
    queue: [1],
    d: [idle, idle],
    copies: 0,
    cancelled200: false,
    faults: 0,
  };
}

/** Without what decides nothing. The lease in force is always called 1. */
const still = (d: Delivery): Delivery => ({
  ...d,
  tries: 0,
  due: 0,
  wakeAt: d.wakeAt === null ? null : 0,
  lease: d.lease === null ? null : { id: LEASE, until: 0 },
  takenUp: false,
  hold: null,
  route: null,
  lastReply: null,
});

class Explorer {
  readonly #copies: Copies;
  readonly #which: Steps;

  constructor(copies: Copies, which: Steps) {
    this.#copies = copies;
    this.#which = which;
  }

  #subject(delivery: Delivery): DeliveryView {
    return {
      message: 'msg_1' as MessageId,
      index: 0,
      delivery,
      copies: this.#copies,
      startsAt: 0,
      expiresAt: null,
    };
  }

  /**
   * The world after a change, if there is one; leases that are not in force any more are called
   * lost.
   */
  #made(w: World, change: Change | null): World {
    if (change === null) return w;
    if (change.version !== w.delivery.version) throw new Error('a decision about something else');
    const isHeldOn = change.set.lease === undefined || change.set.lease?.id === w.delivery.lease?.id;
    const delivery = still({ ...w.delivery, ...change.set });
    const lost = (p: Place): Place => ('mine' in p && p.mine === 1 ? { ...p, mine: -1 } : p);
    return isHeldOn ? { ...w, delivery } : { ...w, delivery, d: [lost(w.d[0]), lost(w.d[1])] };
  }

  steps(w: World): Step[] {
    const steps: Step[] = [];
    const step = (name: string, to: World, isFault = false): void => {
      steps.push({ name, to, isFault });
    };
    const s = this.#subject(w.delivery);
    if (w.queue.length > 0) step('queue loses all', { ...w, queue: [] }, true);
    for (const k of [0, 1] as const) this.#dispatcher(w, k, step);
    this.#sweeper(w, s, step);
    if (!w.cancelled200 && !isTerminal(w.delivery.state)) {
      const { kind, change } = cancel(s);
      if (change !== null)
        step('client cancels', { ...this.#made(w, change), cancelled200: kind === 'cancelled' });
    }
    return steps;
  }

  #dispatcher(w: World, k: 0 | 1, step: (name: string, to: World, isFault?: boolean) => void): void {
    const p = w.d[k];
    const s = this.#subject(w.delivery);
    const at = (world: World, place: Place): World => ({
      ...world,
      d: k === 0 ? [place, world.d[1]] : [world.d[0], place],
    });
    const does = (name: string, change: Change | null, isFault = false): void =>
      step(`d${k} ${name}`, at(this.#made(w, change), idle), isFault);
    if (p.at === 'idle') {
      w.queue.forEach((attempt, i) => {
        step(`d${k} takes entry`, { ...at(w, { at: 'taken', attempt }), queue: w.queue.toSpliced(i, 1) });
      });
      return;
    }
    const inSpan = p.at === 'committed' || p.at === 'answered';
    step(`d${k} crashes`, { ...at(w, idle), faults: inSpan ? 1 : w.faults }, true);
    if (p.at === 'taken') {
      step(`d${k} redelivery`, { ...w, queue: more(w.queue, p.attempt) }, true);
      const change = claim(s, { attempt: p.attempt, now: NOW, leaseId: 'new', route: 'first' });
      step(
        `d${k} claims`,
        at(this.#made(w, change), change === null ? idle : { at: 'streaming', attempt: p.attempt, mine: 1 }),
      );
      if (this.#which === 'all')
        does('holds', w.delivery.attempt === p.attempt ? hold(s, 'budget', NOW) : null);
      return;
    }
    const lease = p.mine === 1 ? LEASE : LOST;
    const recorded = (verdict: Verdict): Change | null =>
      record(s, lease, { verdict, reply: null, data: {} }, NOW, SCHEDULE);
    if (this.#which === 'all') step(`d${k} renews`, this.#made(w, renew(s, lease, NOW)));
    if (p.at === 'streaming') {
      does(
        'releases (local fault, budget, shutdown)',
        release(s, lease, { due: NOW, reason: null, tried: false }),
        true,
      );
      does('is refused before the end', recorded(deferred), true);
      does('is refused before the end, for what is ours', recorded(throttled), true);
      if (this.#which === 'all') does('finds the recipient suppressed', suppress(s, lease), true);
      const change = commit(s, lease, NOW);
      step(
        `d${k} records committing`,
        at(this.#made(w, change), change === null ? idle : { ...p, at: 'committed' }),
      );
    }
    if (p.at === 'committed') {
      const answers = (
        name: string,
        answer: Verdict,
        copies: number,
        faults: number,
        isFault: boolean,
      ): void =>
        step(
          `d${k} dot: ${name}`,
          at(
            { ...w, copies: Math.min(3, w.copies + copies), faults: Math.max(w.faults, faults) },
            { ...p, at: 'answered', answer },
          ),
          isFault,
        );
      answers('250', { kind: 'delivered' }, 1, 0, false);
      answers('250 lost', { kind: 'lost' }, 1, 1, true);
      answers('dropped, not taken', { kind: 'lost' }, 0, 1, true);
      answers('4xx', deferred, 0, 0, true);
      answers('4xx for what is ours', throttled, 0, 0, true);
      answers('5xx', { kind: 'bounced' }, 0, 0, true);
    }
    if (p.at === 'answered') does(`records ${p.answer.kind}`, recorded(p.answer));
  }

  #sweeper(w: World, s: DeliveryView, step: (name: string, to: World, isFault?: boolean) => void): void {
    const { state, attempt, phase } = w.delivery;
    if (state === 'queued') {
      if (w.queue.length < 2)
        step('sweeper publishes again', {
          ...this.#made(w, published(s, NOW)),
          queue: more(w.queue, attempt),
        });
    }
    if (state === 'deferred')
      step('sweeper: due', { ...this.#made(w, fallDue(s, NOW)), queue: more(w.queue, attempt) });
    if (state === 'deferred' || this.#which === 'all') {
      const old = endIfTooOld(s, NOW, 1);
      if (old !== null) step('sweeper: too old', this.#made(w, old), true);
    }
    const over = lapse(s, NOW);
    if (over === null) return;
    const isInFlight = w.d.some((p) => (p.at === 'committed' || p.at === 'answered') && p.mine === 1);
    // the lapse that ends an `at_most_once` delivery is counted as well, which the model does not
    // do
    const { lapses } = w.delivery;
    const made = this.#made(
      w,
      phase === 'committing' && this.#copies === 'at_most_once'
        ? { ...over, set: { ...over.set, lapses } }
        : over,
    );
    step('sweeper: lease over', { ...made, faults: phase === 'committing' && isInFlight ? 1 : w.faults });
  }
}

const deferred: Verdict = { kind: 'deferred', spent: true, waitMs: 0 };
const throttled: Verdict = { kind: 'deferred', spent: false, waitMs: 0 };
const more = (queue: readonly number[], attempt: number): readonly number[] =>
  queue.length < 2 ? [...queue, attempt].toSorted() : queue;

type Invariant = (after: World, before: World, copies: Copies) => boolean;

/** What must hold in every state, and over every step. */
const invariants: Readonly<Record<string, Invariant>> = {
  'P5: a second copy only after a fault in the span': (b) => b.copies <= 1 || b.faults > 0,
  'P5: at_most_once never sends two': (b, _, copies) => copies !== 'at_most_once' || b.copies <= 1,
  'P7: nothing is sent after a 200 to DELETE': (b, a) => !(a.cancelled200 && b.copies > a.copies),
  'cancelled means not sent': (b) => b.delivery.state !== 'cancelled' || b.copies === 0,
  'bounced and dead mean not sent, unless a retry was refused after a possible copy': (b) =>
    !['bounced', 'dead', 'suppressed'].includes(b.delivery.state) || b.copies === 0 || b.delivery.maybeSent,
  'terminal states never change': (b, a) =>
    !isTerminal(a.delivery.state) || a.delivery.state === b.delivery.state,
  'delivered means sent': (b) => b.delivery.state !== 'delivered' || b.copies >= 1,
};

const P1 = 'P1: every delivery can reach a final state';

/** Short, because a hundred thousand of them are made and compared. */
const keyOf = ({ delivery: d, queue, d: places, copies, cancelled200, faults }: World): string => {
  const place = (p: Place): string =>
    `${p.at}${'attempt' in p ? p.attempt : ''}${'mine' in p ? p.mine : ''}${'answer' in p ? `${p.answer.kind}${'spent' in p.answer ? p.answer.spent : ''}` : ''}`;
  return `${d.state} ${d.phase} ${d.attempt} ${d.lapses} ${d.maybeSent} ${d.cancelWanted} ${queue} ${place(places[0])} ${place(places[1])} ${copies} ${cancelled200} ${faults}`;
};

/** Visits every state that can be reached. */
export function explore(copies: Copies, which: Steps): Explored {
  const explorer = new Explorer(copies, which);
  const first = start();
  const worlds = [first];
  const seen = new Map([[keyOf(first), 0]]);
  const from: (readonly [number, string] | null)[] = [null];
  /** From where each state can be reached by steps that need no luck. */
  const back: number[][] = [[]];
  const trailTo = (i: number): string[] => {
    const step = from[i];
    return step == null ? [] : [...trailTo(step[0]), step[1]];
  };
  for (let i = 0; i < worlds.length; i++) {
    const world = worlds[i] ?? first;
    for (const { name, to, isFault } of explorer.steps(world)) {
      const broken = Object.keys(invariants).find((law) => invariants[law]?.(to, world, copies) === false);
      if (broken !== undefined) return { states: worlds.length, broken, trail: [...trailTo(i), name] };
      const key = keyOf(to);
      let j = seen.get(key);
      if (j === undefined) {
        j = worlds.push(to) - 1;
        seen.set(key, j);
        from.push([i, name]);
        back.push([]);
      }
      if (!isFault) back[j]?.push(i);
    }
  }
  const good = new Set(worlds.flatMap((w, i) => (isTerminal(w.delivery.state) ? [i] : [])));
  for (const i of good) for (const j of back[i] ?? []) good.add(j); // a set that grows while it is walked
  const stuck = worlds.findIndex((_, i) => !good.has(i));
  return stuck < 0
    ? { states: worlds.length, broken: null, trail: [] }
    : { states: worlds.length, broken: P1, trail: trailTo(stuck) };
}
