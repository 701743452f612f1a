// Writes the catalog of a folder's state and numbers its revisions. Writers of one state take
// turns, and a revision is stored before the object that points to it.

import { entryKey, noticeOf } from '../../core/catalog/catalog.ts';
import { decideWrite, mayRetire } from '../../core/catalog/catalog-write.ts';
import { isStoredAs, sealSender } from '../../core/catalog/sealed-sender.ts';
import type { Keys } from '../../core/secrets/keyring.ts';
import { NONCE_BYTES } from '../../core/secrets/seal.ts';
import type {
  CatalogEntry,
  CatalogSource,
  CatalogWriter,
  OwnEntry,
  WriteResult,
} from '../../ports/catalog-writer.ts';
import type { Notices } from '../../ports/notices.ts';
import type { Random } from '../../ports/random.ts';
import type { CatalogState, KeptObject } from './catalog-state.ts';

interface FileCatalogWriterParts {
  readonly notices: Pick<Notices, 'publish'>;
  readonly random: Random;
  /** The keys of purpose `catalog`. */
  readonly keys: Keys;
  /** Milliseconds since 1970, by the store's clock. */
  readonly now: () => number;
}

export function createCatalogWriter(state: CatalogState, parts: FileCatalogWriterParts): CatalogWriter {
  return {
    put: (source, entry) => state.inTurn(() => put(state, parts, source, entry)),
    list: ({ kind, name }) => state.inTurn(async () => ownOf(state, kind, name).map(toOwnEntry)),
    retire: (source, key) => state.inTurn(() => retire(state, parts, source, key)),
    prune: (source, keep) => state.inTurn(() => prune(state, parts, source, keep)),
    /** the caller of `open` owns the state */
    async [Symbol.asyncDispose]() {},
  };
}

async function put(
  state: CatalogState,
  parts: FileCatalogWriterParts,
  source: CatalogSource,
  entry: CatalogEntry,
): Promise<WriteResult> {
  const key = entryKey(entry);
  const { hash } = entry.kind === 'sender' ? entry.sender : entry.template;
  const stored = state.object(key);
  const isWhole = stored === null || stored.hash !== hash || (await holds(state, stored, entry, parts.keys));
  const domain = entry.kind === 'sender' ? entry.sender.domain : null;
  const kind = decideWrite(stored, source, { hash, domain, isSame: isWhole });
  const last = stored?.revision ?? 0;
  if (kind === 'fenced' || kind === 'foreign' || kind === 'draining') return { kind, revision: last };
  if (kind === 'unchanged') {
    await raise(state, stored, source);
    return { kind, revision: last };
  }
  const revision = stored?.hash === hash ? last : await numberOf(state, entry, last + 1);
  if (!isWhole && entry.kind === 'template') await state.keepRevision({ ...entry.template, revision });
  const sender =
    entry.kind === 'sender'
      ? sealSender({ ...entry.sender, revision }, parts.keys, () => parts.random.bytes(NONCE_BYTES))
      : null;
  await state.keepObject({
    key,
    revision,
    hash,
    state: 'live',
    source: toSource(source),
    fence: source.fence,
    domain,
    sender,
    retiredAt: null,
  });
  parts.notices.publish(noticeOf(key));
  return { kind, revision };
}

async function prune(
  state: CatalogState,
  parts: FileCatalogWriterParts,
  source: CatalogSource,
  keep: ReadonlySet<string>,
): Promise<number> {
  let count = 0;
  for (const { key } of ownOf(state, source.kind, source.name)) {
    if (!keep.has(key) && (await retire(state, parts, source, key))) count += 1;
  }
  return count;
}

async function retire(
  state: CatalogState,
  { notices, now }: FileCatalogWriterParts,
  source: CatalogSource,
  key: string,
): Promise<boolean> {
  const stored = state.object(key);
  if (stored === null || !mayRetire(stored, source)) return false;
  const fence = { term: source.fence.term, generation: stored.fence.generation };
  await state.keepObject(
    stored.sender === null
      ? { ...stored, state: 'removed', fence }
      : { ...stored, state: 'draining', retiredAt: now(), fence },
  );
  notices.publish(noticeOf(key));
  return true;
}

function ownOf(state: CatalogState, kind: string, name: string): readonly KeptObject[] {
  return state
    .objects()
    .filter(({ state, source }) => state === 'live' && source.kind === kind && source.name === name);
}

const toOwnEntry = ({ key, source, domain, fence }: KeptObject): OwnEntry => ({
  key,
  uid: source.uid ?? null,
  namespace: source.namespace ?? null,
  version: source.version ?? null,
  domain,
  fence,
});
const toSource = ({ kind, name, uid, namespace, version }: CatalogSource): KeptObject['source'] => ({
  kind,
  name,
  ...(uid === undefined ? {} : { uid }),
  ...(namespace === undefined ? {} : { namespace }),
  ...(version === undefined ? {} : { version }),
});

/**
 * The revision number for this content. A number is skipped if a writer stored other content under
 * it and died before the object pointed to it.
 */
async function numberOf(state: CatalogState, entry: CatalogEntry, from: number): Promise<number> {
  if (entry.kind === 'sender') return from;
  const { tenant, identifier, hash } = entry.template;
  for (let revision = from; ; revision++) {
    const taken = await state.revision(tenant, identifier, revision);
    if (taken === null) await state.keepRevision({ ...entry.template, revision });
    if (taken === null || taken.hash === hash) return revision;
  }
}

/** Raises the fence of an unchanged object, so that older writers can no longer change it. */
async function raise(state: CatalogState, stored: KeptObject | null, source: CatalogSource): Promise<void> {
  if (stored === null) return;
  const { fence, uid } = source;
  if (
    stored.fence.term === fence.term &&
    stored.fence.generation === fence.generation &&
    stored.source.uid === uid
  )
    return;
  await state.keepObject({ ...stored, source: toSource(source), fence });
}

/**
 * True if the stored object equals the entry, secrets included. False if somebody edited the file,
 * the secrets changed, or they are sealed with an older key.
 */
async function holds(
  state: CatalogState,
  stored: KeptObject,
  entry: CatalogEntry,
  keys: Keys,
): Promise<boolean> {
  const { revision, sender } = stored;
  if (entry.kind === 'sender')
    return sender !== null && isStoredAs(sender, { ...entry.sender, revision }, keys);
  const kept = await state.revision(entry.template.tenant, entry.template.identifier, revision);
  return sender === null && JSON.stringify(kept) === JSON.stringify({ ...entry.template, revision });
}
