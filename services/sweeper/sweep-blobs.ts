// Deletes blobs that no message refers to: content whose request was refused, or whose accept died
// before the insert. Only those older than `sweepLimits.blobGraceMs`, when no accept that could
// still refer to them runs.

import type { BlobId } from '../core/ids.ts';
import { sweepLimits } from '../core/limits/sweep.ts';
import type { Sweeper } from './sweeper.ts';

/** Walks all old blobs once, oldest first. */
export async function sweepBlobs(s: Sweeper, signal: AbortSignal): Promise<void> {
  const before = s.messages.now() - sweepLimits.blobGraceMs;
  let after: BlobId | null = null;
  while (!signal.aborted) {
    const old: readonly BlobId[] = await s.blobs.olderThan(before, sweepLimits.sweepBatch, after);
    const inUse = await s.messages.blobsInUse(old);
    const unused = old.filter((id) => !inUse.has(id));
    if (unused.length > 0) await s.blobs.delete(unused);
    s.metrics.swept('blobs', unused.length);
    after = old.at(-1) ?? null;
    if (after === null) return;
  }
}
