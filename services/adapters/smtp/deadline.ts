// One timer for "something must happen within": restarted at each sign of life, so that a server that only trickles still has to make progress.

export class Deadline {
  readonly #onOver: () => void;
  #timer: NodeJS.Timeout;

  constructor(ms: number, onOver: () => void) {
    this.#onOver = onOver;
    this.#timer = setTimeout(onOver, ms);
  }

  /** Starts again, with the same time. */
  restart(): void {
    this.#timer.refresh();
  }

  /** Starts again, with another time. */
  set(ms: number): void {
    clearTimeout(this.#timer);
    this.#timer = setTimeout(this.#onOver, ms);
  }

  [Symbol.dispose](): void {
    clearTimeout(this.#timer);
  }
}
