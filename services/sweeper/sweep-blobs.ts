// Deletes blobs that no message refers to: content of a request that was refused, or of one whose
// ingest died before the insert. Only blobs older than `sweepLimits.blobGraceMs` are deleted: no
// request that could still insert a message with them is running.

import type { BlobId } from '../core/ids.ts';
import { sweepLimits } from '../core/limits/sweep.ts';
import type { Sweeper } from './sweeper-parts.ts';

export interface BlobParts {
  readonly messages: Pick<Sweeper['messages'], 'now' | 'blobsInUse'>;
  readonly blobs: Sweeper['blobs'];
  readonly metrics: Pick<Sweeper['metrics'], 'swept'>;
}

/** Walks all old blobs once, oldest first. Rejects when a store fails. */
export async function sweepBlobs(
  { messages, blobs, metrics }: BlobParts,
  signal: AbortSignal,
): Promise<void> {
  const before = messages.now() - sweepLimits.blobGraceMs;
  let after: BlobId | null = null;
  while (!signal.aborted) {
    const old: readonly BlobId[] = await blobs.olderThan(before, sweepLimits.sweepBatch, after);
    const inUse = await messages.blobsInUse(old);
    const unused = old.filter((id) => !inUse.has(id));
    if (unused.length > 0) await blobs.delete(unused);
    metrics.swept('blobs', unused.length);
    after = old.at(-1) ?? null;
    if (after === null) return;
  }
}
