// Notices within one process.

import type { Notices } from '../../ports/notices.ts';

export class MemoryNotices implements Notices {
  readonly #listeners = new Set<{ readonly start: string; readonly listener: (subject: string) => void }>();

  /**
   * Listeners are called after the turn, as they would be by a network: a publisher never finds
   * itself inside of one.
   */
  publish(subject: string): void {
    setImmediate(() => {
      for (const { start, listener } of this.#listeners) if (subject.startsWith(start)) listener(subject);
    });
  }

  subscribe(prefix: string, listener: (subject: string) => void): Disposable {
    const entry = { start: `${prefix}.`, listener };
    this.#listeners.add(entry);
    return { [Symbol.dispose]: () => void this.#listeners.delete(entry) };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#listeners.clear();
  }
}
