// The dues of held mail: one after the other, at the pace at which it can be sent. The line exists
// until the due of its last delivery has passed.

import type { MessageId } from '../core/ids.ts';

export class WaitingLine {
  #until = Number.NEGATIVE_INFINITY;
  #intervalMs = 0;
  /**
   * The youngest mail that was placed at the front so far, and the due of the next mail at the
   * front that is younger still.
   */
  #front = { youngest: '' as MessageId | '', until: Number.NEGATIVE_INFINITY };

  exists(now: number): boolean {
    return this.#until > now;
  }

  /**
   * Dues for mail, oldest first, that has waited in this line and was refused again when it was
   * due: from `from` on, none after `latest`. Only older mail that was placed at the front is
   * before it. At the end it would lose its place each time, and under a steady inflow wait until
   * it is too old.
   */
  atFront(
    refused: readonly MessageId[],
    from: number,
    intervalMs: number,
    latest = Number.POSITIVE_INFINITY,
  ): number[] {
    const [oldest] = refused;
    const youngest = refused.at(-1);
    if (oldest === undefined || youngest === undefined) return [];
    const isBehind = oldest > this.#front.youngest;
    const dues = this.#placed(
      refused.length,
      isBehind ? Math.max(from, this.#front.until) : from,
      intervalMs,
      latest,
    );
    if (isBehind || this.#front.until < from)
      this.#front = { youngest, until: (dues.at(-1) ?? from) + intervalMs };
    return dues;
  }

  /**
   * Dues for new mail, none before `from` and none after `latest`. Without an interval they keep
   * the line's pace.
   */
  atEnd(
    count: number,
    from: number,
    intervalMs = this.#intervalMs,
    latest = Number.POSITIVE_INFINITY,
  ): number[] {
    return this.#placed(count, Math.max(from, this.#until), intervalMs, latest);
  }

  #placed(count: number, from: number, intervalMs: number, latest: number): number[] {
    if (count === 0) return [];
    const dues = Array.from({ length: count }, (_, i) => Math.ceil(Math.min(from + i * intervalMs, latest)));
    this.#until = Math.max(this.#until, (dues.at(-1) ?? from) + intervalMs);
    this.#intervalMs = intervalMs;
    return dues;
  }
}
