// A simulated world: the real code of accept, dispatch and sweep in several processes, over one
// store and one queue, with callers, a mail server and faults. The seed decides everything. A world
// runs in two parts: first faults happen, then they stop and every message has to end.
//
//   callers.ts ──> programs.ts: ingest ──> store, queue ──> dispatcher, sweeper ──> mail-server.ts
//       │              each in a process.ts, over ports.ts and queue.ts                │
//       └── responses to callers ───────> record.ts <── stored and sent messages ──────┘
//
//   chance.ts       the seed's random numbers; nothing else is random
//   clock.ts        time, which jumps to the next sleeper
//   store-clock.ts  the store's clock
//   settings.ts     the settings that the seed decides: fault rates, incidents, sizes, clocks
//   trouble.ts      the current faults, and the time at which their consequences end
//   incidents.ts    faults that happen once: a crash, a lost queue, an unreachable store
//   programs.ts     the programs, their ports, and their restarts
//   process.ts      one process; each of its calls may be slow, fail, or end with the process
//   ports.ts        its stores and budgets; queue.ts: its queue; catalog.ts: its catalog
//   mail-server.ts  the SMTP server that receives the mail
//   callers.ts      callers that send, repeat, cancel and suppress, and their responses
//   record.ts       the history of a run; laws.ts: the laws that every history must obey
//   journal.ts      the trace of a run, and the first law that was broken

import { MemoryBlobStore } from '../../services/adapters/memory/blob-store.ts';
import { MemoryBudgets } from '../../services/adapters/memory/budgets.ts';
import { MemoryKeyStore } from '../../services/adapters/memory/key-store.ts';
import { MemoryMessageStore } from '../../services/adapters/memory/message-store.ts';
import { MemorySuppressionStore } from '../../services/adapters/memory/suppression-store.ts';
import { bootstrapKey } from '../../services/core/access/api-key.ts';
import { acceptLimits } from '../../services/core/limits/accept.ts';
import { storeLimits } from '../../services/core/limits/store.ts';
import { Callers, caller } from './callers.ts';
import { catalogOf, sampleSender } from './catalog.ts';
import { Chance } from './chance.ts';
import { WorldClock } from './clock.ts';
import { planIncidents } from './incidents.ts';
import { Journal } from './journal.ts';
import type { Law } from './laws.ts';
import { Programs, type Shared } from './programs.ts';
import { SimulatedQueue } from './queue.ts';
import { StoreRecord } from './record.ts';
import { type ClockIncident, clockIncidentsOf, type Layout, type Settings, settingsOf } from './settings.ts';
import { ClusterClock, EmbeddedClock, type WorldStoreClock } from './store-clock.ts';
import { Trouble } from './trouble.ts';

export interface SimulationResult {
  readonly seed: number;
  readonly broken: { readonly law: Law; readonly detail: string } | null;
  /** Equal for equal runs. */
  readonly trace: string;
  readonly turns: number;
  readonly tally: Readonly<Record<string, number>>;
  readonly lines: readonly string[];
}

/** Added to the seed for what happens to clocks. */
const CLOCK_SEEDS = 1_000_000_000;
const CREDENTIAL = 'sk_live_simulation_simulation_00';
/** Most worlds take a thousand turns; a full queue that waits for a dead dispatcher takes many more. */
const TURNS_MAX = 200_000;
/**
 * Everything has ended so long after the faults: the longest schedule takes eight hours, lapses and
 * back-offs take an hour.
 */
const END_MS = 12 * 3_600_000;
/** Processes that were frozen or slow finish in this time what their callers no longer wait for. */
const FINISH_MS = 5_000;
const DAY_MS = acceptLimits.idempotencyWindowMs;

export interface SimulationOptions {
  /** Default: `cluster`. */
  readonly layout?: Layout;
  /** Keep the trace as text. */
  readonly keepLines?: boolean;
}

export async function simulate(
  seed: number,
  { layout = 'cluster', keepLines = false }: SimulationOptions = {},
): Promise<SimulationResult> {
  const world = new World(seed, layout, keepLines);
  const bug = (error: unknown): void =>
    world.journal.break('no bug stops a process', String(error instanceof Error ? error.stack : error));
  process.on('unhandledRejection', bug);
  try {
    await world.run();
  } catch (error) {
    bug(error);
  } finally {
    process.off('unhandledRejection', bug);
  }
  const { broken, trace, lines } = world.journal;
  return { seed, broken, trace, turns: world.clock.turns, tally: world.record.tally, lines };
}

class World {
  readonly clock = new WorldClock();
  readonly chance: Chance;
  readonly clockChance: Chance;
  readonly settings: Settings;
  readonly clockIncidents: readonly ClockIncident[];
  readonly storeClock: WorldStoreClock;
  readonly journal: Journal;
  readonly trouble: Trouble;
  readonly shared: Shared;
  readonly record: StoreRecord;
  readonly programs: Programs;
  readonly #callers: Callers;
  readonly #suppressedAt = new Map<string, number>();

