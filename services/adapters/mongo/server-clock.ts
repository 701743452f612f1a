// The server's clock, read without asking it. What is due is judged by one clock for all programs
// (R5), so each keeps the offset of the server's clock from its own monotonic one: a wall clock
// that jumps here changes nothing, and nobody waits for the time of day.

export class ServerClock {
  readonly #monotonic: () => number;
  #offsetMs = 0;
  /** How far the offset may be off: half of the round trip it was measured with. */
  #errorMs = Number.POSITIVE_INFINITY;

  constructor(monotonic: () => number = () => performance.now()) {
    this.#monotonic = monotonic;
  }

  /** The server's milliseconds since 1970, as whole number. */
  now(): number {
    return Math.round(this.#monotonic() + this.#offsetMs);
  }

  /** Asks the server for its time and corrects the offset by the answer. */
  async measure(ask: () => Promise<number>): Promise<void> {
    const sent = this.#monotonic();
    const answered = await ask();
    const received = this.#monotonic();
    const offsetMs = answered - (sent + received) / 2;
    const errorMs = (received - sent) / 2;
    // A slow answer that agrees with what is known teaches nothing; adopting it would only make the
    // clock shake.
    const isNoNews = errorMs > this.#errorMs && Math.abs(offsetMs - this.#offsetMs) <= errorMs;
    if (isNoNews) return;
    this.#offsetMs = offsetMs;
    this.#errorMs = errorMs;
  }
}
