// The programs of a simulated world: ingests, dispatchers and sweepers, each the real code in a
// process of its own over the stores that all share. A process that has ended starts again, as a
// Deployment would start it. In the layout `embedded` the three are the parts of one process: they
// end together, the queue is lost with them, and the next start continues their mail.

import type { MemoryBlobStore } from '../../services/adapters/memory/blob-store.ts';
import type { MemoryBudgets } from '../../services/adapters/memory/budgets.ts';
import { MemoryFailureCounts } from '../../services/adapters/memory/failure-counts.ts';
import type { MemoryKeyStore } from '../../services/adapters/memory/key-store.ts';
import type { MemoryMessageStore } from '../../services/adapters/memory/message-store.ts';
import type { MemorySuppressionStore } from '../../services/adapters/memory/suppression-store.ts';
import { runningLimits } from '../../services/core/limits/running.ts';
import { CompiledTemplates } from '../../services/core/template/compiled-templates.ts';
import { dispatch } from '../../services/dispatcher/dispatch.ts';
import { SigningKeys } from '../../services/dispatcher/sign.ts';
import { resume } from '../../services/embedded/resume.ts';
import { Backlogs } from '../../services/ingest/backlogs.ts';
import { FailedAuthentications } from '../../services/ingest/failed-authentications.ts';
import type { Ingest } from '../../services/ingest/ingest-parts.ts';
import { KeyCache } from '../../services/ingest/key-cache.ts';
import { sweepLoop } from '../../services/sweeper/sweep.ts';
import type { catalogOf } from './catalog.ts';
import type { Chance } from './chance.ts';
import type { WorldClock } from './clock.ts';
import type { Journal } from './journal.ts';
import { transportOf } from './mail-server.ts';
import { budgetsOf, messagesOf, suppressionsOf } from './ports.ts';
import { type Kind, Process } from './process.ts';
import type { SimulatedQueue } from './queue.ts';
import type { StoreRecord } from './record.ts';
import type { Settings } from './settings.ts';
import { EmbeddedClock, type WorldStoreClock } from './store-clock.ts';
import type { Trouble } from './trouble.ts';

const KEY = { id: 'k1', secret: new Uint8Array(32).fill(7) };
const RETURN_KEY = new Uint8Array(32).fill(9);

const kinds = ['ingest', 'dispatcher', 'sweeper'] as const satisfies readonly Kind[];
const noMetrics = { swept: () => {}, backlog: () => {}, oldestSendable: () => {}, drainingSenders: () => {} };

/** What all processes share. */
export interface Shared {
  readonly messages: MemoryMessageStore;
  readonly blobs: MemoryBlobStore;
  readonly suppressions: MemorySuppressionStore;
  readonly keys: MemoryKeyStore;
  readonly budgets: MemoryBudgets;
  readonly queue: SimulatedQueue;
  readonly catalog: ReturnType<typeof catalogOf>;
}

export interface ProgramsWorld {
  readonly clock: WorldClock;
  readonly chance: Chance;
  readonly settings: Settings;
  readonly trouble: Trouble;
  readonly journal: Journal;
  readonly record: StoreRecord;
  readonly shared: Shared;
  readonly storeClock: WorldStoreClock;
  /** True: the next hop drops a connection that was open while the world was suspended. */
  dropsAfterSuspension(): boolean;
  /** When a caller was told that this address is suppressed, monotonic. */
  suppressedAt(address: string): number | undefined;
}

export class Programs {
  readonly #world: ProgramsWorld;
  /** By slot. Of a slot whose process has ended, the process that ended. */
  readonly #ingests: { process: Process; ingest: Ingest }[] = [];
  /** Dispatchers and sweepers. */
  readonly #loops = new Map<Process, { readonly stop: () => void; readonly ended: Promise<void> }>();
  #isOver = false;
  #started = 0;

  constructor(world: ProgramsWorld) {
    this.#world = world;
  }

  startAll(): void {
    const { instances, layout } = this.#world.settings;
    if (layout === 'embedded') {
      this.#startEmbedded();
      return;
    }
    for (const kind of kinds) {
      for (let slot = 0; slot < instances[kind]; slot++) this.#start(kind, slot);
    }
  }

