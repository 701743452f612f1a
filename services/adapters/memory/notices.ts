// Notices within one process, for embedded mode and tests.

import type { Notices } from '../../ports/notices.ts';

export class MemoryNotices implements Notices {
  readonly #listeners = new Set<{ readonly start: string; readonly listener: (subject: string) => void }>();

  /**
   * Calls the listeners after this turn of the event loop, as a network would: a listener never
   * runs inside `publish`.
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
