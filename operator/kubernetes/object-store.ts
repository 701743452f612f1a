// Objects by their key and by indexes, so that finding the objects that name a Secret does not scan
// thousands of them.

import { type KubernetesObject, keyText, type ObjectKey } from './resource.ts';

/** For each index, the values under which an object is found. */
export type Indexers<T, I extends string> = Readonly<Record<I, (object: T) => readonly string[]>>;

export class ObjectStore<T extends KubernetesObject, I extends string = never> {
  readonly #indexers: Indexers<T, I>;
  readonly #objects = new Map<string, T>();
  /** Object keys, by index and value. */
  readonly #indexes = new Map<string, Set<string>>();

  constructor(indexers: Indexers<T, I>) {
    this.#indexers = indexers;
  }

  get(key: ObjectKey): T | null {
    return this.#objects.get(keyText(key)) ?? null;
  }

  objects(): readonly T[] {
    return [...this.#objects.values()];
  }

  by(index: I, value: string): readonly T[] {
    return [...(this.#indexes.get(`${index} ${value}`) ?? [])].flatMap((key) => this.#objects.get(key) ?? []);
  }

  set(object: T): void {
    const key = keyText(object.metadata);
    this.delete(object.metadata);
    this.#objects.set(key, object);
    for (const entry of this.#entriesOf(object)) {
      const keys = this.#indexes.get(entry);
      if (keys === undefined) this.#indexes.set(entry, new Set([key]));
      else keys.add(key);
    }
  }

  delete(key: ObjectKey): void {
    const text = keyText(key);
    const object = this.#objects.get(text);
    if (object === undefined) return;
    this.#objects.delete(text);
    for (const entry of this.#entriesOf(object)) {
      const keys = this.#indexes.get(entry);
      keys?.delete(text);
      if (keys?.size === 0) this.#indexes.delete(entry);
    }
  }

  #entriesOf(object: T): readonly string[] {
    const indexers = Object.entries<(object: T) => readonly string[]>(this.#indexers);
    return indexers.flatMap(([index, valuesOf]) => valuesOf(object).map((value) => `${index} ${value}`));
  }
}
