// What a program knows of its dependencies: each is asked every `limits.readinessEveryMs`, so a lost one is named within 5 s (RELIABILITY P20).
// Losing one that the program cannot do its work without makes it not ready; without the others it goes on, and says so.

import { Failure } from '../core/failure.ts';
import { limits } from '../core/limits.ts';
import type { Logger } from './log.ts';

export interface Dependency {
  /** A word of the glossary: `store`, `queue`, `budgets`, `catalog`, `ingest`, `kubernetes`. */
  readonly name: string;
  /** Without it nothing can be done: requests should go elsewhere. */
  readonly isRequired: boolean;
  check(): Promise<void>;
}

export interface Readiness {
  readonly status: 'ready' | 'degraded' | 'not_ready' | 'stopping';
  /** Names of the dependencies that do not answer. */
  readonly lost: readonly string[];
}

export interface HealthOptions {
  readonly dependencies: readonly Dependency[];
  readonly log: Pick<Logger, 'info' | 'warn'>;
  readonly metrics: { dependency(name: string, isUp: boolean): void };
  /** Of the checks; `limits` unless told. */
  readonly everyMs?: number;
  readonly timeoutMs?: number;
}

export class Health implements Disposable {
  readonly #options: HealthOptions;
  readonly #lost = new Set<string>();
  readonly #listeners = new Set<(readiness: Readiness) => void>();
  readonly #timer: NodeJS.Timeout;
  readonly #asking = new Set<string>();
  #isStopping = false;

  constructor(options: HealthOptions) {
    this.#options = options;
    for (const dependency of options.dependencies) options.metrics.dependency(dependency.name, true);
    this.#timer = setInterval(() => void this.ask(), options.everyMs ?? limits.readinessEveryMs).unref();
  }

  get readiness(): Readiness {
    const lost = this.#options.dependencies.filter(({ name }) => this.#lost.has(name));
    const status = this.#isStopping ? 'stopping' : lost.some((d) => d.isRequired) ? 'not_ready' : lost.length > 0 ? 'degraded' : 'ready';
    return { status, lost: lost.map(({ name }) => name) };
  }

  get isReady(): boolean {
    const { status } = this.readiness;
    return status === 'ready' || status === 'degraded';
  }

  /** Calls back now and after each change. */
  onChange(listener: (readiness: Readiness) => void): void {
    this.#listeners.add(listener);
    listener(this.readiness);
  }

  /** From now on not ready: no new requests should come. The first step of a shutdown. */
  stopping(): void {
    this.#isStopping = true;
    this.#tell();
  }

  /** Asks each dependency that is not being asked already. Never rejects. */
  async ask(): Promise<void> {
    await Promise.all(this.#options.dependencies.map((dependency) => this.#ask(dependency)));
  }

  [Symbol.dispose](): void {
    clearInterval(this.#timer);
  }

  async #ask({ name, check }: Dependency): Promise<void> {
    if (this.#asking.has(name)) return;
    this.#asking.add(name);
    const asked = check();
    // one that never answers is asked once, not once more every time
    const settled = asked.then(
      () => this.#asking.delete(name),
      () => this.#asking.delete(name),
    );
    try {
      await withinMs(asked, this.#options.timeoutMs ?? limits.readinessCheckMs);
      this.#set(name, true);
      await settled;
    } catch (error) {
      this.#set(name, false, error);
    }
  }

  #set(name: string, isUp: boolean, error?: unknown): void {
    if (isUp === !this.#lost.has(name)) return;
    if (isUp) this.#lost.delete(name);
    else this.#lost.add(name);
    this.#options.metrics.dependency(name, isUp);
    if (isUp) this.#options.log.info({ dependency: name }, 'a dependency answers again');
    else this.#options.log.warn({ dependency: name, err: error }, 'a dependency is lost');
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
