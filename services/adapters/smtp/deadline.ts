// The time within which something must happen, with one timer for the whole life of a connection. A
// deadline is set several times for each mail and rarely runs out, so setting a deadline only
// stores a time; the timer compares when it fires.

export class Deadline {
  readonly #onOver: () => void;
  #timer: NodeJS.Timeout | null = null;
  /** When the timer fires, and when the deadline is over: milliseconds of `performance.now`. */
  #firesAt = Number.POSITIVE_INFINITY;
  #overAt = Number.POSITIVE_INFINITY;
  #ms = 0;

  /** `onOver` is called when a deadline is over, and may set the next one. */
  constructor(onOver: () => void) {
    this.#onOver = onOver;
  }

  /** From now on. A deadline that was set before counts no more. */
  set(ms: number): void {
    this.#ms = ms;
    this.restart();
  }

  /** Starts again, with the same time. */
  restart(): void {
    this.#overAt = performance.now() + this.#ms;
    if (this.#overAt < this.#firesAt) this.#arm(this.#ms);
  }

  clear(): void {
    if (this.#timer !== null) clearTimeout(this.#timer);
    this.#timer = null;
    this.#firesAt = Number.POSITIVE_INFINITY;
    this.#overAt = Number.POSITIVE_INFINITY;
  }

  #arm(ms: number): void {
    if (this.#timer !== null) clearTimeout(this.#timer);
    this.#firesAt = performance.now() + ms;
    this.#timer = setTimeout(() => this.#look(), ms);
  }

  #look(): void {
    this.#timer = null;
    this.#firesAt = Number.POSITIVE_INFINITY;
    const remainingMs = this.#overAt - performance.now();
    if (remainingMs > 0) {
      this.#arm(Math.ceil(remainingMs));
      return;
    }
    this.#overAt = Number.POSITIVE_INFINITY;
    this.#onOver();
  }
}
