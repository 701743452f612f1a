// Decides whether a writer may change an object of the catalog and what the write does. The
// adapters of CatalogWriter use these rules.

/**
 * Orders writes: by term, then by generation. A new leader has a higher term, so writes of an old
 * leader are recognised and refused.
 */
interface Fence {
  readonly term: number;
  readonly generation: number;
}

/** The fields of a stored object that the decision reads. */
export interface StoredObject {
  readonly source: {
    readonly kind: string;
    readonly name: string;
    readonly uid?: string;
    readonly namespace?: string;
  };
  readonly fence: Fence;
  readonly hash: string;
  readonly isLive: boolean;
}

interface Writing {
  readonly kind: string;
  readonly name: string;
  /**
   * Distinguishes objects that had the same name one after another (a Kubernetes uid); undefined
   * where the source has none.
   */
  readonly uid?: string;
  readonly fence: Fence;
}

const isOlderFence = (fence: Fence, than: Fence): boolean =>
  fence.term < than.term || (fence.term === than.term && fence.generation < than.generation);

/**
 * What a write of `hash` by `writing` does to the stored object. `isSame` says whether the secrets,
 * which the hash leaves out, are equal too.
 * - `created`, `updated`: the object is written.
 * - `unchanged`: readers would see no difference; the store may still have to raise the fence.
 * - `fenced`: a newer write was made before.
 * - `foreign`: another source owns the object.
 *
 * Any source may write over a removed object. A recreated object counts its generations from the
 * start, so only the terms are compared there.
 */
export function decideWrite(
  stored: StoredObject | null,
  writing: Writing,
  hash: string,
  isSame: boolean,
): 'created' | 'updated' | 'unchanged' | 'fenced' | 'foreign' {
  if (stored === null) return 'created';
  if (!stored.isLive) return writing.fence.term < stored.fence.term ? 'fenced' : 'created';
  if (!isOwn(stored, writing)) return 'foreign';
  if (isLate(stored, writing)) return 'fenced';
  return stored.hash === hash && isSame ? 'unchanged' : 'updated';
}

/**
 * True if the writer may remove the live object. A writer that names a uid removes only the object
 * of that uid, not a later object of the same name.
 */
export const mayRemove = (stored: StoredObject, writing: Writing): boolean =>
  stored.isLive &&
  isOwn(stored, writing) &&
  !isLate(stored, writing) &&
  (writing.uid === undefined || writing.uid === stored.source.uid);

/**
 * Each object counts its own generations, so between two objects only the terms can be compared.
 */
function isLate(stored: StoredObject, { uid, fence }: Writing): boolean {
  return uid === stored.source.uid ? isOlderFence(fence, stored.fence) : fence.term < stored.fence.term;
}

const isOwn = (stored: StoredObject, { kind, name }: Writing): boolean =>
  stored.source.kind === kind && stored.source.name === name;
