// Things that stop at the same time: each may take `runningLimits.drainMs`, and one after the other
// they would take longer than the grace period.

export class ConcurrentDisposables implements AsyncDisposable {
  readonly #parts: AsyncDisposable[] = [];

  use<T extends AsyncDisposable>(part: T): T {
    this.#parts.push(part);
    return part;
  }

  /** Resolves once all have stopped; rejects with what went wrong, when all have tried. */
  async [Symbol.asyncDispose](): Promise<void> {
    const results = await Promise.allSettled(
      this.#parts.splice(0).map((part) => part[Symbol.asyncDispose]()),
    );
    const errors = results.flatMap((result) => (result.status === 'rejected' ? [result.reason] : []));
    if (errors.length > 0) throw new AggregateError(errors, 'not all parts stopped cleanly');
  }
}
