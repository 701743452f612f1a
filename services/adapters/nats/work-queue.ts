// The queue in JetStream: one stream, and one durable pull consumer per tier for all dispatchers.
//
// A dispatcher prefetches entries, so that lanes can take turns without a round trip.
// It fetches only as many as it last asked for and only while it asks, and it gives back what it
// does not take: until its ack wait ends, a fetched entry is unavailable to other dispatchers.
//
// The server may lose everything at any time. Every sign of that (a publish without a responder, a
// failed fetch or check) makes the queue declare the stream and its consumers again. Until then
// publishes count as lost and `take` waits.

import { setTimeout as sleep } from 'node:timers/promises';
import type { Msg, NatsConnection } from 'nats';
import { type Tier, tiers } from '../../core/delivery/message.ts';
import { LaneTurns } from '../../core/delivery/pacing/lane-turns.ts';
import { Failure } from '../../core/failure.ts';
import { connectionLimits } from '../../core/limits/connection.ts';
import { queueLimits } from '../../core/limits/queue.ts';
import type { NewEntry, PublishResult, TakenEntry, WorkQueue } from '../../ports/work-queue.ts';
import type { Nats } from './connection.ts';
import { parseEntry, parseSubject } from './entry.ts';
import { fetchEntries } from './fetch.ts';
import { Publisher } from './publisher.ts';
import {
  checkStream,
  declareStream,
  deleteExhausted,
  type Incarnation,
  type StreamSettings,
} from './stream.ts';

export interface WorkQueueOptions {
  /**
   * Name of the stream and first token of its subjects: one word. Tests that share a server use
   * different names.
   */
  readonly stream?: string;
  /** How many servers of a NATS cluster keep a copy. */
  readonly replicas?: number;
  readonly ackWaitMs?: number;
  /**
   * `malformed`: an entry could not be parsed and was dropped. `exhausted`: an entry reached its
   * last delivery and was deleted. `declared`: the stream was created or found.
   */
  readonly onEvent?: (event: 'malformed' | 'exhausted' | 'declared') => void;
}

/** The control of the fetches of a tier. */
interface Fetches {
  /** Wakes the loop that fetches, if it waits for room. */
  wake: () => void;
  /** Ends the current fetch. */
  stop: () => void;
}

export class NatsWorkQueue implements WorkQueue {
  readonly #nats: Nats;
  readonly #settings: StreamSettings;
  readonly #onEvent: NonNullable<WorkQueueOptions['onEvent']>;
  /** The prefetched entries. */
  readonly #ready = new LaneTurns<TakenEntry>();
  readonly #fetches: Readonly<Record<Tier, Fetches>>;
  readonly #closing = new AbortController();
  readonly #served: Disposable;
  readonly #serving = new Set<Promise<void>>();
  readonly #takers = new Set<() => void>();
  readonly #idle: NodeJS.Timeout;
  #arrival: NodeJS.Immediate | null = null;
  /** Entries to prefetch per tier; 0 while nobody takes. */
  #wanted = 0;
  #publisher: Publisher | null = null;
  /** The incarnation of the current stream; null while unknown. */
  #incarnation: Incarnation | null = null;
  /**
   * Resolves when the first try to declare the stream has succeeded or failed: no check is
   * meaningful before.
   */
  readonly #firstMade = Promise.withResolvers<void>();
  /** Makes the queue declare the stream again. */
  #redeclare: (reason: unknown) => void = () => {};