  living(): Process[] {
    return [...this.#loops.keys(), ...this.#ingests.map((i) => i.process)].filter((p) => !p.isDead);
  }

  /** An ingest that a caller may reach, or null when all are down. */
  ingest(): Ingest | null {
    const living = this.#ingests.filter((i) => !i.process.isDead);
    return living[this.#world.chance.between(0, living.length - 1)]?.ingest ?? null;
  }

  /** Like a SIGTERM. Ingest keeps no work of its own, and goes on. */
  stop(process: Process): void {
    const isEmbedded = this.#world.settings.layout === 'embedded';
    const parts = isEmbedded ? [...this.#loops.keys()] : [process];
    for (const part of parts) this.#loops.get(part)?.stop();
  }

  /** Resolves once all have ended. None starts again. */
  async stopAll(): Promise<void> {
    this.#isOver = true;
    for (const { stop } of this.#loops.values()) stop();
    await Promise.all([...this.#loops.values()].map((r) => r.ended));
  }

  #start(kind: Kind, slot: number): void {
    if (this.#isOver) return;
    const { clock, chance, trouble } = this.#world;
    const p = this.#processOf(kind, slot);
    p.death.addEventListener('abort', () => {
      this.#loops.delete(p);
      const backAt = clock.monotonic() + chance.between(100, 10_000);
      trouble.lastUntil(backAt);
      clock.at(backAt, () => this.#start(kind, slot));
    });
    this.#run(p, slot);
  }

  #startEmbedded(): void {
    if (this.#isOver) return;
    const { clock, record, shared, storeClock } = this.#world;
    const startedAt = clock.monotonic();
    if (storeClock instanceof EmbeddedClock) storeClock.restart();
    const parts = kinds.map((kind) => this.#processOf(kind, 0));
    for (const part of parts) part.death.addEventListener('abort', () => this.#endEmbedded(parts));
    const sweeper = parts.find(({ kind }) => kind === 'sweeper');
    if (sweeper === undefined) throw new Error('one part is the sweeper');
    const messages = messagesOf(sweeper, shared.messages, record);
    void resume({ messages, metrics: noMetrics })
      .catch(() => {}) // as the program does: the sweeper continues the mail later
      .then(() => {
        record.started(startedAt);
        for (const part of parts) if (!this.#isOver) this.#run(part, 0);
      });
  }

  /** The end of one part is the end of the process. The last shutdown ends each part by itself. */
  #endEmbedded(parts: readonly Process[]): void {
    const { clock, chance, trouble, record, shared } = this.#world;
    for (const part of parts) this.#loops.delete(part);
    const living = parts.filter((part) => !part.isDead);
    if (this.#isOver || living.length < parts.length - 1) return;
    for (const part of living) part.crash();
    shared.queue.erase();
    record.processEnded();
    const backAt = clock.monotonic() + chance.between(100, 10_000);
    // the promises on time hold again from the moment of the start
    trouble.lastUntil(backAt - 1);
    clock.at(backAt, () => this.#startEmbedded());
  }

  #processOf(kind: Kind, slot: number): Process {
    const { clock, chance, settings, trouble, journal } = this.#world;
    const skewMs = settings.skewsMs[(slot + kind.length) % settings.skewsMs.length] ?? 0;
    const surroundings = {
      clock,
      chance,
      faults: () => trouble.faults.process,
      storeClock: () => this.#world.storeClock.seen(),
      storesDownUntil: () => trouble.storesDownUntil,
      note: (line: string) => journal.note(line),
      troubled: (until: number) => trouble.lastUntil(until),
    };
    const name = `${kind}${slot}.${this.#started++}`;
    const p: Process = new Process(surroundings, kind, name, skewMs, (ms) => this.#sleepOn(p, ms));
    return p;
  }

  #run(p: Process, slot: number): void {
    if (p.kind === 'ingest') this.#startIngest(p, slot);
    else if (p.kind === 'dispatcher') this.#startDispatcher(p);
    else this.#startSweeper(p);
    if (p.isDead) this.#loops.delete(p); // in its very first step
  }

  /** A sweep that would find nothing is not run: hours pass at no cost. */
  #sleepOn({ kind, storeClock }: Process, ms: number): number | null {
    const { record } = this.#world;
    const isIdle = kind === 'sweeper' && record.nextWakeAt > storeClock.now() && !this.#isOver;
    return isIdle ? ms : null;
  }

  #portsOf(p: Process) {
    const { chance, trouble, record, shared } = this.#world;
    return {
      messages: messagesOf(p, shared.messages, record),
      blobs: shared.blobs,
      suppressions: suppressionsOf(p, shared.suppressions),
      keys: shared.keys,
      queue: shared.queue.of(p),
      budgets: budgetsOf(p, shared.budgets, chance, () =>
        p.kind === 'dispatcher' ? trouble.faults.budgetRefusal : 0,
      ),
      catalog: shared.catalog.catalog,
      clock: p.clock,
      random: chance,
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
    const { clock, chance, trouble, record, suppressedAt, dropsAfterSuspension } = this.#world;
    const take = new AbortController();
    const stop = new AbortController();
    const transport = transportOf(
      {
        clock,
        chance,
        record,
        returnKey: RETURN_KEY,
        faults: () => trouble.faults.mail,
        suppressedAt,
        dropsAfterSuspension,
        troubled: (until) => trouble.lastUntil(until),
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
    this.#loops.set(p, {
      stop: () => {
        take.abort();
        clock.at(clock.monotonic() + runningLimits.shutdownGraceMs, () => stop.abort());
      },
      ended,
    });
  }

  #startSweeper(p: Process): void {
    const stop = new AbortController();
    const ended = sweepLoop({ ...this.#portsOf(p), metrics: noMetrics }, stop.signal).then(() => p.end());
    this.#loops.set(p, { stop: () => stop.abort(), ended });
  }
}
