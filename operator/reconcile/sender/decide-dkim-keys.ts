// The life of a sender's managed DKIM keys. A new key waits until DNS shows its record, because
// receivers trust mail with an unknown key less than unsigned mail. While an older key signs, the
// new one waits for another day, so that resolvers everywhere have its record. The old key keeps
// its record for a week, because mail that it signed is still under way. A first key signs as soon
// as its record is seen: there is no other signature to lose.

import type { DkimAlgorithm } from '../../../services/core/catalog/catalog.ts';
import { operatorLimits } from '../../../services/core/limits/operator.ts';

/** Times in milliseconds since 1970. */
export interface ManagedKey {
  readonly selector: string;
  readonly algorithm: DkimAlgorithm;
  readonly createdAt: number;
  /** When its record was first seen, without a break since. */
  readonly seenAt: number | null;
  readonly activeAt: number | null;
  readonly retiredAt: number | null;
}

interface KeysContext {
  /** One key of each signs. None: keys are not managed, and existing keys retire. */
  readonly algorithms: readonly DkimAlgorithm[];
  /** 0: never. */
  readonly rotationMs: number;
  readonly now: number;
  /** Whether DNS has the key's record; null: DNS did not answer. */
  readonly isSeen: (key: ManagedKey) => boolean | null;
}

interface KeysDecision {
  readonly create: readonly DkimAlgorithm[];
  /** All keys that stay, in their new state. */
  readonly keys: readonly ManagedKey[];
  readonly remove: readonly ManagedKey[];
}

export function decideKeys(keys: readonly ManagedKey[], context: KeysContext): KeysDecision {
  const { algorithms, rotationMs, now } = context;
  const create: DkimAlgorithm[] = [];
  const kept: ManagedKey[] = [];
  const remove: ManagedKey[] = [];
  for (const key of keys) {
    const isWanted = algorithms.includes(key.algorithm);
    if (stateOf(key) === 'Standby' && !isWanted) remove.push(key);
    else if (key.retiredAt !== null && now - key.retiredAt >= operatorLimits.dkimRetiringMs) remove.push(key);
    else
      kept.push(isWanted || key.retiredAt !== null ? afterLookUp(key, context) : { ...key, retiredAt: now });
  }
  const next = algorithms.reduce<readonly ManagedKey[]>((all, algorithm) => {
    const own = all.filter((key) => key.algorithm === algorithm);
    const active = own.filter((key) => stateOf(key) === 'Active');
    const newest = active.toSorted((a, b) => (b.activeAt ?? 0) - (a.activeAt ?? 0))[0];
    const standby = own.filter((key) => stateOf(key) === 'Standby');
    const successor = standby.find(
      ({ seenAt }) =>
        seenAt !== null && (active.length === 0 || now - seenAt >= operatorLimits.dkimStandbyMs),
    );
    const isOld = rotationMs > 0 && active.every(({ createdAt }) => now - createdAt >= rotationMs);
    if (standby.length === 0 && isOld) create.push(algorithm);
    else if (standby.length === 0 && active.length === 0) create.push(algorithm);
    // one key of each algorithm signs: an older one may come back with a restore
    const signing = successor ?? newest;
    return all.map((key) =>
      key === successor
        ? { ...key, activeAt: now }
        : active.includes(key) && key !== signing
          ? { ...key, retiredAt: now }
          : key,
    );
  }, kept);
  return { create, keys: next, remove };
}

export const stateOf = ({ activeAt, retiredAt }: ManagedKey): 'Standby' | 'Active' | 'Retiring' =>
  retiredAt !== null ? 'Retiring' : activeAt !== null ? 'Active' : 'Standby';

function afterLookUp(key: ManagedKey, { now, isSeen }: KeysContext): ManagedKey {
  if (stateOf(key) !== 'Standby') return key;
  const seen = isSeen(key);
  // without an answer the record counts as unchanged
  if (seen === null) return key;
  return { ...key, seenAt: seen ? (key.seenAt ?? now) : null };
}
