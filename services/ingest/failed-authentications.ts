// Counts failed authentications by client address and by key id, and refuses further failing
// requests with 429. A valid key is never counted.

import { countedUnder, tooMany, tooManyFailures } from '../core/access/failure-rules.ts';
import { BoundedMap } from '../core/bounded-map.ts';
import type { Failure } from '../core/failure.ts';
import { accessLimits } from '../core/limits/access.ts';
import type { Key } from '../core/secrets/keyring.ts';
import type { Clock } from '../ports/clock.ts';
import type { FailureCounts } from '../ports/failure-counts.ts';
import type { AuthenticationFailure } from './key-cache.ts';

interface FailedAuthenticationsOptions {
  readonly counts: FailureCounts;
  readonly clock: Pick<Clock, 'monotonic'>;
  /** All processes of ingest have the same key, because they share the counts of each HMAC. */
  readonly hashKey: Key;
  readonly metrics: {
    /** `isLimited`: the caller got 429 instead of the reason for the refusal. */
    failedAuthentication(reason: string, isLimited: boolean): void;
  };
}

export class FailedAuthentications {
  readonly #options: FailedAuthenticationsOptions;
  /**
   * Names with too many failures, and the monotonic time at which their window ends. Until then,
   * their failures need no call to the shared counts.
   */
  readonly #over = new BoundedMap<string, number>(accessLimits.failuresOverMax);

  constructor(options: FailedAuthenticationsOptions) {
    this.#options = options;
  }

  /**
   * Returns the failure for the caller: the reason why the key was refused, or `rate_limited` after
   * too many failures. Never rejects.
   */
  async refusal(failed: AuthenticationFailure, address: string): Promise<Failure> {
    const { hashKey, metrics } = this.#options;
    const names = countedUnder(hashKey, failed, address);
    const limited = this.#knownOver(names) ?? (names.length === 0 ? null : await this.#count(names));
    metrics.failedAuthentication(failed.reason, limited !== null);
    return limited === null ? failed : tooManyFailures(limited.retryAfterMs);
  }

  async #count(names: readonly string[]): Promise<{ readonly retryAfterMs: number } | null> {
    const { counts, clock } = this.#options;
    const windows = await counts.add(names);
    for (const [i, window] of windows.entries()) {
      if (tooMany([window]) !== null) this.#remember(names[i] ?? '', clock.monotonic() + window.endsInMs);
    }
    return tooMany(windows);
  }

  #knownOver(names: readonly string[]): { readonly retryAfterMs: number } | null {
    const now = this.#options.clock.monotonic();
    const left = Math.max(0, ...names.map((name) => (this.#over.get(name) ?? now) - now));
    return left > 0 ? { retryAfterMs: Math.ceil(left) } : null;
  }

  /**
   * A name that fails again becomes the newest entry, so that guesses of many names evict it last.
   */
  #remember(name: string, until: number): void {
    this.#over.delete(name);
    this.#over.set(name, until);
  }
}