  constructor(seed: number, layout: Layout, keepLines: boolean) {
    const clock = this.clock;
    this.chance = new Chance(seed);
    this.clockChance = new Chance(seed + CLOCK_SEEDS);
    this.settings = settingsOf(this.chance, layout);
    this.clockIncidents = clockIncidentsOf(this.clockChance, this.settings);
    this.journal = new Journal(clock, keepLines);
    this.trouble = new Trouble(clock, this.settings);
    const moved = (): void => this.trouble.lastUntil(clock.monotonic());
    this.storeClock =
      layout === 'embedded'
        ? new EmbeddedClock(clock, this.journal.break.bind(this.journal), moved)
        : new ClusterClock(clock, this.clockChance);
    this.shared = sharedOf(this);
    const seen = {
      clock,
      chance: this.chance,
      break: this.journal.break.bind(this.journal),
      note: this.journal.note.bind(this.journal),
      storeNow: () => this.shared.messages.now(),
      monotonic: () => clock.monotonic(),
    };
    this.record = new StoreRecord({
      ...seen,
      troubledUntil: () => this.trouble.until,
      delaysMs: this.settings.delaysMs,
      slackMs: Number.isFinite(this.settings.windowMax) ? 20_000 : 0,
    });
    this.#callers = new Callers({
      ...seen,
      record: this.record,
      credential: CREDENTIAL,
      ingest: () => this.programs.ingest(),
      suppressed: (address) => {
        if (!this.#suppressedAt.has(address)) this.#suppressedAt.set(address, clock.monotonic());
      },
    });
    this.programs = new Programs(this);
  }

  dropsAfterSuspension = (): boolean => this.clockChance.happens(0.5);

  suppressedAt = (address: string): number | undefined => this.#suppressedAt.get(address);

  async run(): Promise<void> {
    const { faultsMs, actions, hasNextDay } = this.settings;
    await addKey(this.shared.keys);
    this.programs.startAll();
    for (let i = 0; i < actions; i++) this.#callers.plan(faultsMs * 1.5);
    planIncidents(this);

    await this.#untilEnded();
    this.#callers.repeatAll();
    await this.#untilEnded();
    if (hasNextDay) {
      await this.#passDay();
      this.#callers.nextDay();
      await this.#untilEnded();
    }
    await this.#shutDown();
    if (this.journal.broken !== null) return;
    const ids = [...this.record.messages.keys()];
    this.record.judgeEnd((await this.shared.messages.find(ids)).filter((m) => m !== null));
    this.#callers.judge();
  }

  /** Until every message has ended, or a law is broken. */
  async #untilEnded(): Promise<void> {
    const { clock, journal, record, trouble } = this;
    const { faultsMs } = this.settings;
    const giveUpAt = Math.max(clock.monotonic(), faultsMs) + END_MS;
    const hasEnded = (): boolean =>
      this.#callers.busy === 0 &&
      record.open === 0 &&
      clock.monotonic() > Math.max(faultsMs, trouble.until + FINISH_MS);
    await clock.run(() => journal.broken !== null || clock.monotonic() > giveUpAt || hasEnded(), TURNS_MAX);
    if (journal.broken !== null || hasEnded()) return;
    const open = [...record.messages.values()]
      .flatMap((m) => m.deliveries)
      .filter((d) => d.progress.wakeAt !== null);
    const waiting = open.map((d) => `${d.name} ${d.progress.state}`).join(', ');
    journal.break(
      'P1: every acknowledged message is there and ends',
      `after ${clock.turns} turns still open: ${waiting}`,
    );
  }

  /** At once, but for the time in which all processes follow. */
  async #passDay(): Promise<void> {
    const { clock, storeClock, journal } = this;
    if (journal.broken !== null) return;
    journal.note('a day passes');
    // earlier steps back may have cost an hour each
    if (storeClock instanceof ClusterClock) storeClock.jump(DAY_MS + 2 * 3_600_000);
    else clock.suspend(DAY_MS);
    const until = clock.monotonic() + storeLimits.storeClockEveryMs;
    this.trouble.lastUntil(until);
    await clock.run(() => clock.monotonic() >= until, TURNS_MAX);
  }

  async #shutDown(): Promise<void> {
    const { clock, journal } = this;
    if (journal.broken !== null) return;
    let hasEnded = false;
    void this.programs.stopAll().then(() => {
      hasEnded = true;
    });
    const giveUpAt = clock.monotonic() + 60_000;
    await clock.run(() => journal.broken !== null || hasEnded || clock.monotonic() > giveUpAt, TURNS_MAX);
    if (!hasEnded)
      journal.break('no bug stops a process', 'a process does not end within a minute of being told to');
    if (clock.asleep > 100) journal.break('memory is bounded', `${clock.asleep} sleep when all is over`);
    const { size } = this.shared.queue;
    if (size > 50) journal.break('memory is bounded', `${size} entries in the queue when all is over`);
  }
}

/** The stores and the queue. */
function sharedOf({
  clock,
  chance,
  settings,
  trouble,
  storeClock,
}: Pick<World, 'clock' | 'chance' | 'settings' | 'trouble' | 'storeClock'>): Shared {
  return {
    messages: new MemoryMessageStore(storeClock),
    blobs: new MemoryBlobStore(clock),
    suppressions: new MemorySuppressionStore(),
    keys: new MemoryKeyStore(),
    budgets: new MemoryBudgets(clock),
    queue: new SimulatedQueue(
      clock,
      chance,
      settings.windowMax,
      () => trouble.faults.queue,
      () => trouble.lastUntil(clock.monotonic()),
    ),
    catalog: catalogOf([sampleSender(settings.delaysMs)]),
  };
}

/** Callers have one key. */
async function addKey(keys: MemoryKeyStore): Promise<void> {
  const { secretHash, id } = bootstrapKey(CREDENTIAL);
  const { tenant, scopes, environment, senders, requestsPerMinute } = caller;
  const key = { id, tenant, name: 'test', secretHash, scopes, environment, senders, requestsPerMinute };
  await keys.add({ ...key, expiresAt: null, revokedAt: null, createdAt: 0, createdBy: null });
}
