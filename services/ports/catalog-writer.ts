// Writing the catalog: the operator, or the folder through `packetboat catalog apply`. Each source
// writes only its own objects.

import type { CatalogEntry } from '../core/catalog/catalog.ts';

/**
 * Who writes: an old leader's fence is lower than its successor's, and its writes change nothing.
 * Compared by term, then by generation; of an object that was removed only by term, because one
 * that is made anew counts its generations from the start.
 */
export interface CatalogSource {
  readonly kind: 'folder' | 'operator' | 'api';
  /** Tells one cluster or folder from another. */
  readonly name: string;
  /**
   * Of an operator: the uid of the object, which tells it from another of the same name that was
   * there before.
   */
  readonly uid?: string;
  readonly fence: { readonly term: number; readonly generation: number };
}

export type { CatalogEntry };

/** What a source has in view, as its writer must know it. */
export interface OwnEntry {
  /** `sender/<tenant>/<name>`, `template/<tenant>/<identifier>`. */
  readonly key: string;
  readonly uid: string | null;
  readonly fence: CatalogSource['fence'];
}

/**
 * `unchanged`: the hash is the same. `fenced`: a newer writer was there. `foreign`: another source
 * owns this object.
 */
export type WriteResult = {
  readonly kind: 'created' | 'updated' | 'unchanged' | 'fenced' | 'foreign';
  readonly revision: number;
};

export interface CatalogWriter extends AsyncDisposable {
  /**
   * Writes an object under its tenant and name (the entry's own `revision` is ignored: the writer
   * numbers a new hash one higher than the last and keeps revisions immutable), seals its secrets,
   * then gives notice of the change. Repeating it changes nothing, unless what is stored was
   * changed by another hand: then it is written anew under its number.
   */
  put(source: CatalogSource, entry: CatalogEntry): Promise<WriteResult>;

  /** What this source (kind and name) has in view. */
  list(source: Pick<CatalogSource, 'kind' | 'name'>): Promise<readonly OwnEntry[]>;

  /**
   * Takes one object out of view, if this source wrote it and nobody with a higher fence did since.
   * False: there was nothing to remove.
   */
  remove(source: CatalogSource, key: string): Promise<boolean>;

  /**
   * Removes from view what this source wrote and is not among these names
   * (`sender/<tenant>/<name>`, `template/<tenant>/<identifier>`); answers how many. Revisions stay,
   * and so does what was written under a higher fence.
   */
  prune(source: CatalogSource, keep: ReadonlySet<string>): Promise<number>;
}
