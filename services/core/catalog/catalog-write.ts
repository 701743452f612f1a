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
    readonly version?: string;
  };
  readonly fence: Fence;
  readonly hash: string;
  /**
   * `draining`: a deleted sender, whose accepted mail is being delivered. `removed`: readers do not
   * see the object.
   */
  readonly state: 'live' | 'draining' | 'removed';
  /** The domain of a sender; null for a template. */
  readonly domain: string | null;
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

/** The content to write. */
interface Content {
  readonly hash: string;
  /** The domain of a sender; null for a template. */
  readonly domain: string | null;
  /** Whether the secrets, which the hash leaves out, are equal to the stored ones too. */
  readonly isSame: boolean;
}

const isOlderFence = (fence: Fence, than: Fence): boolean =>
  fence.term < than.term || (fence.term === than.term && fence.generation < than.generation);

/**
 * What a write does to the stored object.
 * - `created`, `updated`: the object is written.
 * - `unchanged`: readers would see no difference; the store may still have to raise the fence.
 * - `fenced`: a newer write was made before.
 * - `foreign`: another source owns the object.
 * - `draining`: a deleted sender of this name has another domain. Its waiting mail must not be sent
 *   with the configuration of the new sender, so the new sender waits until no mail is left.
 *
 * Any source may write over a removed object, and over a draining sender of the same domain. A
 * recreated object counts its generations from the start, so only the terms are compared there.
 * Terms of different sources cannot be compared.
 */
export function decideWrite(
  stored: StoredObject | null,
  writing: Writing,
  { hash, domain, isSame }: Content,
): 'created' | 'updated' | 'unchanged' | 'fenced' | 'foreign' | 'draining' {
  if (stored === null) return 'created';
  if (stored.state === 'removed')
    return isOwn(stored, writing) && writing.fence.term < stored.fence.term ? 'fenced' : 'created';
  if (!isOwn(stored, writing))
    return stored.state === 'draining' && stored.domain === domain ? 'updated' : 'foreign';
  if (isLate(stored, writing)) return 'fenced';
  if (stored.source.uid !== writing.uid && stored.domain !== domain) return 'draining';
  return stored.state === 'live' && stored.hash === hash && isSame ? 'unchanged' : 'updated';
}

/**
 * True if the writer may retire the live object. A writer that names a uid retires only the object
 * of that uid, not a later object of the same name.
 */
export const mayRetire = (stored: StoredObject, writing: Writing): boolean =>
  stored.state === 'live' &&
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
