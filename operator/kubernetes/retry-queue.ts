// A work queue of keys. A key that is added while it waits is queued once. A key that is added
// while a worker has it is queued again afterwards: no two workers ever have the same key. A key
// whose work failed is retried with exponential back-off.

import { kubernetesLimits } from '../../services/core/limits/kubernetes.ts';
import type { Clock } from '../../services/ports/clock.ts';

interface RetryQueueParts {
  readonly clock: Clock;
  /**
   * Resolves to the milliseconds until the key is due again; null: only when it is added again.
   * When it rejects, the key is retried.
   */
  readonly work: (key: string, signal: AbortSignal) => Promise<number | null>;
  readonly report: (what: string, error: unknown) => void;
  readonly metrics: RetryQueueMetrics;
}

export interface RetryQueueMetrics {
  added(): void;
  retried(): void;
  depth(count: number): void;
  worked(result: 'success' | 'error' | 'requeue_after', ms: number): void;
}

export class RetryQueue {
  readonly #parts: RetryQueueParts;
  readonly #ready = new Set<string>();
  readonly #working = new Set<string>();
  /** Keys that were added while a worker had them. */
  readonly #again = new Set<string>();
  readonly #failures = new Map<string, number>();
  /** When a key is due without being added, by the monotonic clock. */
  readonly #due = new Map<string, number>();
  #wake = Promise.withResolvers<void>();

  constructor(parts: RetryQueueParts) {
    this.#parts = parts;
  }

  add(key: string): void {
    this.#parts.metrics.added();
    this.#due.delete(key);
    if (this.#working.has(key)) this.#again.add(key);
    else this.#ready.add(key);
    this.#changed();
  }

  /** Queues the key after `ms`, unless it is due sooner. */
  addAfter(key: string, ms: number): void {
    const at = this.#parts.clock.monotonic() + ms;
    const known = this.#due.get(key);
    if (this.#ready.has(key) || this.#again.has(key) || (known !== undefined && known <= at)) return;
    this.#due.set(key, at);
    this.#changed();
  }

  /** Works until the signal aborts and the work in progress has ended. Never rejects. */
  async run(workers: number, signal: AbortSignal): Promise<void> {
    signal.addEventListener('abort', () => this.#changed(), { once: true });
    await Promise.all([this.#timer(signal), ...Array.from({ length: workers }, () => this.#worker(signal))]);
  }

  async #worker(signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      const [key] = this.#ready;
      if (key === undefined) {
        await this.#wake.promise;
        continue;
      }
      this.#ready.delete(key);
      this.#working.add(key);
      this.#parts.metrics.depth(this.#ready.size);
      await this.#work(key, signal);
      this.#working.delete(key);
      if (this.#again.delete(key)) {
        this.#due.delete(key);
        this.#ready.add(key);
      }
      this.#changed();
    }
  }

  async #work(key: string, signal: AbortSignal): Promise<void> {
    const startedAt = this.#parts.clock.monotonic();
    const ended = (result: Parameters<RetryQueueMetrics['worked']>[0]): void =>
      this.#parts.metrics.worked(result, this.#parts.clock.monotonic() - startedAt);
    try {
      const afterMs = await this.#parts.work(key, signal);
      this.#failures.delete(key);
      if (afterMs !== null) this.addAfter(key, afterMs);
      ended(afterMs === null ? 'success' : 'requeue_after');
    } catch (error) {
      ended('error');
      if (signal.aborted) return;
      this.#parts.report(`reconciling ${key} failed`, error);
      const failures = this.#failures.get(key) ?? 0;
      this.#failures.set(key, failures + 1);
      this.#parts.metrics.retried();
      this.addAfter(
        key,
        Math.min(kubernetesLimits.reconcileRetryMinMs * 2 ** failures, kubernetesLimits.reconcileRetryMaxMs),
      );
    }
  }

  /** Queues keys that are due. */
  async #timer(signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      const now = this.#parts.clock.monotonic();
      let next = Number.POSITIVE_INFINITY;
      for (const [key, at] of this.#due) {
        if (at > now) next = Math.min(next, at);
        else this.add(key);
      }
      const woken = new AbortController();
      const changed = this.#wake.promise.then(() => woken.abort());
      await (Number.isFinite(next)
        ? this.#parts.clock.sleep(next - now, AbortSignal.any([signal, woken.signal]))
        : changed);
    }
  }

  #changed(): void {
    this.#parts.metrics.depth(this.#ready.size);
    this.#wake.resolve();
    this.#wake = Promise.withResolvers<void>();
  }
}
