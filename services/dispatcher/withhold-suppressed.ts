// Withholds mail from suppressed recipients. This happens after the claim, so that every
// suppression that was acknowledged before the claim counts (P11).

import { SCOPE_ALL, suppressionHashes } from '../core/access/suppression.ts';
import { type Change, type DeliveryView, release, suppress } from '../core/delivery/delivery.ts';
import { Failure } from '../core/failure.ts';
import type { Claimed } from './claim.ts';
import type { DeliveryInHand } from './delivery-in-hand.ts';
import type { Dispatcher } from './dispatcher-parts.ts';

export type SuppressionParts = Pick<Dispatcher, 'messages' | 'suppressions' | 'suppressionKeys' | 'report'>;

/**
 * Returns the deliveries that may be sent. Deliveries to suppressed recipients end `suppressed`;
 * while the store is unreachable, all are released. For each delivery that may not be sent, `done`
 * is called once its change is stored, or given up because `stop` aborts.
 */
export async function withholdSuppressed(
  d: SuppressionParts,
  claimed: readonly Claimed[],
  { stop, done }: { readonly stop: AbortSignal; readonly done: (claimed: Claimed) => void },
): Promise<readonly Claimed[]> {
  const sendable: Claimed[] = [];
  for (const [tenant, own] of Map.groupBy(claimed, (c) => c.hand.message.tenant)) {
    const isSuppressed = await suppressedOf(d, tenant, own);
    for (const each of own) {
      const { hand } = each;
      if (isSuppressed !== null && !isSuppressed(hand)) {
        sendable.push(each);
        continue;
      }
      const due = d.messages.now() + hand.releaseDelayMs;
      const decide = (view: DeliveryView): Change | null =>
        isSuppressed === null
          ? release(view, hand.leaseId, { reason: null, due, tried: false })
          : suppress(view, hand.leaseId);
      await hand.insist(decide, stop);
      done(each);
    }
  }
  return sendable;
}

/** Null: the store is unreachable, so none of them may be sent now. */
async function suppressedOf(
  d: SuppressionParts,
  tenant: string,
  claimed: readonly Claimed[],
): Promise<((hand: DeliveryInHand) => boolean) | null> {
  const hashes = new Map(
    claimed.map(
      ({ hand }) =>
        [hand, suppressionHashes(d.suppressionKeys, tenant, hand.view.delivery.recipient)] as const,
    ),
  );
  try {
    const matches = await d.suppressions.matches(tenant, SCOPE_ALL, [...hashes.values()].flat());
    return (hand) => hashes.get(hand)?.some((hash) => matches.has(hash)) ?? true;
  } catch (error) {
    if (!(error instanceof Failure)) throw error;
    d.report('suppressions could not be read', error);
    return null;
  }
}
