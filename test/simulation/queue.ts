// The queue of a simulated world: a memory queue that loses and repeats entries, can be erased, and
// holds as few entries as the world's settings say.

import { MemoryWorkQueue } from '../../services/adapters/memory/work-queue.ts';
import type { NewEntry, PublishResult, TakenEntry, WorkQueue } from '../../services/ports/work-queue.ts';
import type { Chance } from './chance.ts';
import type { WorldClock } from './clock.ts';
import type { Process } from './process.ts';

/** Probabilities per publication. */
export interface QueueFaults {
  readonly lost: number;
  readonly repeated: number;
}

/** Old entries that can be repeated. */
const MEMORY = 50;

export class SimulatedQueue {
  readonly #clock: WorldClock;
  readonly #chance: Chance;
  readonly #faults: () => QueueFaults;
  readonly #windowMax: number;
  readonly #troubled: () => void;
  readonly #past: NewEntry[] = [];
  #queue: MemoryWorkQueue;
  #erased = new AbortController();
  #entries = 0;

  constructor(
    clock: WorldClock,
    chance: Chance,
    windowMax: number,
    faults: () => QueueFaults,
    troubled: () => void,
  ) {
    this.#troubled = troubled;
    this.#clock = clock;
    this.#chance = chance;
    this.#windowMax = windowMax;
    this.#faults = faults;
    this.#queue = new MemoryWorkQueue(clock);
  }

  /** Entries in it, taken ones included. */
  get size(): number {
    return this.#entries;
  }

  erase(): void {
    this.#queue = new MemoryWorkQueue(this.#clock);
    this.#entries = 0;
    this.#erased.abort();
    this.#erased = new AbortController();
  }

  /** Publishes old entries again; some of them are outdated. */
  async repeat(count: number): Promise<void> {
    for (let i = 0; i < count; i++) {
      const old = this.#past[this.#chance.between(0, this.#past.length - 1)];
      if (old !== undefined) await this.#add(old);
    }
  }

  of(process: Process): WorkQueue {
    return {
      publish: (entries) =>
        process.ask(async () => {
          const answers: PublishResult[] = [];
          for (const p of entries) answers.push(await this.#publish(p));
          return answers;
        }, false),
      take: async (max, signal) => {
        for (;;) {
          await process.step();
          const taken = await this.#take(max, [signal, process.death, this.#erased.signal]);
          await process.thaw();
          if (taken.length > 0 || signal.aborted) return taken.map((t) => guarded(t, process));
        }
      },
      check: async () => {},
      [Symbol.asyncDispose]: async () => {},
    };
  }

  async #publish(publication: NewEntry): Promise<PublishResult> {
    this.#past.push(publication);
    if (this.#past.length > MEMORY) this.#past.shift();
    const faults = this.#faults();
    if (this.#chance.happens(faults.lost)) {
      this.#troubled();
      if (this.#chance.happens(0.5)) await this.#add(publication);
      return 'lost';
    }
    if (this.#chance.happens(faults.repeated)) await this.#add(publication);
    return (await this.#add(publication)) ? 'published' : 'full';
  }

  async #add(publication: NewEntry): Promise<boolean> {
    if (this.#entries >= this.#windowMax) return false;
    this.#entries += 1;
    await this.#queue.publish([publication]);
    return true;
  }

  async #take(max: number, signals: readonly AbortSignal[]): Promise<readonly TakenEntry[]> {
    const over = new AbortController();
    const end = (): void => over.abort();
    for (const signal of signals) signal.addEventListener('abort', end);
    if (signals.some((signal) => signal.aborted)) end();
    const queue = this.#queue;
    const taken = await queue.take(max, over.signal);
    for (const signal of signals) signal.removeEventListener('abort', end);
    return taken.map((t) => this.#counted(t, queue));
  }

  #counted(taken: TakenEntry, queue: MemoryWorkQueue): TakenEntry {
    let isAcked = false;
    const ack = (): void => {
      if (!isAcked && queue === this.#queue) this.#entries = Math.max(0, this.#entries - 1);
      isAcked = true;
      taken.ack();
    };
    return { ...taken, ack };
  }
}

/** A dead process acks nothing. */
const guarded = (taken: TakenEntry, process: Process): TakenEntry => ({
  ...taken,
  ack: () => {
    if (!process.isDead) taken.ack();
  },
  giveBack: () => {
    if (!process.isDead) taken.giveBack();
  },
});
