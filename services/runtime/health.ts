// The state of a program's dependencies. A program starts as not ready. It checks each dependency
// at once, then often until the first answer, then every `runningLimits.readinessEveryMs`, so that
// it reports a lost dependency within 5 s. A program is not ready while it lacks a required
// dependency; without any other it continues to work and reports itself as degraded.

import { isDeepStrictEqual } from 'node:util';
import { Failure } from '../core/failure.ts';
import { runningLimits } from '../core/limits/running.ts';
import type { Logger } from './log.ts';

/** Words of the glossary. */
export type DependencyName = 'store' | 'queue' | 'budgets' | 'ingest' | 'kubernetes';

/**
 * Whether a program needs this dependency for all its work. Without a required dependency, requests
 * should go to another instance.
 */
export const isRequired: Readonly<Record<DependencyName, boolean>> = {
  store: true,
  ingest: true,
  kubernetes: true,
  // without the queue the sweeper feeds dispatchers from the store; without the budgets each
  // process applies the rate limits by itself
  queue: false,
  budgets: false,
};

/** A port that can check whether its dependency answers. */
interface Checked {
  /**
   * Resolves if the dependency replies. Otherwise rejects, once the first try to connect has ended.
   */
  check(): Promise<void>;
}

export interface Readiness {
  readonly status: 'ready' | 'degraded' | 'not_ready' | 'stopping';
  /** Dependencies that answered once and do not answer now. */
  readonly lost: readonly string[];
  /** Dependencies that have not answered since the program started. */
  readonly notReached: readonly string[];
  /** What does not work although every dependency replies; absent: everything works. */
  readonly details?: readonly string[];
}

export interface HealthOptions {
  readonly dependencies: readonly DependencyName[];
  readonly log: Pick<Logger, 'info' | 'warn'>;
  readonly metrics: { dependency(name: string, isUp: boolean): void };
  /** The interval and timeout of the checks; defaults: `runningLimits`. */
  readonly everyMs?: number;
  readonly firstEveryMs?: number;
  readonly timeoutMs?: number;
}

/** `unasked`: no check has ended yet. `unreached`: every check so far has failed. */
type State = 'unasked' | 'unreached' | 'up' | 'lost';

export class Health implements Disposable {
  readonly #options: HealthOptions;
  readonly #states: Map<DependencyName, State>;
  readonly #watched = new Map<DependencyName, Checked>();
  readonly #listeners = new Set<(readiness: Readiness) => void>();
  readonly #asking = new Set<DependencyName>();
  readonly #timers: NodeJS.Timeout[];
  #details: readonly string[] = [];
  #isStopping = false;

  constructor(options: HealthOptions) {
    this.#options = options;
    this.#states = new Map(options.dependencies.map((name) => [name, 'unasked']));
    for (const name of options.dependencies) options.metrics.dependency(name, false);
    this.#timers = [
      setInterval(() => void this.ask(), options.everyMs ?? runningLimits.readinessEveryMs),
      setInterval(
        () => void this.#askUnreached(),
        options.firstEveryMs ?? runningLimits.readinessFirstEveryMs,
      ),
    ];
    for (const timer of this.#timers) timer.unref();
  }

