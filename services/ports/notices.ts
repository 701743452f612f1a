// Notices that an object has changed. They only make readers faster: a reader also looks at regular
// intervals.

export interface Notices extends AsyncDisposable {
  /**
   * Sends a notice to all current subscribers. Never throws and never waits. A notice may be lost,
   * repeated or late.
   */
  publish(subject: string): void;

  /**
   * Calls the listener with each notice whose subject starts with `<prefix>.`, including notices of
   * this process, until disposed.
   */
  subscribe(prefix: string, listener: (subject: string) => void): Disposable;
}
