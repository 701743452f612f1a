// A map that forgets its oldest entry when it is full: for what is remembered about callers, whose
// number nobody limits.

/**
 * A new value of a known key keeps the place of the key; delete the key first to make it youngest.
 */
export class BoundedMap<Key, Value> extends Map<Key, Value> {
  readonly #max: number;

  /** @param max entries */
  constructor(max: number) {
    super();
    this.#max = max;
  }

  override set(key: Key, value: Value): this {
    if (this.size >= this.#max && !this.has(key)) {
      for (const oldest of this.keys()) {
        this.delete(oldest);
        break;
      }
    }
    return super.set(key, value);
  }
}
