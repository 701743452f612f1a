// One simulated world: real accept, dispatch and sweep code in several processes over one store and
// one queue, callers, a mail server, a storm of faults, and then calm until everything has ended.
// Everything that happens is decided by the seed.

import { MemoryBlobStore } from '../../services/adapters/memory/blob-store.ts';
import { MemoryBudgets } from '../../services/adapters/memory/budgets.ts';
import { MemoryFailureCounts } from '../../services/adapters/memory/failure-counts.ts';
import { MemoryKeyStore } from '../../services/adapters/memory/key-store.ts';
import { MemoryMessageStore } from '../../services/adapters/memory/message-store.ts';
import { MemorySuppressionStore } from '../../services/adapters/memory/suppression-store.ts';
import { bootstrapKey } from '../../services/core/access/api-key.ts';
import { acceptLimits } from '../../services/core/limits/accept.ts';
import { deliveryLimits } from '../../services/core/limits/delivery.ts';
import { queueLimits } from '../../services/core/limits/queue.ts';
import { runningLimits } from '../../services/core/limits/running.ts';
import { CompiledTemplates } from '../../services/core/template/compiled-templates.ts';
import { dispatch } from '../../services/dispatcher/dispatch.ts';
import { SigningKeys } from '../../services/dispatcher/sign.ts';
import { KeyCache } from '../../services/ingest/authenticate.ts';
import { Backlogs } from '../../services/ingest/backlogs.ts';
import { FailedAuthentications } from '../../services/ingest/failed-authentications.ts';
import type { Ingest } from '../../services/ingest/ingest.ts';
import { sweepLoop } from '../../services/sweeper/sweep.ts';
import { Callers, caller } from './callers.ts';
import { catalogOf, sampleSender } from './catalog.ts';
import { Chance } from './chance.ts';
import { WorldClock } from './clock.ts';
import type { Law } from './laws.ts';
import { transportOf } from './mail-server.ts';
import { budgetsOf, messagesOf, suppressionsOf } from './ports.ts';
import { type Kind, Process } from './process.ts';
import { SimulatedQueue } from './queue.ts';
import { StoreRecord } from './record.ts';
import { calmSky, type Settings, settingsOf } from './settings.ts';

export interface SimulationResult {
  readonly seed: number;
  readonly broken: { readonly law: Law; readonly detail: string } | null;
  /** Equal for equal runs. */
  readonly trace: string;
  readonly turns: number;
  readonly tally: Readonly<Record<string, number>>;
  readonly lines: readonly string[];
}

const CREDENTIAL = 'sk_live_simulation_simulation_00';
const KEY = { id: 'k1', secret: new Uint8Array(32).fill(7) };
const RETURN_KEY = new Uint8Array(32).fill(9);
/** Most worlds take a thousand turns; a full window that waits for a dead dispatcher, many more. */
const TURNS_MAX = 200_000;
/**
 * After the storm everything has ended by then: the longest schedule takes eight hours, lapses and
 * back-offs an hour.
 */
const REST_MS = 12 * 3_600_000;
const DAY_MS = acceptLimits.idempotencyWindowMs;

/** `lines`: keep the trace as text. */
export async function simulate(seed: number, keepLines = false): Promise<SimulationResult> {
  const world = new World(seed, keepLines);
  const bug = (error: unknown): void =>
    world.break('no bug stops a process', String(error instanceof Error ? error.stack : error));
  process.on('unhandledRejection', bug);
  try {
    await world.run();
  } catch (error) {
    bug(error);
  } finally {
    process.off('unhandledRejection', bug);
  }
  return world.outcome();
}

class World {
  readonly #seed: number;
  readonly #chance: Chance;
  readonly #clock = new WorldClock();
  readonly #settings: Settings;
  readonly #store: MemoryMessageStore;
  readonly #suppressions = new MemorySuppressionStore();
  readonly #blobs: MemoryBlobStore;
  readonly #keys = new MemoryKeyStore();
  readonly #budgets: MemoryBudgets;
  readonly #queue: SimulatedQueue;
  readonly #record: StoreRecord;
  readonly #callers: Callers;
  readonly #catalog;
  readonly #suppressedAt = new Map<string, number>();
  readonly #ingests: { process: Process; ingest: Ingest }[] = [];
  readonly #running = new Map<Process, { readonly stop: () => void; readonly ended: Promise<void> }>();
  #storeJumpMs = 0;
  #jumpedAt = Number.NEGATIVE_INFINITY;
  #troubledUntil = Number.NEGATIVE_INFINITY;
  #storesDownUntil = 0;
  #isOver = false;
  #instances = 0;
  #broken: SimulationResult['broken'] = null;
  #hash = 0x811c9dc5;
  readonly #lines: string[] | null;

