// The randomness of the operating system.

import { randomBytes } from 'node:crypto';
import { runningLimits } from '../../core/limits/running.ts';
import type { Random } from '../../ports/random.ts';

export class SystemRandom implements Random {
  #pool = Buffer.alloc(0);

  bytes(count: number): Uint8Array {
    return this.#take(count);
  }

  fraction(): number {
    return this.#take(4).readUInt32BE() / 2 ** 32;
  }

  #take(count: number): Buffer {
    if (count > this.#pool.length) this.#pool = randomBytes(Math.max(count, runningLimits.randomPoolBytes));
    const taken = this.#pool.subarray(0, count);
    this.#pool = this.#pool.subarray(count);
    return taken;
  }
}
