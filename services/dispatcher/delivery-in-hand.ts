// A delivery that this dispatcher holds a lease on, and the only way to change it: decide about the
// delivery as known, write, and decide again when the store has a newer version. Changes of one
// delivery are made one after the other, so that a renewal never overtakes a record.

import { type Change, commit, type DeliveryView, renew } from '../core/delivery/delivery.ts';
import { type Message, viewOf, withProgress } from '../core/delivery/message.ts';
import { dispatchLimits } from '../core/limits/dispatch.ts';
import { type Dispatcher, leaseOf } from './dispatcher-parts.ts';

/** The part of a lease that its dispatcher relies on. */
const trusted = (d: Pick<Dispatcher, 'leaseMs'>): number =>
  leaseOf(d) * (1 - dispatchLimits.leaseMarginShare);

type HandParts = Pick<Dispatcher, 'messages' | 'clock' | 'leaseMs' | 'report'>;

/** A claim that the store has made. */
export interface MadeClaim {
  readonly message: Message;
  /** Index of the delivery. */
  readonly index: number;
  readonly leaseId: string;
  /**
   * Monotonic time before the claim was sent, so that the lease in the store ends later than this
   * process believes.
   */
  readonly claimedAt: number;
}

export class DeliveryInHand {
  readonly leaseId: string;
  readonly index: number;
  readonly #d: HandParts;
  #message: Message;
  #view: DeliveryView;
  /** By the monotonic clock: until then no other dispatcher can have claimed the delivery. */
  #safeUntil: number;
  #last: Promise<unknown> = Promise.resolve();

  constructor(d: HandParts, { message, index, leaseId, claimedAt }: MadeClaim) {
    this.#d = d;
    this.#message = message;
    this.#view = viewOf(message, index);
    this.index = index;
    this.leaseId = leaseId;
    this.#safeUntil = claimedAt + trusted(d);
  }

  get message(): Message {
    return this.#message;
  }

  get view(): DeliveryView {
    return this.#view;
  }

  /** How long the delivery waits after a release for a fault that its own mail may have caused. */
  get releaseDelayMs(): number {
    return Math.min(
      dispatchLimits.releaseDelayMs * 2 ** this.view.delivery.tries,
      dispatchLimits.releaseDelayMaxMs,
    );
  }

  /** False: the lease may be over by now, whatever the store last replied. */
  get isSafe(): boolean {
    return this.#d.clock.monotonic() < this.#safeUntil;
  }

  /**
   * True: the change was made. False: there is nothing to change in the delivery as stored now.
   * Rejects when the store fails.
   */
  change(decide: (view: DeliveryView) => Change | null): Promise<boolean> {
    const made = this.#last.then(() => this.#change(decide));
    this.#last = made.catch(() => {}); // the caller sees the failure; the next change does not wait for it
    return made;
  }

  /**
   * As `change`, but retries while the store fails, until the signal aborts: an outcome must not be
   * lost while this process lives. Never rejects.
   */
  async insist(decide: (view: DeliveryView) => Change | null, signal: AbortSignal): Promise<boolean> {
    for (;;) {
      try {
        return await this.change(decide);
      } catch (error) {
        this.#d.report('an outcome could not be recorded', error);
        if (signal.aborted) return false;
        await this.#d.clock.sleep(dispatchLimits.recordRetryMs, signal);
      }
    }
  }

  async renew(): Promise<void> {
    await this.#prolong((s) => renew(s, this.leaseId, this.#d.messages.now(), leaseOf(this.#d)));
  }

  /**
   * The fence. True: `committing` is durable and the lease is held, so the final dot may be sent.
   * Rejects when the store fails; the store may have made the record all the same.
   */
  async commit(): Promise<boolean> {
    if (!this.isSafe) return false;
    const made = await this.#prolong((s) =>
      commit(s, this.leaseId, this.#d.messages.now(), leaseOf(this.#d)),
    );
    return made && this.isSafe; // checked again: the lease may have run out while the store was slow
  }

  async #prolong(decide: (view: DeliveryView) => Change | null): Promise<boolean> {
    const before = this.#d.clock.monotonic();
    const made = await this.change(decide);
    if (made) this.#safeUntil = before + trusted(this.#d);
    return made;
  }

  async #change(decide: (view: DeliveryView) => Change | null): Promise<boolean> {
    for (let round = 0; round < dispatchLimits.leasedChangeTriesMax; round++) {
      const change = decide(this.#view);
      if (change === null) return false;
      const [version] = await this.#d.messages.apply([change]);
      if (version != null) {
        this.#set(withProgress(this.#message, this.index, { ...change.set, version }));
        return true;
      }
      const [found] = await this.#d.messages.find([this.#message.id]);
      if (found == null) return false;
      this.#set(found);
    }
    return false;
  }

  #set(message: Message): void {
    this.#message = message;
    this.#view = viewOf(message, this.index);
  }
}
