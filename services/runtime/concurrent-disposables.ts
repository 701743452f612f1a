// Parts of a program that stop concurrently. Each may take `runningLimits.drainMs` to drain, so
// stopping them in sequence would exceed the grace period.

export class ConcurrentDisposables implements AsyncDisposable {
  readonly #parts: AsyncDisposable[] = [];

  use<T extends AsyncDisposable>(part: T): T {
    this.#parts.push(part);
    return part;
  }

  /**
   * Resolves once all parts have stopped. Rejects with an `AggregateError` if any part failed to
   * stop, but only after every part has tried.
   */
  async [Symbol.asyncDispose](): Promise<void> {
    const results = await Promise.allSettled(
      this.#parts.splice(0).map((part) => part[Symbol.asyncDispose]()),
    );
    const errors = results.flatMap((result) => (result.status === 'rejected' ? [result.reason] : []));
    if (errors.length > 0) throw new AggregateError(errors, 'some parts of the program failed to stop');
  }
}
