// Failure counts of one process.

import { FailureWindows, type WindowCount } from '../../core/access/failure-windows.ts';
import type { Clock } from '../../ports/clock.ts';
import type { FailureCounts } from '../../ports/failure-counts.ts';

export class MemoryFailureCounts implements FailureCounts {
  readonly #clock: Pick<Clock, 'monotonic'>;
  readonly #windows = new FailureWindows();

  constructor(clock: Pick<Clock, 'monotonic'>) {
    this.#clock = clock;
  }

  async add(names: readonly string[]): Promise<readonly WindowCount[]> {
    return names.map((name) => this.#windows.add(name, this.#clock.monotonic()));
  }
}
