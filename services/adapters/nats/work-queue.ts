// The queue in JetStream: one stream, one durable pull consumer per tier, shared by all
// dispatchers.
//
// A dispatcher fetches somewhat more than it starts, so that shares can be given and no round trip
// is waited for; but only as much as it last asked for, only while it asks, and it gives back what
// it leaves lying: an entry in the hand of one is out of reach of all others until its ack wait is
// over.
//
// The server may lose everything at any time. Whatever shows that (a publish without a responder, a
// fetch that breaks off, a check) has the stream and the consumers made again; until then
// publications are lost and takers wait.

import { setTimeout as sleep } from 'node:timers/promises';
import type { Msg, NatsConnection } from 'nats';
import { type Tier, tiers } from '../../core/delivery/message.ts';
import { TenantTurns } from '../../core/delivery/pacing/tenant-turns.ts';
import { TierTurns } from '../../core/delivery/pacing/tier-turns.ts';
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
   * Name of the stream and first token of its subjects: one word. Tests that share a server have
   * one each.
   */
  readonly stream?: string;
  /** Servers of a NATS cluster that keep a copy. */
  readonly replicas?: number;
  readonly ackWaitMs?: number;
  /**
   * `malformed`: an entry that nobody can read was thrown away. `exhausted`: one that was handed
   * out too often. `declared`: the stream was made or found.
   */
  readonly onEvent?: (event: 'malformed' | 'exhausted' | 'declared') => void;
}

/** What a tier has ready here, and the fetching that brings more. */
interface Lane {
  readonly ready: TenantTurns<TakenEntry>;
  /** Wakes the fetching, if it waits for room. */
  wake: () => void;
  /** Ends the present fetch. */
  stop: () => void;
}

export class NatsWorkQueue implements WorkQueue {
  readonly #nats: Nats;
  readonly #settings: StreamSettings;
  readonly #onEvent: NonNullable<WorkQueueOptions['onEvent']>;
  readonly #turns = new TierTurns();
  readonly #lanes: Readonly<Record<Tier, Lane>>;
  readonly #closing = new AbortController();
  readonly #served: Disposable;
  readonly #serving = new Set<Promise<void>>();
  readonly #takers = new Set<() => void>();
  readonly #idle: NodeJS.Timeout;
  #arrival: NodeJS.Immediate | null = null;
  /** Entries to have ready per tier; 0 while nobody takes. */
  #wanted = 0;
  #publisher: Publisher | null = null;
  /** Of the stream that is there now; null while that is not known. */
  #incarnation: Incarnation | null = null;
  /**
   * Resolves when the stream was first made, or could not be: before that, nobody knows whether the
   * queue is there.
   */
  readonly #firstMade = Promise.withResolvers<void>();
  /** Has the stream made again. */
  #redeclare: (reason: unknown) => void = () => {};

