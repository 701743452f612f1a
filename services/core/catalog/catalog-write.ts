// May this writer change this object of the catalog, and what becomes of it? Read by the adapters
// of CatalogWriter.

/** By term, then by generation: an old leader's fence is lower than its successor's. */
interface Fence {
  readonly term: number;
  readonly generation: number;
}

/** What of a stored object decides. */
export interface StoredObject {
  readonly source: { readonly kind: string; readonly name: string; readonly uid?: string };
  readonly fence: Fence;
  readonly hash: string;
  readonly isLive: boolean;
}

interface Writing {
  readonly kind: string;
  readonly name: string;
  /**
   * Which of the objects that bear the same name one after the other, where the source tells them
   * apart.
   */
  readonly uid?: string;
  readonly fence: Fence;
}

const isOlderFence = (fence: Fence, than: Fence): boolean =>
  fence.term < than.term || (fence.term === than.term && fence.generation < than.generation);

/**
 * `unchanged`: nothing that a reader sees; the fence may have to be raised. `isSame` says whether
 * what the hash leaves out, secrets, is the same too. A removed object is anybody's, and one that
 * is made anew counts its generations from the start: there only the term is compared.
 */
export function judgeWrite(
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
 * True when the writer may take this object out of view. Who names a uid means that object, and no
 * other that has taken its name since.
 */
export const mayRemove = (stored: StoredObject, writing: Writing): boolean =>
  stored.isLive &&
  isOwn(stored, writing) &&
  !isLate(stored, writing) &&
  (writing.uid === undefined || writing.uid === stored.source.uid);

/**
 * Generations are counted by each object for itself: of two objects only the terms can be compared.
 */
function isLate(stored: StoredObject, { uid, fence }: Writing): boolean {
  return uid === stored.source.uid ? isOlderFence(fence, stored.fence) : fence.term < stored.fence.term;
}

const isOwn = (stored: StoredObject, { kind, name }: Writing): boolean =>
  stored.source.kind === kind && stored.source.name === name;
