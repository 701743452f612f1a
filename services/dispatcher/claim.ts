// Claims deliveries: bulks of compare-and-sets that put a lease on the delivery of each candidate
// (R2). An entry that lost to another claim is settled.

import { claim } from '../core/delivery/delivery.ts';
import { viewOf, withProgress } from '../core/delivery/message.ts';
import { Failure } from '../core/failure.ts';
import { ID_RANDOM_BYTES, sortableId } from '../core/ids.ts';
import { dispatchLimits } from '../core/limits/dispatch.ts';
import type { Batch } from './batch.ts';
import type { Candidate } from './candidate.ts';
import { DeliveryInHand } from './delivery-in-hand.ts';
import { type Dispatcher, leaseOf } from './dispatcher-parts.ts';
import type { Leases } from './leases.ts';

export type ClaimParts = Pick<Dispatcher, 'messages' | 'clock' | 'random' | 'leaseMs' | 'metrics' | 'report'>;

export interface Claimed {
  readonly candidate: Candidate;
  readonly hand: DeliveryInHand;
}

/**
 * Returns what was claimed, also when the store fails halfway: the entries that were not claimed
 * stay unsettled, so the queue delivers them again.
 */
export async function claimAll(
  d: ClaimParts,
  batch: Batch,
  leases: Leases,
  candidates: readonly Candidate[],
): Promise<readonly Claimed[]> {
  const claimed: Claimed[] = [];
  let left = candidates;
  try {
    for (let round = 0; round < dispatchLimits.entryTriesMax && left.length > 0; round++) {
      if (round > 0) left = await readAgain(d, left);
      const { won, lost } = await claimOnce(d, batch, left);
      for (const each of won) leases.add(each.hand);
      claimed.push(...won);
      left = lost;
    }
    for (const { taken } of left) batch.settle(taken);
  } catch (error) {
    if (!(error instanceof Failure)) throw error;
    d.report('entries could not be claimed', error);
  }
  return claimed;
}

async function claimOnce(
  d: ClaimParts,
  batch: Batch,
  candidates: readonly Candidate[],
): Promise<{ readonly won: readonly Claimed[]; readonly lost: readonly Candidate[] }> {
  const claimedAt = d.clock.monotonic();
  const now = d.messages.now();
  const claims = candidates.flatMap((candidate) => {
    const leaseId = sortableId(now, d.random.bytes(ID_RANDOM_BYTES));
    const change = claim(candidate.view, {
      attempt: candidate.taken.entry.attempt,
      now,
      leaseId,
      leaseMs: leaseOf(d),
      route: candidate.route.name,
    });
    if (change === null) batch.settle(candidate.taken);
    return change === null ? [] : [{ candidate, leaseId, change }];
  });
  const versions = await d.messages.apply(claims.map((c) => c.change));
  d.metrics.claimed(versions.filter((v) => v !== null).length);
  const won: Claimed[] = [];
  const lost: Candidate[] = [];
  for (const [i, { candidate, leaseId, change }] of claims.entries()) {
    const version = versions[i];
    if (version == null) {
      lost.push(candidate);
      continue;
    }
    const { index } = candidate.view;
    const message = withProgress(candidate.message, index, { ...change.set, version });
    won.push({ candidate, hand: new DeliveryInHand(d, { message, index, leaseId, claimedAt }) });
  }
  return { won, lost };
}

async function readAgain(
  { messages }: Pick<ClaimParts, 'messages'>,
  candidates: readonly Candidate[],
): Promise<readonly Candidate[]> {
  const found = await messages.find(candidates.map((c) => c.message.id));
  return candidates.map((candidate, i) => {
    const message = found[i] ?? candidate.message;
    return { ...candidate, message, view: viewOf(message, candidate.view.index) };
  });
}
