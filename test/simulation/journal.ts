// What happened in a simulated world, line by line, and the first law that was broken. A hash of all
// lines shows whether two runs of a seed were the same.

import type { WorldClock } from './clock.ts';
import type { Law } from './laws.ts';

export class Journal {
  readonly #clock: WorldClock;
  readonly #lines: string[] | null;
  /** FNV-1a. */
  #hash = 0x811c9dc5;
  #broken: { readonly law: Law; readonly detail: string } | null = null;

  /** `keepLines`: keep the lines themselves, not only their hash. */
  constructor(clock: WorldClock, keepLines: boolean) {
    this.#clock = clock;
    this.#lines = keepLines ? [] : null;
  }

  get broken(): { readonly law: Law; readonly detail: string } | null {
    return this.#broken;
  }

  /** Equal for equal lines. */
  get trace(): string {
    return (this.#hash >>> 0).toString(16);
  }

  get lines(): readonly string[] {
    return this.#lines ?? [];
  }

  /** The first broken law ends the world; later ones are only noted. */
  break(law: Law, detail: string): void {
    this.#broken ??= { law, detail };
    this.note(`BROKEN ${law}: ${detail}`);
  }

  note(line: string): void {
    const text = `${this.#clock.monotonic()} ${line}`;
    for (let i = 0; i < text.length; i++) this.#hash = Math.imul(this.#hash ^ text.charCodeAt(i), 0x01000193);
    this.#lines?.push(text);
  }
}
