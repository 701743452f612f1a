// Failed authentications, counted by all processes together. Each process also counts its own.
// While Redis is lost, its own count applies, so the limit then holds per process. If Redis has
// forgotten its counts, this process's failures still count.

import { FailureWindows, type WindowCount } from '../../core/access/failure-windows.ts';
import { accessLimits } from '../../core/limits/access.ts';
import type { Clock } from '../../ports/clock.ts';
import type { FailureCounts } from '../../ports/failure-counts.ts';
import type { RedisConnection } from './connection.ts';
import { Script } from './script.ts';

interface FailureCountsOptions {
  readonly clock: Pick<Clock, 'monotonic'>;
  /**
   * Prefix of all keys. It is written in braces, so that a Redis Cluster keeps all keys on one
   * server and a call may name several.
   */
  readonly prefix?: string;
}

export class RedisFailureCounts implements FailureCounts {
  readonly #redis: RedisConnection;
  readonly #clock: Pick<Clock, 'monotonic'>;
  readonly #prefix: string;
  readonly #script = new Script('./count-failures.lua');
  readonly #own = new FailureWindows();
  /** No call to Redis before this monotonic time: Redis did not reply to the last one. */
  #askAgainAt = 0;

  /** The caller owns the connection. */
  constructor(redis: RedisConnection, { clock, prefix = 'packetboat' }: FailureCountsOptions) {
    this.#redis = redis;
    this.#clock = clock;
    this.#prefix = `{${prefix}}:failures`;
  }

  async add(names: readonly string[]): Promise<readonly WindowCount[]> {
    const now = this.#clock.monotonic();
    const own = names.map((name) => this.#own.add(name, now));
    const shared = names.length === 0 || now < this.#askAgainAt ? [] : await this.#ask(names);
    return own.map((mine, i) => larger(mine, shared[i]));
  }

  /** Counts in Redis. Empty if Redis does not reply. */
  async #ask(names: readonly string[]): Promise<readonly WindowCount[]> {
    try {
      const keys = names.map((name) => `${this.#prefix}:${name}`);
      const answer = (await this.#script.run(this.#redis.client, keys, [
        accessLimits.failureWindowMs,
      ])) as number[];
      return names.map((_, i) => ({
        count: answer[2 * i] ?? 0,
        endsInMs: Math.max(1, answer[2 * i + 1] ?? 0),
      }));
    } catch {
      this.#askAgainAt = this.#clock.monotonic() + accessLimits.failureCountsPauseMs;
      return [];
    }
  }
}

const larger = (own: WindowCount, shared: WindowCount | undefined): WindowCount =>
  shared !== undefined && shared.count >= own.count ? shared : own;