  constructor(seed: number, keepLines: boolean) {
    this.#seed = seed;
    this.#lines = keepLines ? [] : null;
    this.#chance = new Chance(seed);
    this.#settings = settingsOf(this.#chance);
    const clock = this.#clock;
    const settings = this.#settings;
    const storeClock = {
      now: () => clock.now() + this.#storeJumpMs,
      monotonic: () => clock.monotonic(),
      sleep: () => clock.sleep(0),
    };
    this.#store = new MemoryMessageStore(storeClock);
    this.#blobs = new MemoryBlobStore(storeClock);
    this.#budgets = new MemoryBudgets(clock);
    this.#queue = new SimulatedQueue(
      clock,
      this.#chance,
      settings.windowMax,
      () => this.#sky().queue,
      () => this.#troubled(clock.monotonic()),
    );
    this.#catalog = catalogOf([sampleSender(settings.delaysMs)]);
    const broken = this.break.bind(this);
    const note = this.note.bind(this);
    const storeNow = (): number => this.#store.now();
    this.#record = new StoreRecord({
      break: broken,
      note,
      storeNow,
      monotonic: () => clock.monotonic(),
      troubledUntil: () => this.#troubledUntil,
      jumpedAt: () => this.#jumpedAt,
      delaysMs: settings.delaysMs,
      slackMs: Number.isFinite(settings.windowMax) ? 20_000 : 0,
    });
    this.#callers = new Callers({
      clock,
      chance: this.#chance,
      record: this.#record,
      credential: CREDENTIAL,
      break: broken,
      note,
      storeNow,
      ingest: () => this.#livingIngest(),
      suppressed: (address) => {
        if (!this.#suppressedAt.has(address)) this.#suppressedAt.set(address, clock.monotonic());
      },
    });
  }

  break(law: Law, detail: string): void {
    this.#broken ??= { law, detail };
    this.note(`BROKEN ${law}: ${detail}`);
  }

  note(line: string): void {
    const text = `${this.#clock.monotonic()} ${line}`;
    for (let i = 0; i < text.length; i++) this.#hash = Math.imul(this.#hash ^ text.charCodeAt(i), 0x01000193);
    this.#lines?.push(text);
  }

  outcome(): SimulationResult {
    const trace = (this.#hash >>> 0).toString(16);
    return {
      seed: this.#seed,
      broken: this.#broken,
      trace,
      turns: this.#clock.turns,
      tally: this.#record.tally,
      lines: this.#lines ?? [],
    };
  }

  async run(): Promise<void> {
    const { stormMs, actions, instances } = this.#settings;
    const { secretHash, id } = bootstrapKey(CREDENTIAL);
    const { tenant, scopes, environment, senders, requestsPerMinute } = caller;
    const key = { id, tenant, name: 'test', secretHash, scopes, environment, senders, requestsPerMinute };
    await this.#keys.add({ ...key, expiresAt: null, revokedAt: null, createdAt: 0, createdBy: null });

    for (const kind of ['ingest', 'dispatcher', 'sweeper'] as const) {
      for (let slot = 0; slot < instances[kind]; slot++) this.#start(kind, slot);
    }
    for (let i = 0; i < actions; i++) this.#callers.plan(stormMs * 1.5);
    this.#brew();

    await this.#rest();
    this.#callers.repeatAll();
    await this.#rest();
    if (this.#settings.hasNextDay) {
      this.#jump(DAY_MS);
      this.#callers.nextDay();
      await this.#rest();
    }
    await this.#shutDown();
    if (this.#broken !== null) return;
    const ids = [...this.#record.messages.keys()];
    this.#record.judgeEnd((await this.#store.find(ids)).filter((m) => m !== null));
    this.#callers.judge();
  }

  /** Until everything has ended, or something is broken. */
  async #rest(): Promise<void> {
    const end = Math.max(this.#clock.monotonic(), this.#settings.stormMs) + REST_MS;
    // whoever was frozen or slow has a while to finish what its caller does not wait for any more
    const isCalm = (): boolean =>
      this.#clock.monotonic() > Math.max(this.#settings.stormMs, this.#troubledUntil + 5_000);
    const hasEnded = (): boolean => this.#callers.busy === 0 && this.#record.open === 0 && isCalm();
    await this.#clock.run(
      () => this.#broken !== null || this.#clock.monotonic() > end || hasEnded(),
      TURNS_MAX,
    );
    if (this.#broken !== null || hasEnded()) return;
    const open = [...this.#record.messages.values()]
      .flatMap((m) => m.deliveries)
      .filter((d) => d.progress.wakeAt !== null);
    const waiting = open.map((d) => `${d.name} ${d.progress.state}`).join(', ');
    this.break(
      'P1: every acknowledged message is there and ends',
      `after ${this.#clock.turns} turns still open: ${waiting}`,
    );
  }

  async #shutDown(): Promise<void> {
    if (this.#broken !== null) return;
    this.#isOver = true;
    let ended = false;
    for (const { stop } of this.#running.values()) stop();
    void Promise.all([...this.#running.values()].map((r) => r.ended)).then(() => {
      ended = true;
    });
    const end = this.#clock.monotonic() + 60_000;
    await this.#clock.run(() => this.#broken !== null || ended || this.#clock.monotonic() > end, TURNS_MAX);
    if (!ended)
      this.break('no bug stops a process', 'a process does not end within a minute of being told to');
    if (this.#clock.asleep > 100)
      this.break('memory is bounded', `${this.#clock.asleep} sleep when all is over`);
    if (this.#queue.size > 50)
      this.break('memory is bounded', `${this.#queue.size} entries in the queue when all is over`);
  }

  #sky() {
    return this.#clock.monotonic() < this.#settings.stormMs ? this.#settings.storm : calmSky;
  }

  /** What befalls the world as a whole, and processes whatever they are doing. */
  #brew(): void {
    const { stormMs, disasters } = this.#settings;
    const chance = this.#chance;
    for (const disaster of disasters)
      this.#clock.at(chance.between(0, stormMs), () => this.#strike(disaster));
  }

  #strike(disaster: Settings['disasters'][number]): void {
    const chance = this.#chance;
    const now = this.#clock.monotonic();
    const alive = [...this.#running.keys(), ...this.#ingests.map((i) => i.process)].filter((p) => !p.isDead);
    const victim = alive[chance.between(0, alive.length - 1)];
    this.#troubled(now);
    this.note(disaster);
    switch (disaster) {
      case 'crash':
        victim?.crash();
        break;
      case 'freeze':
        victim?.freeze(chance.pick([20_000, 75_000, 200_000]));
        break;
      case 'shutdown':
        if (victim !== undefined) this.#running.get(victim)?.stop();
        break;
      case 'queue erased':
        this.#queue.erase();
        break;
      case 'queue repeats':
        void this.#queue.repeat(chance.between(1, 20));
        break;
      case 'store down':
        this.#storesDownUntil = now + chance.pick([500, 15_000, 90_000]);
        this.#troubled(this.#storesDownUntil);
        break;
      case 'store clock jumps':
        this.#jump(chance.pick([5_000, 70_000, 3_600_000]));
        break;
      case 'sender suspended': {
        const until = now + chance.pick([1_000, 100_000]);
        // held mail is looked at again once a minute
        this.#troubled(until + deliveryLimits.heldRecheckMs);
        this.#catalog.replace([{ ...sampleSender(this.#settings.delaysMs), suspended: true }]);
        this.#clock.at(until, () => this.#catalog.replace([sampleSender(this.#settings.delaysMs)]));
        break;
      }
      default:
        disaster satisfies never;
    }
  }

  #jump(ms: number): void {
    this.note(`the store’s clock jumps by ${ms}`);
    this.#storeJumpMs += ms;
    this.#jumpedAt = this.#clock.monotonic();
    this.#troubled(this.#jumpedAt);
  }

  #troubled(until: number): void {
    // entries that somebody took and never acked hold their places in the window for so long
    const heldMs = Number.isFinite(this.#settings.windowMax) ? queueLimits.ackWaitMs : 0;
    this.#troubledUntil = Math.max(this.#troubledUntil, until + heldMs);
  }

  #livingIngest(): Ingest | null {
    const living = this.#ingests.filter((i) => !i.process.isDead);
    return living[this.#chance.between(0, living.length - 1)]?.ingest ?? null;
  }

  #start(kind: Kind, slot: number): void {
    if (this.#isOver) return;
    const skewMs = this.#settings.skewsMs[(slot + kind.length) % this.#settings.skewsMs.length] ?? 0;
    const surroundings = {
      clock: this.#clock,
      chance: this.#chance,
      weather: () => this.#sky().process,
      storesDownUntil: () => this.#storesDownUntil,
      note: this.note.bind(this),
      troubled: (until: number) => this.#troubled(until),
    };
    const p = new Process(surroundings, kind, `${kind}${slot}.${this.#instances++}`, skewMs, (ms) =>
      this.#sleepOn(kind, ms),
    );
    p.death.addEventListener('abort', () => {
      this.#running.delete(p);
      const backMs = this.#chance.between(100, 10_000);
      this.#troubled(this.#clock.monotonic() + backMs);
      this.#clock.at(this.#clock.monotonic() + backMs, () => this.#start(kind, slot));
    });
    if (kind === 'ingest') this.#startIngest(p, slot);
    else if (kind === 'dispatcher') this.#startDispatcher(p);
    else this.#startSweeper(p);
    if (p.isDead) this.#running.delete(p); // in its very first step
  }

  /** A sweep that would find nothing is not run: hours pass at no cost. */
  #sleepOn(kind: Kind, ms: number): number | null {
    const isIdle = kind === 'sweeper' && this.#record.nextWakeAt > this.#store.now() && !this.#isOver;
    return isIdle ? ms : null;
  }

  #portsOf(p: Process) {
    return {
      messages: messagesOf(p, this.#store, this.#record),
      blobs: this.#blobs,
      suppressions: suppressionsOf(p, this.#suppressions),
      keys: this.#keys,
      queue: this.#queue.of(p),
      budgets: budgetsOf(p, this.#budgets, this.#chance, () =>
        p.kind === 'dispatcher' ? this.#sky().budgetRefusal : 0,
      ),
      catalog: this.#catalog.catalog,
      clock: p.clock,
      random: this.#chance,
      report: () => {},
    };
  }

  #startIngest(p: Process, slot: number): void {
    const ports = this.#portsOf(p);
    const ingest: Ingest = {
      ...ports,
      hashKeys: { suppression: [KEY], cursor: [KEY] },
      keyCache: new KeyCache(ports.keys, ports.clock),
      failedAuthentications: new FailedAuthentications({
        counts: new MemoryFailureCounts(ports.clock),
        clock: ports.clock,
        hashKey: KEY,
        metrics: { failedAuthentication: () => {} },
      }),
      backlogs: new Backlogs(ports.messages, ports.clock),
      templates: new CompiledTemplates(),
    };
    this.#ingests[slot] = { process: p, ingest };
  }

  #startDispatcher(p: Process): void {
    const take = new AbortController();
    const stop = new AbortController();
    const transport = transportOf(
      {
        clock: this.#clock,
        chance: this.#chance,
        record: this.#record,
        returnKey: RETURN_KEY,
        weather: () => this.#sky().mail,
        suppressedAt: (address) => this.#suppressedAt.get(address),
        troubled: (until) => this.#troubled(until),
      },
      p,
    );
    const metrics = {
      claimed: () => {},
      held: () => {},
      attempt: () => {},
      delivered: () => {},
      firstReply: () => {},
      inFlight: () => {},
    };
    const dispatcher = {
      ...this.#portsOf(p),
      transport,
      templates: new CompiledTemplates(),
      signingKeys: new SigningKeys(),
      suppressionKeys: [KEY],
      returnKey: RETURN_KEY,
      relay: null,
      metrics,
    };
    const ended = dispatch(dispatcher, { take: take.signal, stop: stop.signal }).then(() => p.end());
    this.#running.set(p, {
      stop: () => {
        take.abort();
        this.#clock.at(this.#clock.monotonic() + runningLimits.shutdownGraceMs, () => stop.abort());
      },
      ended,
    });
  }

  #startSweeper(p: Process): void {
    const stop = new AbortController();
    const ended = sweepLoop(
      { ...this.#portsOf(p), metrics: { swept: () => {}, backlog: () => {}, oldestSendable: () => {} } },
      stop.signal,
    ).then(() => p.end());
    this.#running.set(p, { stop: () => stop.abort(), ended });
  }
}
