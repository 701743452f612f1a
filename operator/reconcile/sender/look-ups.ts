// Looking at a domain's DNS records, no more often than the sender asks for: visits have many reasons, and most are none to ask DNS again.

import { type JudgedRecord, judgeRecord, type WantedRecord } from '../../../services/core/domain-records.ts';
import { Failure } from '../../../services/core/failure.ts';
import type { Clock } from '../../../services/ports/clock.ts';
import type { Resolver } from '../../../services/ports/resolver.ts';

interface Looked {
  readonly about: string;
  readonly records: readonly JudgedRecord[];
  readonly at: number;
}

export class LookUps {
  readonly #resolver: Resolver;
  readonly #clock: Clock;
  /** What was all right when it was looked at last, by the sender's uid. */
  readonly #known = new Map<string, Looked>();

  constructor(resolver: Resolver, clock: Clock) {
    this.#resolver = resolver;
    this.#clock = clock;
  }

  /** `about` changes whenever there is a reason to look anew; what was found wanting is looked at each time. */
  async judge(
    uid: string,
    wanted: readonly WantedRecord[],
    { about, periodMs }: { readonly about: string; readonly periodMs: number },
  ): Promise<readonly JudgedRecord[]> {
    const subject = JSON.stringify([about, wanted]);
    const known = this.#known.get(uid);
    const now = this.#clock.monotonic();
    // a visit that is due comes on the moment or a little before it
    if (known?.about === subject && now - known.at < periodMs * 0.95) return known.records;
    const records = await Promise.all(wanted.map(async (record) => judgeRecord(record, await this.find(record))));
    const isWhole = records.every(({ isRequired, state }) => !isRequired || state === 'Found');
    if (isWhole) this.#known.set(uid, { about: subject, records, at: now });
    else this.#known.delete(uid);
    return records;
  }

  forget(uid: string): void {
    this.#known.delete(uid);
  }

  /** What DNS has, as `judgeRecord` takes it. */
  async find({ type, name }: WantedRecord): Promise<readonly string[] | null> {
    try {
      if (type === 'TXT') return (await this.#resolver.txt(name)).records;
      return (await this.#resolver.mx(name)).records.map(({ preference, exchange }) => `${preference} ${exchange}`);
    } catch (error) {
      if (error instanceof Failure && error.kind === 'unavailable') return null;
      throw error;
    }
  }
}
