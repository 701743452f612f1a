// Writes the catalog, for the operator and for `packetboat catalog apply`. Each source writes only
// its own objects.

import type { CatalogEntry } from '../core/catalog/catalog.ts';

/**
 * The writer of an object. An old leader has a lower fence than its successor, so its writes change
 * nothing. Fences are compared by term, then by generation; that of a removed object only by term,
 * because the generations of a recreated object start again at 1.
 */
export interface CatalogSource {
  readonly kind: 'folder' | 'operator' | 'api';
  /** Distinguishes clusters and folders. */
  readonly name: string;
  /**
   * From an operator: the uid of the object, which distinguishes it from an earlier object of the
   * same name.
   */
  readonly uid?: string;
  /** From an operator: the namespace of the object, whose tenant may have another name. */
  readonly namespace?: string;
  readonly fence: { readonly term: number; readonly generation: number };
}

export type { CatalogEntry };

/** An object of a source that readers see. */
export interface OwnEntry {
  /** `sender/<tenant>/<name>`, `template/<tenant>/<identifier>`. */
  readonly key: string;
  readonly uid: string | null;
  readonly namespace: string | null;
  readonly fence: CatalogSource['fence'];
}

/**
 * `unchanged`: the hash is the same. `fenced`: a writer with a higher fence has written. `foreign`:
 * another source owns this object.
 */
export type WriteResult = {
  readonly kind: 'created' | 'updated' | 'unchanged' | 'fenced' | 'foreign';
  readonly revision: number;
};

export interface CatalogWriter extends AsyncDisposable {
  /**
   * Writes an object under its tenant and name, seals its secrets, then publishes a notice of the
   * change. Ignores the entry's own `revision`: a new hash gets the next number, and revisions are
   * immutable. Repeating the call changes nothing, unless the stored object was modified by hand:
   * then it is written again under its number.
   */
  put(source: CatalogSource, entry: CatalogEntry): Promise<WriteResult>;

  /** Returns the objects of this source that readers see. */
  list(source: Pick<CatalogSource, 'kind' | 'name'>): Promise<readonly OwnEntry[]>;

  /**
   * Hides one object from readers, if this source wrote it and no writer with a higher fence has
   * written it since. Returns false if there was nothing to hide.
   */
  remove(source: CatalogSource, key: string): Promise<boolean>;

  /**
   * Hides all objects that this source wrote and that are not among these names
   * (`sender/<tenant>/<name>`, `template/<tenant>/<identifier>`), and returns their number.
   * Revisions stay, as do objects that were written under a higher fence.
   */
  prune(source: CatalogSource, keep: ReadonlySet<string>): Promise<number>;
}
