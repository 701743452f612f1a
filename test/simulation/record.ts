// What really happened, recorded beside the store: each change as it is made, each copy that the
// mail server accepted. It knows the rules only as promises (laws.ts), and checks every step
// against them.

import { type Change, isTerminal, type Progress } from '../../services/core/delivery/delivery.ts';
import type { Message, NewMessage } from '../../services/core/delivery/message.ts';
import type { MessageId } from '../../services/core/ids.ts';
import { deliveryLimits } from '../../services/core/limits/delivery.ts';
import type { Break } from './laws.ts';
import type { Process } from './process.ts';

/** Between the record `committing` and whatever ended it. */
interface Span {
  readonly process: Process;
  readonly from: number;
  /** The connection ended without an answer. */
  isAnswerLost: boolean;
}

export interface Claim {
  readonly process: Process;
  readonly leaseId: string | undefined;
  /** Monotonic. */
  readonly at: number;
  /** When its attempt ended, by the store's clock and monotonic. */
  answeredAt: number;
  answeredAtMonotonic: number;
}

export interface DeliveryRecord {
  readonly name: string;
  readonly recipient: string;
  readonly message: MessageRecord;
  progress: Progress;
  readonly spans: Span[];
  readonly claims: Claim[];
  readonly events: string[];
  copies: number;
  /** By the store's clock: no claim may be earlier. */
  notBefore: number;
  /**
   * No claim may be later than `by`, if nothing was wrong since `since` (monotonic). Null: it waits
   * for something else.
   */
  expected: { readonly by: number; readonly since: number } | null;
}

export interface MessageRecord {
  readonly id: MessageId;
  readonly input: NewMessage;
  readonly deliveries: readonly DeliveryRecord[];
  /** Monotonic time of the first 200 to DELETE. */
  cancelledAt: number | null;
  digest: string | null;
}

export interface RecordContext {
  readonly break: Break;
  note(line: string): void;
  storeNow(): number;
  monotonic(): number;
  /** Until when, monotonic, anything was wrong anywhere. */
  troubledUntil(): number;
  readonly delaysMs: readonly number[];
  /** How late a start may be beyond what P6 and P8 say, because the window is small. */
  readonly slackMs: number;
}

/** What P6 and P8 allow beyond the due time with free capacity. */
const LATE_RETRY_MS = 5_000;
const LATE_START_MS = 2_000;

export class StoreRecord {
  readonly messages = new Map<MessageId, MessageRecord>();
  /** Deliveries that have not ended. */
  open = 0;
  /** How often each kind of thing happened: a simulation in which nothing does proves nothing. */
  readonly tally: Record<string, number> = {};
  readonly #c: RecordContext;
  #nextWakeAt: number | null = null;
  /** Embedded mode: the end of the latest process, by the store's clock. */
  #processEndedAt = 0;
  /** Embedded mode: the next process has not started its dispatcher. */
  #isStarting = false;

  constructor(context: RecordContext) {
    this.#c = context;
  }