  /** The connection stays its owner's. */
  constructor(nats: Nats, options: WorkQueueOptions = {}) {
    const { stream = 'MAIL', replicas = 1, ackWaitMs = queueLimits.ackWaitMs, onEvent = () => {} } = options;
    this.#nats = nats;
    this.#settings = { name: stream, replicas, ackWaitMs };
    this.#onEvent = onEvent;
    const lane = (): Lane => ({ ready: new TenantTurns(), wake: () => {}, stop: () => {} });
    this.#lanes = { high: lane(), normal: lane(), bulk: lane() };
    this.#idle = setTimeout(() => this.#giveBackIdle(), queueLimits.prefetchIdleMs).unref();
    this.#served = nats.onConnection((connection) => {
      const serving: Promise<void> = this.#serve(connection).finally(() => this.#serving.delete(serving));
      this.#serving.add(serving);
    });
  }

  async publish(publications: readonly NewEntry[]): Promise<readonly PublishResult[]> {
    return this.#publisher?.publish(publications) ?? publications.map(() => 'lost');
  }

  async take(max: number, signal: AbortSignal): Promise<readonly TakenEntry[]> {
    while (!signal.aborted && !this.#closing.signal.aborted) {
      this.#wanted = Math.min(queueLimits.consumeBatch, Math.max(queueLimits.prefetchMin, max));
      const taken = this.#pick(max);
      for (const tier of tiers) if (this.#isHungry(tier)) this.#lanes[tier].wake();
      this.#idle.refresh();
      if (taken.length > 0) return taken;
      await this.#nextArrival(signal);
    }
    // a dispatcher that stops should not hold what others could start
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

  /** Serves one connection, until it or the queue closes. Never rejects. */
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
      // it closed before it was used; the next one is on its way
    }
    while (!signal.aborted) {
      await this.#useStream(connection, signal).catch(() => {});
      this.#incarnation = null;
      await sleep(connectionLimits.reconnectMs, undefined, { signal }).catch(() => {});
    }
    if (this.#publisher !== null && connection.isClosed()) this.#publisher = null;
  }

  /** Makes the stream and fetches from it. Rejects when it is lost, ends when the signal aborts. */
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
    const lane = this.#lanes[tier];
    while (!signal.aborted) {
      if (!this.#isHungry(tier)) {
        const { promise, resolve } = Promise.withResolvers<void>();
        lane.wake = resolve;
        await promise;
        continue;
      }
      const stop = new AbortController();
      lane.stop = () => stop.abort();
      const pull = { stream: this.#settings.name, consumer: tier, batch: this.#wanted - lane.ready.size };
      await fetchEntries(connection, pull, (message) => this.#arrive(message, incarnation), stop.signal);
    }
  }

  #stopFetching(): void {
    for (const tier of tiers) {
      this.#lanes[tier].stop();
      this.#lanes[tier].wake();
    }
  }

  /** Half of what is wanted is left: the rest lasts while more is fetched. */
  #isHungry(tier: Tier): boolean {
    return this.#lanes[tier].ready.size * 2 <= this.#wanted && this.#wanted > 0;
  }

  #arrive(message: Msg, incarnation: Incarnation): void {
    const place = parseSubject(message.subject);
    const entry = parseEntry(message.string());
    if (place === null || entry === null) {
      message.respond(TERM);
      this.#onEvent('malformed');
      return;
    }
    const taken = this.#toTaken(message.reply ?? '', { ...place, entry }, incarnation);
    if (this.#wanted === 0 || this.#closing.signal.aborted) {
      taken.giveBack();
      return;
    }
    this.#lanes[place.tier].ready.push(place.tenant, taken);
    // Takers are woken once for all that came in one piece of the connection's data.
    this.#arrival ??= setImmediate(() => {
      this.#arrival = null;
      for (const wake of this.#takers) wake();
    });
  }

  #toTaken(ackSubject: string, publication: NewEntry, incarnation: Incarnation): TakenEntry {
    let isSettled = false;
    const reply = (word: Uint8Array): void => {
      // After the stream was lost and made anew, its numbers belong to other entries.
      if (isSettled || this.#incarnation !== incarnation) return;
      isSettled = true;
      try {
        // by the present connection: the one that it came over may be gone
        this.#nats.connection().publish(ackSubject, word);
      } catch {
        // lost; the entry comes again and the claim refuses it
      }
    };
    return { ...publication, ack: () => reply(ACK), giveBack: () => reply(NAK) };
  }

  #pick(max: number): TakenEntry[] {
    const picked: TakenEntry[] = [];
    while (picked.length < max) {
      const tier = this.#turns.next((t) => this.#lanes[t].ready.size > 0);
      const taken = tier === null ? undefined : this.#lanes[tier].ready.shift();
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
    // first the fetches, or they would bring them right back
    this.#stopFetching();
    for (const { ready } of Object.values(this.#lanes)) {
      for (let taken = ready.shift(); taken !== undefined; taken = ready.shift()) taken.giveBack();
    }
  }
}

const ACK = new TextEncoder().encode('+ACK');
const NAK = new TextEncoder().encode('-NAK');
const TERM = new TextEncoder().encode('+TERM');
