// Writing the catalog: the operator, or the folder through `packetboat catalog apply`. Each source writes only its own objects.

import type { CatalogEntry } from '../core/catalog.ts';

/**
 * Who writes: an old leader's fence is lower than its successor's, and its writes change nothing. Compared by term, then by generation; of an object
 * that was removed only by term, because one that is made anew counts its generations from the start.
 */
export interface CatalogSource {
  readonly kind: 'folder' | 'operator' | 'api';
  /** Tells one cluster or folder from another. */
  readonly name: string;
  readonly fence: { readonly term: number; readonly generation: number };
}

export type { CatalogEntry };

/** `unchanged`: the hash is the same. `fenced`: a newer writer was there. `foreign`: another source owns this object. */
export type WriteResult = { readonly kind: 'created' | 'updated' | 'unchanged' | 'fenced' | 'foreign'; readonly revision: number };

export interface CatalogWriter extends AsyncDisposable {
  /**
   * Writes an object under its tenant and name (the entry's own `revision` is ignored: the writer numbers a new hash one higher than the last and
   * keeps revisions immutable), seals its secrets, then gives notice of the change. Repeating it changes nothing.
   */
  put(source: CatalogSource, entry: CatalogEntry): Promise<WriteResult>;

  /** Removes from view what this source wrote and is not among these names (`sender/<tenant>/<name>`, `template/<tenant>/<identifier>`); answers how many. Revisions stay, and so does what was written under a higher fence. */
  prune(source: CatalogSource, keep: ReadonlySet<string>): Promise<number>;
}