  /** When the next delivery wants to be looked at, by the store's clock. */
  get nextWakeAt(): number {
    this.#nextWakeAt ??= Math.min(
      ...this.#deliveries().map((d) => d.progress.wakeAt ?? Number.POSITIVE_INFINITY),
    );
    return this.#nextWakeAt;
  }

  /** Whether any delivery is in this phase. */
  isSending(phase: Progress['phase']): boolean {
    return this.#deliveries().some((d) => d.progress.phase === phase);
  }

  delivery(message: MessageId, index: number): DeliveryRecord {
    const found = this.messages.get(message)?.deliveries[index];
    if (found === undefined) throw new Error(`no delivery ${message}/${index}`);
    return found;
  }

  inserted(input: NewMessage): void {
    if (this.messages.has(input.id)) return;
    const now = this.#c.storeNow();
    const since = this.#c.monotonic();
    const deliveries: DeliveryRecord[] = [];
    const message: MessageRecord = { id: input.id, input, deliveries, cancelledAt: null, digest: null };
    for (const [i, { recipient, role: _, domain: __, ...progress }] of input.deliveries.entries()) {
      const start = Math.max(now, input.scheduledAt ?? 0);
      deliveries.push({
        name: `${this.messages.size}/${i}`,
        recipient,
        message,
        progress,
        spans: [],
        claims: [],
        events: input.events.filter((e) => e.delivery === i).map((e) => e.type),
        copies: 0,
        notBefore: input.scheduledAt ?? 0,
        expected: { by: start + LATE_START_MS + this.#c.slackMs, since },
      });
      if (isTerminal(progress.state)) this.#happened(progress.state);
      else this.open += 1;
    }
    this.messages.set(input.id, message);
    this.#nextWakeAt = null;
  }

  /** A change that the store has made. */
  changed(change: Change, process: Process): void {
    const d = this.delivery(change.message, change.delivery);
    const before = d.progress;
    const after: Progress = { ...before, ...change.set };
    this.#c.note(
      `${d.name} ${shown(before)} → ${shown(after)} by ${process.name}${change.event === null ? '' : `, ${change.event.type}`}`,
    );
    d.progress = after;
    this.#nextWakeAt = null;
    if (change.event !== null) d.events.push(change.event.type);
    if (isTerminal(before.state)) {
      this.#c.break('terminal states never change', `${d.name}: ${before.state} → ${after.state}`);
      return;
    }
    if (after.lease !== null && after.lease.id !== before.lease?.id) this.#claimed(d, before, after, process);
    if (after.phase === 'committing' && before.phase !== 'committing') {
      d.spans.push({ process, from: this.#c.monotonic(), isAnswerLost: false });
    }
    if (before.state === 'sending' && after.state !== 'sending')
      this.#left(d, before, after, change, process);
    if (before.state === 'queued' && after.state === 'queued' && after.hold !== null) {
      d.expected = null;
      this.#happened(`held for ${after.hold.reason}`);
    }
    this.#counted(d, before, after);
    if (isTerminal(after.state)) this.#ended(d, before, after, change);
  }

  #claimed(d: DeliveryRecord, before: Progress, after: Progress, process: Process): void {
    const now = process.storeClock.reached();
    const { scheduledAt, expiresAt } = d.message.input;
    d.claims.push({
      process,
      leaseId: after.lease?.id,
      at: this.#c.monotonic(),
      answeredAt: 0,
      answeredAtMonotonic: 0,
    });
    if (scheduledAt !== null && now < scheduledAt)
      this.#c.break('P8: nothing before its scheduled time', d.name);
    if (before.hold !== null && now < before.due)
      this.#c.break('R3: what waits is not started', `${d.name} is held for ${before.hold.reason}`);
    if (now < d.notBefore)
      this.#c.break('P6: no attempt before its time', `${d.name} starts ${d.notBefore - now} ms early`);
    // the claim was decided when its lease began
    const decidedAt = (after.lease?.until ?? 0) - deliveryLimits.leaseMs;
    if (expiresAt !== null && decidedAt >= expiresAt)
      this.#c.break('R9: nothing starts past its expiry', d.name);
    const lateMs = this.#c.storeNow() - (d.expected?.by ?? Number.POSITIVE_INFINITY);
    if (d.expected !== null && lateMs > 0 && this.#c.troubledUntil() < d.expected.since)
      this.#c.break('P6: no attempt later than its time allows', `${d.name} starts ${lateMs} ms late`);
    d.expected = null;
  }

  /** It is not being sent any more. */
  #left(d: DeliveryRecord, before: Progress, after: Progress, change: Change, process: Process): void {
    const hasLapsed = process.kind === 'sweeper';
    if (hasLapsed) this.#happened(`lapsed from ${before.phase}`);
    // by the store's own clock, unless that went back after the sweeper had measured it
    const now = Math.max(this.#c.storeNow(), process.storeClock.measured());
    const msLeft = (before.lease?.until ?? 0) - now;
    const holder = d.claims.find((c) => c.leaseId === before.lease?.id)?.process;
    // a start of embedded mode knows that the previous process is dead
    const isAtStart = hasLapsed && this.#isStarting && holder?.isDead === true;
    if (isAtStart) this.#happened('taken back at a start');
    if (hasLapsed && msLeft > 0 && !isAtStart)
      this.#c.break(
        'R2: a lapsed lease counts as one, and nothing else does',
        `${d.name} had ${msLeft} ms left`,
      );
    if (after.lapses !== before.lapses + (hasLapsed ? 1 : 0)) {
      this.#c.break(
        'R2: a lapsed lease counts as one, and nothing else does',
        `${d.name}: ${before.lapses} → ${after.lapses} lapses`,
      );
    }
    if (
      after.state === 'queued' &&
      !hasLapsed &&
      (after.attempt !== before.attempt || before.phase === 'committing')
    ) {
      this.#c.break('R7: a release spends nothing', `${d.name} from ${before.phase}`);
    }
    if (after.state === 'queued' && isAtStart) this.#leftAtStart(d, before.lapses);
    else if (after.state === 'queued' && hasLapsed)
      d.notBefore = (before.lease?.until ?? 0) + deliveryLimits.lapseDelayMs;
    if (after.state !== 'deferred') return;
    if (before.cancelWanted && !after.maybeSent)
      this.#c.break('P7: a wish to cancel is honoured when it defers', d.name);
    const isCounted = change.event?.data.counted === true;
    const wait = isCounted ? (this.#c.delaysMs[before.attempt - 1] ?? 0) : deliveryLimits.refusalAboutUsMs;
    const { answeredAtMonotonic: since, ...claim } =
      d.claims.find((c) => c.leaseId === before.lease?.id) ?? never();
    // the process may have followed a clock that went back since the answer
    const answeredAt = Math.min(claim.answeredAt, process.storeClock.now());
    d.notBefore = answeredAt + wait;
    // a refusal about us backs off by itself; what is counted follows the schedule
    const latest = isCounted ? answeredAt + wait * (1 + deliveryLimits.retryJitter) : after.due;
    d.expected = { by: latest + LATE_RETRY_MS + this.#c.slackMs, since };
  }

  /** Mail in hand at the end of a process is sent at once, unless it was in hand at three ends. */
  #leftAtStart(d: DeliveryRecord, lapsesBefore: number): void {
    const now = this.#c.storeNow();
    const isAtOnce = lapsesBefore < deliveryLimits.lapsesWithoutDelayMax;
    d.notBefore = this.#processEndedAt + (isAtOnce ? 0 : deliveryLimits.lapseDelayMs);
    d.expected = isAtOnce ? { by: now + LATE_START_MS + this.#c.slackMs, since: this.#c.monotonic() } : null;
  }

  /** All queued deliveries that had an entry in the queue are unpublished. */
  entriesForgotten(): void {
    const now = this.#c.storeNow();
    for (const d of this.#deliveries()) {
      const { state, due, wakeAt } = d.progress;
      if (state !== 'queued' || wakeAt === null || wakeAt <= Math.max(due, now)) continue;
      d.progress = { ...d.progress, wakeAt: due };
      this.#happened('entry forgotten at a start');
    }
    this.#nextWakeAt = null;
  }

  /** The process of embedded mode ended: no wait after a lapse begins earlier. */
  processEnded(): void {
    this.#processEndedAt = this.#c.storeNow();
    this.#isStarting = true;
  }

  /**
   * Embedded mode starts its dispatcher; its process exists since `since` (monotonic). Whatever is
   * due, or was in hand, is expected to start.
   */
  started(since: number): void {
    const now = this.#c.storeNow();
    this.#isStarting = false;
    for (const d of this.#deliveries()) {
      const { state, due } = d.progress;
      if (state === 'sending' || (state === 'queued' && due <= now))
        d.expected = { by: now + LATE_START_MS + this.#c.slackMs, since };
    }
  }

  #counted(d: DeliveryRecord, before: Progress, after: Progress): void {
    const spent = after.attempt - before.attempt;
    const mayCount = before.state === 'sending' && after.state === 'deferred';
    if (spent !== 0 && !(spent === 1 && mayCount)) {
      this.#c.break(
        'P6: attempts are counted by refusals alone',
        `${d.name}: ${before.attempt} → ${after.attempt} as ${after.state}`,
      );
    }
    if (after.attempt > this.#c.delaysMs.length + 1)
      this.#c.break('P6: attempts are counted by refusals alone', `${d.name}: one too many`);
  }

  #ended(d: DeliveryRecord, before: Progress, after: Progress, change: Change): void {
    this.open -= 1;
    const { state } = after;
    this.#happened(state);
    if (state === 'delivered' && d.copies === 0) this.#c.break('delivered means sent', d.name);
    if (state === 'cancelled' && d.copies > 0) this.#c.break('cancelled means not sent', d.name);
    if (['bounced', 'dead', 'expired', 'suppressed'].includes(state) && d.copies > 0 && !after.maybeSent) {
      this.#c.break(
        'bounced and dead mean not sent, unless a retry was refused after a possible copy',
        `${d.name} is ${state}`,
      );
    }
    const isSpent = change.event?.data.reason === 'attempts_spent';
    if (isSpent && before.attempt !== this.#c.delaysMs.length + 1) {
      this.#c.break(
        'P6: attempts are counted by refusals alone',
        `${d.name} gave up at attempt ${before.attempt}`,
      );
    }
  }

  /** The claim that this process is working on. */
  claimOf(d: DeliveryRecord, process: Process): Claim {
    const claim = d.claims.findLast((c) => c.process === process);
    if (claim === undefined) throw new Error(`${d.name} was never claimed by ${process.name}`);
    return claim;
  }

  /** The next hop answered, or will not any more. */
  answered(d: DeliveryRecord, claim: Claim, isLost: boolean): void {
    claim.answeredAt = claim.process.storeClock.now();
    claim.answeredAtMonotonic = this.#c.monotonic();
    const span = d.spans.findLast((s) => s.process === claim.process);
    if (isLost && span !== undefined) span.isAnswerLost = true;
  }

  /**
   * The next hop was told DATA. `suppressedAt`: when a caller had been told that the address is
   * suppressed.
   */
  dataBegan(d: DeliveryRecord, claim: Claim, suppressedAt: number | undefined): void {
    if (suppressedAt !== undefined && suppressedAt < claim.at)
      this.#c.break('P11: no DATA to an address suppressed before the claim', d.name);
  }

  /** The next hop took the mail. */
  taken(d: DeliveryRecord, recipient: string, digest: string): void {
    const { message } = d;
    d.copies += 1;
    this.#c.note(`${d.name} copy ${d.copies}`);
    if (d.copies > 1) this.#happened('second copy');
    if (message.cancelledAt !== null) this.#c.break('P7: nothing is sent after a 200 to DELETE', d.name);
    if (d.progress.state === 'cancelled') this.#c.break('cancelled means not sent', d.name);
    if (d.copies > 1 && message.input.copies === 'at_most_once')
      this.#c.break('P5: at_most_once never sends two', d.name);
    // a step of a clock is no fault
    const hasFault = d.spans.some((s) => s.isAnswerLost || s.process.troubledUntil >= s.from);
    if (d.copies > 1 && !hasFault) this.#c.break('P5: a second copy only after a fault in the span', d.name);
    message.digest ??= digest;
    if (message.digest !== digest || recipient !== d.recipient) {
      this.#c.break('R8: every attempt has the same Message-ID and bytes', d.name);
    }
  }

  cancelled(id: MessageId): void {
    const message = this.messages.get(id);
    if (message !== undefined) message.cancelledAt ??= this.#c.monotonic();
  }

  /** What must be true once everything has come to rest; `stored` is the store's own word. */
  judgeEnd(stored: readonly Message[]): void {
    if (stored.length !== this.messages.size)
      this.#c.break('P1: every acknowledged message is there and ends', 'a message is gone');
    for (const message of stored) {
      for (const [
        i,
        { version: _, recipient: __, role: ___, domain: ____, ...progress },
      ] of message.deliveries.entries()) {
        const d = this.delivery(message.id, i);
        const events = message.events.filter((e) => e.delivery === i).map((e) => e.type);
        if (
          JSON.stringify(sorted(progress)) !== JSON.stringify(sorted(d.progress)) ||
          events.join() !== d.events.join()
        ) {
          this.#c.break(
            'P12: one event for each thing that happened, in order',
            `${d.name}: the store holds something else`,
          );
        }
        this.#judgeTimeline(d);
      }
    }
  }

  #judgeTimeline(d: DeliveryRecord): void {
    const broken = (detail: string): void =>
      this.#c.break(
        'P12: one event for each thing that happened, in order',
        `${d.name}: ${detail}: ${d.events.join(' ')}`,
      );
    const [first = 'nothing', ...rest] = d.events;
    if (!['queued', 'scheduled', 'suppressed'].includes(first)) broken('it begins otherwise');
    const ends = d.events.filter(
      (e) => e !== 'deferred' && e !== 'queued' && e !== 'scheduled' && e !== 'accepted',
    );
    if (ends.length !== 1 || ends[0] !== d.events.at(-1) || ends[0] !== d.progress.state)
      broken('it ends otherwise');
    const fellDue = rest.filter((e) => e === 'queued').length;
    const mayFall = first === 'scheduled' ? 1 : 0;
    if (fellDue > mayFall || (d.claims.length > 0 && fellDue !== mayFall))
      broken(`it fell due ${fellDue} times`);
    if (d.events.filter((e) => e === 'accepted').length !== Math.min(1, d.claims.length))
      broken(`${d.claims.length} claims`);
  }

  #happened(what: string): void {
    this.tally[what] = (this.tally[what] ?? 0) + 1;
  }

  #deliveries(): DeliveryRecord[] {
    return [...this.messages.values()].flatMap((m) => m.deliveries);
  }
}

const shown = (p: Progress): string =>
  `${p.phase ?? p.state} ${p.attempt}${p.hold === null ? '' : ` held for ${p.hold.reason}`}${p.maybeSent ? ' maybe sent' : ''}${p.cancelWanted ? ' cancel wanted' : ''}`;
const sorted = (p: Progress): [string, unknown][] => Object.entries(p).sort(([a], [b]) => (a < b ? -1 : 1));

function never(): never {
  throw new Error('a lease without a claim');
}
