// The server's clock, known without a query. All programs decide by this clock what is due (R5). So
// each keeps the offset of the server's clock from its own monotonic clock: a step of the local
// wall clock changes nothing, and no call waits for the server's time. When the server's clock has
// stepped, or another server with another clock has become the primary, the next measurement moves
// `now` in one step, forward or back: all programs have to agree, and slewing programs would not.

export class ServerClock {
  readonly #monotonic: () => number;
  #offsetMs = 0;
  /** Maximum error of the offset: half of the round trip of its measurement. */
  #errorMs = Number.POSITIVE_INFINITY;

  constructor(monotonic: () => number = () => performance.now()) {
    this.#monotonic = monotonic;
  }

  /** Milliseconds since 1970 by the server's clock, rounded. */
  now(): number {
    return Math.round(this.#monotonic() + this.#offsetMs);
  }

  /** Asks the server for its time, and corrects the offset. */
  async measure(ask: () => Promise<number>): Promise<void> {
    const sent = this.#monotonic();
    const answered = await ask();
    const received = this.#monotonic();
    const offsetMs = answered - (sent + received) / 2;
    const errorMs = (received - sent) / 2;
    // A slow reply that agrees with the known offset, within its larger error, is ignored: to adopt
    // it would only make the clock jitter.
    const isNoNews = errorMs > this.#errorMs && Math.abs(offsetMs - this.#offsetMs) <= errorMs;
    if (isNoNews) return;
    this.#offsetMs = offsetMs;
    this.#errorMs = errorMs;
  }
}
