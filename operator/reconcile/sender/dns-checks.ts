// Checks a domain's DNS records no more often than the sender asks for, because most visits have
// causes that do not concern DNS.

import { Failure } from '../../../services/core/failure.ts';
import { operatorLimits } from '../../../services/core/limits/operator.ts';
import {
  type CheckedRecord,
  checkRecord,
  type WantedRecord,
} from '../../../services/core/objects/domain-records.ts';
import type { Clock } from '../../../services/ports/clock.ts';
import type { Resolver } from '../../../services/ports/resolver.ts';

interface Check {
  /** The trigger and the wanted records, as text. */
  readonly basis: string;
  readonly records: readonly CheckedRecord[];
  readonly at: number;
}

export class DnsChecks {
  readonly #resolver: Resolver;
  readonly #clock: Clock;
  /** The last check that found every required record, by the sender's uid. */
  readonly #passed = new Map<string, Check>();

  constructor(resolver: Resolver, clock: Clock) {
    this.#resolver = resolver;
    this.#clock = clock;
  }

  /**
   * Asks DNS when `trigger` or the wanted records changed, at the end of the period, or when a
   * required record was missing last time.
   */
  async check(
    uid: string,
    wanted: readonly WantedRecord[],
    { trigger, periodMs }: { readonly trigger: string; readonly periodMs: number },
  ): Promise<readonly CheckedRecord[]> {
    const basis = JSON.stringify([trigger, wanted]);
    const last = this.#passed.get(uid);
    const now = this.#clock.monotonic();
    if (last?.basis === basis && now - last.at < periodMs * operatorLimits.dnsPeriodShare)
      return last.records;
    const records = await Promise.all(
      wanted.map(async (record) => checkRecord(record, await this.find(record))),
    );
    const hasPassed = records.every(({ isRequired, state }) => !isRequired || state === 'Found');
    if (hasPassed) this.#passed.set(uid, { basis, records, at: now });
    else this.#passed.delete(uid);
    return records;
  }

  /** Forgets the checks of all other Senders, which were deleted. */
  keepOnly(uids: ReadonlySet<string>): void {
    for (const uid of this.#passed.keys()) if (!uids.has(uid)) this.#passed.delete(uid);
  }

  /** The records of this name and type, as `checkRecord` takes them; null: DNS did not reply. */
  async find({ type, name }: WantedRecord): Promise<readonly string[] | null> {
    try {
      if (type === 'TXT') return (await this.#resolver.txt(name)).records;
      return (await this.#resolver.mx(name)).records.map(
        ({ preference, exchange }) => `${preference} ${exchange}`,
      );
    } catch (error) {
      if (error instanceof Failure && error.kind === 'unavailable') return null;
      throw error;
    }
  }
}
