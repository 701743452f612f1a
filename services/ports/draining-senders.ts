// The retired senders of the catalog, for the sweeper, which erases each when its mail has left.

/** A retired sender, whose accepted mail is being delivered. */
export interface DrainingSender {
  /** `sender/<tenant>/<name>`. */
  readonly key: string;
  readonly tenant: string;
  readonly name: string;
  /** Milliseconds since 1970, by the store's clock. */
  readonly retiredAt: number;
}

export interface DrainingSenders {
  /** All of them, in any order. */
  draining(): Promise<readonly DrainingSender[]>;

  /**
   * Erases the configuration and the sealed secrets, and hides the sender from readers. The
   * revision number and the fence stay known. Returns false if the sender was published again since
   * `retiredAt`, or is erased already.
   */
  erase(sender: DrainingSender): Promise<boolean>;
}