  /** The caller owns the connection. */
  constructor(nats: Nats, options: WorkQueueOptions = {}) {
    const { stream = 'MAIL', replicas = 1, ackWaitMs = queueLimits.ackWaitMs, onEvent = () => {} } = options;
    this.#nats = nats;
    this.#settings = { name: stream, replicas, ackWaitMs };
    this.#onEvent = onEvent;
    const fetches = (): Fetches => ({ wake: () => {}, stop: () => {} });
    this.#fetches = { high: fetches(), normal: fetches(), bulk: fetches() };
    this.#idle = setTimeout(() => this.#giveBackIdle(), queueLimits.prefetchIdleMs).unref();
    this.#served = nats.onConnection((connection) => {
      const serving: Promise<void> = this.#serve(connection).finally(() => this.#serving.delete(serving));
      this.#serving.add(serving);
    });
  }

  async publish(entries: readonly NewEntry[]): Promise<readonly PublishResult[]> {
    return this.#publisher?.publish(entries) ?? entries.map(() => 'lost');
  }

  async take(max: number, signal: AbortSignal): Promise<readonly TakenEntry[]> {
    while (!signal.aborted && !this.#closing.signal.aborted) {
      this.#wanted = Math.min(queueLimits.consumeBatch, Math.max(queueLimits.prefetchMin, max));
      const taken = this.#pick(max);
      for (const tier of tiers) if (this.#isHungry(tier)) this.#fetches[tier].wake();
      this.#idle.refresh();
      if (taken.length > 0) return taken;
      await this.#nextArrival(signal);
    }
    // a dispatcher that stops gives its entries to the others
    if (this.#takers.size === 0) this.#giveBackAll();
    return [];
  }

  async check(): Promise<void> {
    if (this.#closing.signal.aborted) throw new Failure('unavailable', 'the queue is closed');
    try {
      await this.#nats.tried;
      const connection = this.#nats.connection();
      await this.#firstMade.promise;
      await checkStream(connection, this.#settings);
    } catch (error) {
      this.#redeclare(error);
      throw error;
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#served[Symbol.dispose]();
    this.#closing.abort();
    clearTimeout(this.#idle);
    this.#publisher = null;
    this.#giveBackAll();
    for (const wake of this.#takers) wake();
    await Promise.all(this.#serving);
  }

  /** Serves one connection until the connection or the queue closes. Never rejects. */
  async #serve(connection: NatsConnection): Promise<void> {
    const over = new AbortController();
    const signal = AbortSignal.any([over.signal, this.#closing.signal]);
    void connection.closed().then(() => over.abort());
    try {
      const publisher = new Publisher(connection, this.#settings.name, () =>
        this.#redeclare(new Error('no stream')),
      );
      deleteExhausted(connection, this.#settings, () => this.#onEvent('exhausted'));
      this.#publisher = publisher;
    } catch {
      // the connection closed before it was used; a new one follows
    }
    while (!signal.aborted) {
      await this.#useStream(connection, signal).catch(() => {});
      this.#incarnation = null;
      await sleep(connectionLimits.reconnectMs, undefined, { signal }).catch(() => {});
    }
    if (this.#publisher !== null && connection.isClosed()) this.#publisher = null;
  }

  /**
   * Declares the stream and fetches from it. Rejects when the stream is lost, and resolves when the
   * signal aborts.
   */
  async #useStream(connection: NatsConnection, signal: AbortSignal): Promise<void> {
    const incarnation = await declareStream(connection, this.#settings).finally(() =>
      this.#firstMade.resolve(),
    );
    this.#incarnation = incarnation;
    this.#onEvent('declared');
    const lost = Promise.withResolvers<never>();
    const over = new AbortController();
    this.#redeclare = lost.reject;
    const until = AbortSignal.any([signal, over.signal]);
    until.addEventListener('abort', () => this.#stopFetching());
    const fetching = tiers.map((tier) => this.#fetch(connection, tier, incarnation, until));
    try {
      await Promise.race([lost.promise, Promise.all(fetching)]);
    } finally {
      this.#redeclare = () => {};
      over.abort();
      await Promise.allSettled(fetching);
    }
  }

  async #fetch(
    connection: NatsConnection,
    tier: Tier,
    incarnation: Incarnation,
    signal: AbortSignal,
  ): Promise<void> {
    const fetches = this.#fetches[tier];
    while (!signal.aborted) {
      if (!this.#isHungry(tier)) {
        const { promise, resolve } = Promise.withResolvers<void>();
        fetches.wake = resolve;
        await promise;
        continue;
      }
      const stop = new AbortController();
      fetches.stop = () => stop.abort();
      const batch = this.#wanted - this.#ready.sizeOf(tier);
      const pull = { stream: this.#settings.name, consumer: tier, batch };
      await fetchEntries(connection, pull, (message) => this.#arrive(message, incarnation), stop.signal);
    }
  }

  #stopFetching(): void {
    for (const tier of tiers) {
      this.#fetches[tier].stop();
      this.#fetches[tier].wake();
    }
  }

  /** True if at most half of the wanted entries are left: the rest lasts while more are fetched. */
  #isHungry(tier: Tier): boolean {
    return this.#ready.sizeOf(tier) * 2 <= this.#wanted && this.#wanted > 0;
  }

  #arrive(message: Msg, incarnation: Incarnation): void {
    const lane = parseSubject(message.subject);
    const entry = parseEntry(message.string());
    if (lane === null || entry === null) {
      message.respond(TERM);
      this.#onEvent('malformed');
      return;
    }
    const taken = this.#toTaken(message.reply ?? '', { ...lane, entry }, incarnation);
    if (this.#wanted === 0 || this.#closing.signal.aborted) {
      taken.giveBack();
      return;
    }
    this.#ready.push(lane, taken);
    // Wake the takers once for all entries of one read from the connection.
    this.#arrival ??= setImmediate(() => {
      this.#arrival = null;
      for (const wake of this.#takers) wake();
    });
  }

  #toTaken(ackSubject: string, publication: NewEntry, incarnation: Incarnation): TakenEntry {
    let isSettled = false;
    const reply = (word: Uint8Array): void => {
      // In a stream that was created again, the sequence number belongs to another entry.
      if (isSettled || this.#incarnation !== incarnation) return;
      isSettled = true;
      try {
        // over the current connection, because the one that delivered the entry may be closed
        this.#nats.connection().publish(ackSubject, word);
      } catch {
        // the ack is lost; the entry comes again, and its claim is refused
      }
    };
    return { ...publication, ack: () => reply(ACK), giveBack: () => reply(NAK) };
  }

  #pick(max: number): TakenEntry[] {
    const picked: TakenEntry[] = [];
    while (picked.length < max) {
      const taken = this.#ready.shift();
      if (taken === undefined) break;
      picked.push(taken);
    }
    return picked;
  }

  async #nextArrival(signal: AbortSignal): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#takers.add(resolve);
    const onAbort = (): void => resolve();
    signal.addEventListener('abort', onAbort);
    await promise;
    signal.removeEventListener('abort', onAbort);
    this.#takers.delete(resolve);
  }

  #giveBackIdle(): void {
    if (this.#takers.size === 0) this.#giveBackAll();
  }

  #giveBackAll(): void {
    this.#wanted = 0;
    // stop the fetches first, or they would bring the entries back
    this.#stopFetching();
    for (let taken = this.#ready.shift(); taken !== undefined; taken = this.#ready.shift()) taken.giveBack();
  }
}

const ACK = new TextEncoder().encode('+ACK');
const NAK = new TextEncoder().encode('-NAK');
const TERM = new TextEncoder().encode('+TERM');
