// Writing the catalog of a folder's state: the one way by which its revisions are numbered. Writers of one state take turns; a revision is kept
// before the object that points to it.

import { entryKey, noticeOf } from '../../core/catalog.ts';
import { judgeWrite, mayRemove } from '../../core/catalog-write.ts';
import type { Keys } from '../../core/keyring.ts';
import { NONCE_BYTES } from '../../core/seal.ts';
import { holdsLogins, sealSender } from '../../core/sealed-sender.ts';
import type { CatalogEntry, CatalogSource, CatalogWriter, WriteResult } from '../../ports/catalog-writer.ts';
import type { Notices } from '../../ports/notices.ts';
import type { Random } from '../../ports/random.ts';
import type { CatalogState, KeptObject } from './catalog-state.ts';

export interface CatalogWriterParts {
  readonly notices: Pick<Notices, 'publish'>;
  readonly random: Random;
  /** Those of purpose `catalog`. */
  readonly keys: Keys;
}

export function createCatalogWriter(state: CatalogState, parts: CatalogWriterParts): CatalogWriter {
  return {
    put: (source, entry) => state.inTurn(() => put(state, parts, source, entry)),
    prune: (source, keep) => state.inTurn(() => prune(state, parts, source, keep)),
    /** The state is whoever's who opened it. */
    async [Symbol.asyncDispose]() {},
  };
}

async function put(state: CatalogState, parts: CatalogWriterParts, source: CatalogSource, entry: CatalogEntry): Promise<WriteResult> {
  const key = entryKey(entry);
  const { hash } = entry.kind === 'sender' ? entry.sender : entry.template;
  const stored = state.object(key);
  const kind = judgeWrite(stored, source, hash, holds(stored, entry, parts.keys));
  const last = stored?.revision ?? 0;
  if (kind === 'fenced' || kind === 'foreign') return { kind, revision: last };
  if (kind === 'unchanged') {
    await raise(state, stored, source);
    return { kind, revision: last };
  }
  const revision = stored?.hash === hash ? last : await numberOf(state, entry, last + 1);
  const sender =
    entry.kind === 'sender' ? sealSender({ ...entry.sender, revision }, parts.keys, () => parts.random.bytes(NONCE_BYTES)) : null;
  const { name, fence } = source;
  await state.keepObject({ key, revision, hash, isLive: true, source: { kind: source.kind, name }, fence, sender });
  parts.notices.publish(noticeOf(key));
  return { kind, revision };
}

async function prune(
  state: CatalogState,
  { notices }: CatalogWriterParts,
  source: CatalogSource,
  keep: ReadonlySet<string>,
): Promise<number> {
  const gone = state.objects().filter((stored) => !keep.has(stored.key) && mayRemove(stored, source));
  for (const stored of gone) {
    const fence = { term: source.fence.term, generation: stored.fence.generation };
    await state.keepObject({ ...stored, isLive: false, fence, sender: null });
    notices.publish(noticeOf(stored.key));
  }
  return gone.length;
}

/** The number of this content. One that was kept by a writer who died before he could point to it is passed over unless the content is the same. */
async function numberOf(state: CatalogState, entry: CatalogEntry, from: number): Promise<number> {
  if (entry.kind === 'sender') return from;
  const { tenant, identifier, hash } = entry.template;
  for (let revision = from; ; revision++) {
    const taken = await state.revision(tenant, identifier, revision);
    if (taken === null) await state.keepRevision({ ...entry.template, revision });
    if (taken === null || taken.hash === hash) return revision;
  }
}

/** The same object by a newer writer: from now on the older one's writes change nothing. */
async function raise(state: CatalogState, stored: KeptObject | null, { fence }: CatalogSource): Promise<void> {
  if (stored === null || (stored.fence.term === fence.term && stored.fence.generation === fence.generation)) return;
  await state.keepObject({ ...stored, fence });
}

function holds(stored: KeptObject | null, entry: CatalogEntry, keys: Keys): boolean {
  if (entry.kind === 'template') return true;
  return stored !== null && stored.sender !== null && holdsLogins(stored.sender, entry.sender, keys);
}
