// The randomness of the operating system.

import { randomBytes } from 'node:crypto';
import type { Random } from '../../ports/random.ts';

/**
 * Bytes taken from the system at a time: a call for a few of them costs a microsecond, most of it
 * the call itself.
 */
const POOL_BYTES = 4_096;

export class SystemRandom implements Random {
  #pool = Buffer.alloc(0);

  bytes(count: number): Uint8Array {
    return this.#take(count);
  }

  fraction(): number {
    return this.#take(4).readUInt32BE() / 2 ** 32;
  }

  #take(count: number): Buffer {
    if (count > this.#pool.length) this.#pool = randomBytes(Math.max(count, POOL_BYTES));
    const taken = this.#pool.subarray(0, count);
    this.#pool = this.#pool.subarray(count);
    return taken;
  }
}