  get readiness(): Readiness {
    const states = [...this.#states];
    const named = (...wanted: readonly State[]): DependencyName[] =>
      states.flatMap(([name, state]) => (wanted.includes(state) ? [name] : []));
    return {
      status: this.#status(states),
      lost: named('lost'),
      notReached: named('unasked', 'unreached'),
      ...(this.#details.length === 0 ? {} : { details: this.#details }),
    };
  }

  get isReady(): boolean {
    const { status } = this.readiness;
    return status === 'ready' || status === 'degraded';
  }

  /**
   * Starts to check these dependencies, the first time at once. A dependency that is not watched
   * yet counts as not reached.
   */
  watch(ports: Readonly<Partial<Record<DependencyName, Checked>>>): void {
    for (const [name, port] of Object.entries(ports) as [DependencyName, Checked][]) {
      this.#watched.set(name, port);
      void this.#ask(name, port);
    }
  }

  /** Replaces the list of what does not work, in plain words. Empty: everything works. */
  degrade(details: readonly string[]): void {
    if (this.#isStopping || isDeepStrictEqual(details, this.#details)) return;
    this.#details = details;
    const { log } = this.#options;
    if (details.length > 0) log.warn({ details }, 'the program is degraded');
    else log.info({}, 'the program is no longer degraded');
    this.#tell();
  }

  /** Calls the listener now and after each change. */
  onChange(listener: (readiness: Readiness) => void): void {
    this.#listeners.add(listener);
    listener(this.readiness);
  }

  /**
   * The first step of a shutdown: reports not ready, so that new requests go elsewhere. Stops the
   * checks, since connections that close from now on are not lost.
   */
  stopping(): void {
    this.#isStopping = true;
    this[Symbol.dispose]();
    this.#tell();
  }

  /** Checks each watched dependency, unless a check of it is in progress. Never rejects. */
  async ask(): Promise<void> {
    await Promise.all([...this.#watched].map(([name, port]) => this.#ask(name, port)));
  }

  [Symbol.dispose](): void {
    for (const timer of this.#timers) clearInterval(timer);
  }

  #status(states: readonly (readonly [DependencyName, State])[]): Readiness['status'] {
    if (this.#isStopping) return 'stopping';
    if (states.some(([name, state]) => state === 'unasked' || (isRequired[name] && state !== 'up')))
      return 'not_ready';
    const isWhole = this.#details.length === 0 && states.every(([, state]) => state === 'up');
    return isWhole ? 'ready' : 'degraded';
  }

  /** Finds a server that starts at the same time as this program as soon as it answers. */
  async #askUnreached(): Promise<void> {
    const unreached = [...this.#watched].filter(
      ([name]) => this.#states.get(name) === 'unasked' || this.#states.get(name) === 'unreached',
    );
    await Promise.all(unreached.map(([name, port]) => this.#ask(name, port)));
  }

  async #ask(name: DependencyName, port: Checked): Promise<void> {
    if (this.#asking.has(name)) return;
    this.#asking.add(name);
    const asked = port.check();
    // a dependency that never answers has one open check, instead of one more at each interval
    const settled = asked.then(
      () => this.#asking.delete(name),
      () => this.#asking.delete(name),
    );
    try {
      await withinMs(asked, this.#options.timeoutMs ?? runningLimits.readinessCheckMs);
      this.#set(name, 'up');
      await settled;
    } catch (error) {
      const before = this.#states.get(name);
      this.#set(name, before === 'up' || before === 'lost' ? 'lost' : 'unreached', error);
    }
  }

  #set(name: DependencyName, state: State, error?: unknown): void {
    const before = this.#states.get(name);
    if (state === before || this.#isStopping) return;
    this.#states.set(name, state);
    this.#options.metrics.dependency(name, state === 'up');
    const { log } = this.#options;
    if (state === 'lost') log.warn({ dependency: name, err: error }, 'a dependency is lost');
    else if (state === 'unreached')
      log.warn({ dependency: name, err: error }, 'a dependency has not been reached yet');
    else if (before !== 'unasked')
      log.info(
        { dependency: name },
        before === 'lost' ? 'a dependency answers again' : 'a dependency answers',
      );
    this.#tell();
  }

  #tell(): void {
    for (const listener of this.#listeners) listener(this.readiness);
  }
}

async function withinMs(promise: Promise<void>, ms: number): Promise<void> {
  const { promise: late, reject } = Promise.withResolvers<never>();
  const timer = setTimeout(() => reject(new Failure('unavailable', `no answer within ${ms} ms`)), ms);
  try {
    await Promise.race([promise, late]);
  } finally {
    clearTimeout(timer);
  }
}
