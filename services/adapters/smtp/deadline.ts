// Deadlines with one timer for the whole life of a connection. Each mail sets several deadlines,
// and few of them pass, so setting one only stores a time, which the timer compares when it fires.

export class Deadline {
  readonly #onOver: () => void;
  #timer: NodeJS.Timeout | null = null;
  /** When the timer fires, and when the deadline passes: milliseconds of `performance.now`. */
  #firesAt = Number.POSITIVE_INFINITY;
  #overAt = Number.POSITIVE_INFINITY;
  #ms = 0;

  /** `onOver` is called when a deadline passes, and may set the next one. */
  constructor(onOver: () => void) {
    this.#onOver = onOver;
  }

  /** Replaces the deadline by one in `ms` from now. */
  set(ms: number): void {
    this.#ms = ms;
    this.restart();
  }

  /** Sets the deadline again, with the same time. */
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
