// Notices that something has changed: a hint to look, for speed only. Whoever listens also looks by
// himself now and then.

export interface Notices extends AsyncDisposable {
  /**
   * Gives notice to whoever listens now. Never throws and never waits; a notice may be lost,
   * repeated or late.
   */
  publish(subject: string): void;

  /**
   * Calls back with each notice whose subject starts with `<prefix>.`, those published here too,
   * until disposed.
   */
  subscribe(prefix: string, listener: (subject: string) => void): Disposable;
}
