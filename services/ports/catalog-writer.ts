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
  /** From an operator: the resource version that the object had. */
  readonly version?: string;
  readonly fence: { readonly term: number; readonly generation: number };
}

export type { CatalogEntry };

/** A live object of a source. */
export interface OwnEntry {
  /** `sender/<tenant>/<name>`, `template/<tenant>/<identifier>`. */
  readonly key: string;
  readonly uid: string | null;
  readonly namespace: string | null;
  /** The domain of a sender; null for a template. */
  readonly domain: string | null;
  readonly version: string | null;
  readonly fence: CatalogSource['fence'];
}

/**
 * `unchanged`: the hash is the same. `fenced`: a writer with a higher fence has written. `foreign`:
 * another source owns this object. `draining`: a deleted sender of the same name has another domain
 * and still drains; the write succeeds when its entry has been erased (`DrainingSenders`).
 */
export type WriteResult = {
  readonly kind: 'created' | 'updated' | 'unchanged' | 'fenced' | 'foreign' | 'draining';
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

  /** Returns the live objects of this source. */
  list(source: Pick<CatalogSource, 'kind' | 'name'>): Promise<readonly OwnEntry[]>;

  /**
   * Retires one live object, if this source wrote it and no writer with a higher fence has written
   * it since. Returns false if there was nothing to retire.
   *
   * A retired sender drains: it stays as it was published last, with its sealed secrets, accepts no
   * mail (`Sender.retiring`), and delivers the mail that it accepted. Writing it again makes it
   * live. A retired template is hidden from readers at once, because its revisions stay.
   */
  retire(source: CatalogSource, key: string): Promise<boolean>;

  /**
   * Retires all live objects that this source wrote and that are not among these names
   * (`sender/<tenant>/<name>`, `template/<tenant>/<identifier>`), and returns their number. Objects
   * that were written under a higher fence stay.
   */
  prune(source: CatalogSource, keep: ReadonlySet<string>): Promise<number>;
}
