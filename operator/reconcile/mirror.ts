// The objects of the API server, as this process last saw them.

import type { Indexers } from '../kubernetes/object-store.ts';
import type { KubernetesObject, ObjectKey } from '../kubernetes/resource.ts';

/** The objects of one kind. */
export interface Mirror<T, I extends string = never> {
  get(key: ObjectKey): T | null;
  objects(): readonly T[];
  /** The objects that an index has under a value. */
  by(index: I, value: string): readonly T[];
}

/** The mirrors of several namespaces as one. */
export class MergedMirror<T extends KubernetesObject, I extends string> implements Mirror<T, I> {
  readonly indexers: Indexers<T, I>;
  readonly #mirrors: Mirror<T, I>[] = [];

  constructor(indexers: Indexers<T, I>) {
    this.indexers = indexers;
  }

  add(mirror: Mirror<T, I>): void {
    this.#mirrors.push(mirror);
  }

  get(key: ObjectKey): T | null {
    for (const mirror of this.#mirrors) {
      const found = mirror.get(key);
      if (found !== null) return found;
    }
    return null;
  }

  objects(): readonly T[] {
    return this.#mirrors.flatMap((mirror) => mirror.objects());
  }

  by(index: I, value: string): readonly T[] {
    return this.#mirrors.flatMap((mirror) => mirror.by(index, value));
  }
}
