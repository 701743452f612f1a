// A delivery that this dispatcher holds a lease on, and the one way to change it: read, decide,
// write, and when the store has moved on, read and decide again. Changes of one delivery go one
// after the other, so that a renewal never overtakes a record.

import { type Change, commit, type DeliveryView, renew } from '../core/delivery/delivery.ts';
import { type Message, viewOf, withProgress } from '../core/delivery/message.ts';
import { dispatchLimits } from '../core/limits/dispatch.ts';
import { type Dispatcher, leaseOf } from './dispatcher.ts';

/**
 * The store moves on a few times at most while a lease is held: a cancel, a lapse, another claim.
 */
const ROUNDS = 8;

/** The part of a lease that its dispatcher relies on. */
const trusted = (d: Pick<Dispatcher, 'leaseMs'>): number =>
  leaseOf(d) * (1 - dispatchLimits.leaseMarginShare);

type HandParts = Pick<Dispatcher, 'messages' | 'clock' | 'leaseMs' | 'report'>;

export class DeliveryInHand {
  readonly leaseId: string;
  readonly index: number;
  readonly #d: HandParts;
  #message: Message;
  /** By the monotonic clock: until then nobody else can have taken it over. */
  #safeUntil: number;
  #last: Promise<unknown> = Promise.resolve();

  /**
   * `claimedAt`: monotonic time before the claim was sent, so that the lease in the store ends
   * later than this one.
   */
  constructor(d: HandParts, message: Message, index: number, leaseId: string, claimedAt: number) {
    this.#d = d;
    this.#message = message;
    this.index = index;
    this.leaseId = leaseId;
    this.#safeUntil = claimedAt + trusted(d);
  }

  get message(): Message {
    return this.#message;
  }

  get view(): DeliveryView {
    return viewOf(this.#message, this.index);
  }

  /** How long it waits when it comes back for a fault that may be its own. */
  get releaseDelayMs(): number {
    return Math.min(
      dispatchLimits.releaseDelayMs * 2 ** this.view.delivery.tries,
      dispatchLimits.releaseDelayMaxMs,
    );
  }

  /** False: the lease may be over by now, whatever the last answer of the store was. */
  get isSafe(): boolean {
    return this.#d.clock.monotonic() < this.#safeUntil;
  }

  /**
   * True: the change was made. False: nothing is to be changed, as the store has it now. Rejects
   * when the store fails.
   */
  change(decide: (view: DeliveryView) => Change | null): Promise<boolean> {
    const made = this.#last.then(() => this.#change(decide));
    this.#last = made.catch(() => {}); // the caller of `change` sees the failure; the next one starts anew
    return made;
  }

  /**
   * Keeps trying while the store fails: for an outcome, which must not be lost while this process
   * lives.
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
   * The fence. True: `committing` is durable and the lease is held, so the dot may be sent. Rejects
   * when the store fails, which may have made the record all the same.
   */
  async commit(): Promise<boolean> {
    if (!this.isSafe) return false;
    const made = await this.#prolong((s) =>
      commit(s, this.leaseId, this.#d.messages.now(), leaseOf(this.#d)),
    );
    return made && this.isSafe; // asked again: a store that took long over it may have let the lease run out
  }

  async #prolong(decide: (view: DeliveryView) => Change | null): Promise<boolean> {
    const before = this.#d.clock.monotonic();
    const made = await this.change(decide);
    if (made) this.#safeUntil = before + trusted(this.#d);
    return made;
  }

  async #change(decide: (view: DeliveryView) => Change | null): Promise<boolean> {
    for (let round = 0; round < ROUNDS; round++) {
      const change = decide(this.view);
      if (change === null) return false;
      const [version] = await this.#d.messages.apply([change]);
      if (version != null) {
        this.#message = withProgress(this.#message, this.index, { ...change.set, version });
        return true;
      }
      const [found] = await this.#d.messages.find([this.#message.id]);
      if (found == null) return false;
      this.#message = found;
    }
    return false;
  }
}
