// From what was found out about an object to the conditions of its status: all of them on the first visit, a time that moves only when the status does,
// and what changed since, for Events. Reasons are API (docs/operator.md).

import { Failure } from '../../services/core/failure.ts';
import type { FaultReason, ObjectFault } from '../../services/core/fault.ts';
import { showPath } from '../../services/core/fault.ts';
import type { Condition } from '../api/v1alpha1/status.ts';

export type ConditionType =
  | 'Accepted'
  | 'ReferencesResolved'
  | 'Compiled'
  | 'DomainVerified'
  | 'Published'
  | 'Ready'
  | 'ReconciliationPaused';
export type ConditionStatus = Condition['status'];

/** One condition as it was judged this time. */
export interface Judged {
  readonly type: ConditionType;
  readonly status: ConditionStatus;
  readonly reason: string;
  readonly message: string;
}

const conditionOf: Record<FaultReason, 'Accepted' | 'ReferencesResolved' | 'Compiled'> = {
  InvalidSpec: 'Accepted',
  DomainConflict: 'Accepted',
  IdentifierConflict: 'Accepted',
  NamespaceNotAllowed: 'Accepted',
  SecretNotFound: 'ReferencesResolved',
  SecretKeyMissing: 'ReferencesResolved',
  InvalidKey: 'ReferencesResolved',
  ConfigMapNotFound: 'ReferencesResolved',
  SenderNotFound: 'ReferencesResolved',
  LayoutNotFound: 'ReferencesResolved',
  LayoutCycle: 'ReferencesResolved',
  SyntaxError: 'Compiled',
  RenderFailed: 'Compiled',
  SchemaMismatch: 'Compiled',
  TooLarge: 'Compiled',
};

const fine = {
  Accepted: { reason: 'Accepted', message: 'the spec can be used' },
  ReferencesResolved: { reason: 'Resolved', message: 'all that it refers to is there' },
  Compiled: { reason: 'Compiled', message: 'each locale of each environment renders with the sample data' },
} as const;

/** What the faults of an object say of one of its conditions; what comes after one that does not hold is pending. */
export function judgeFaults(type: keyof typeof fine, faults: readonly ObjectFault[], isReached: boolean): Judged {
  const own = faults.filter(({ reason }) => conditionOf[reason] === type);
  const [first] = own;
  if (first !== undefined) return { type, status: 'False', reason: first.reason, message: messageOf(own) };
  return isReached ? { type, status: 'True', ...fine[type] } : pending(type);
}

export const pending = (type: ConditionType): Judged => ({
  type,
  status: 'Unknown',
  reason: 'Pending',
  message: 'waits for what comes before it',
});

/** The API server does not say what an object refers to. Throws what is no refusal: that is tried again, and soon. */
export function notReadable(what: 'Secrets' | 'ConfigMaps', error: unknown): Judged {
  if (!(error instanceof Failure) || error.kind !== 'forbidden') throw error;
  const message = `the operator may not read ${what} in this namespace`;
  return { type: 'ReferencesResolved', status: 'Unknown', reason: 'ApiUnavailable', message };
}

const SHOWN_MAX = 5;

/** Each fault with its path, the first few of them. */
function messageOf(faults: readonly ObjectFault[]): string {
  const lines = faults.slice(0, SHOWN_MAX).map(({ path, message }) => (path.length === 0 ? message : `${showPath(path)}: ${message}`));
  const more = faults.length - lines.length;
  return `${lines.join('; ')}${more > 0 ? `; and ${more} more` : ''}`;
}

/** The first that does not hold decides. `DomainVerified` counts only where it is enforced. */
export function judgeReady(
  judged: readonly Judged[],
  { isSuspended, isEnforced }: { readonly isSuspended: boolean; readonly isEnforced: boolean },
): Judged {
  const counted = judged.filter(({ type }) => type !== 'DomainVerified' || isEnforced);
  const broken = counted.find(({ status }) => status === 'False') ?? counted.find(({ status }) => status !== 'True');
  if (broken === undefined) {
    return isSuspended
      ? { type: 'Ready', status: 'True', reason: 'Suspended', message: 'mail is accepted, and held until spec.suspend is false' }
      : { type: 'Ready', status: 'True', reason: 'Ready', message: 'it can be used' };
  }
  const { type, status, reason, message } = broken;
  return { type: 'Ready', status, reason: type === 'DomainVerified' ? 'DomainNotVerified' : reason, message };
}

/** Conditions to write, in order. `changed`: those whose status or reason is another than before. */
export function mergeConditions(
  before: readonly Condition[],
  judged: readonly Judged[],
  at: { readonly generation: number; readonly now: number },
): { readonly conditions: readonly Condition[]; readonly changed: readonly Judged[] } {
  const known = new Map(before.map((condition) => [condition.type, condition]));
  const now = timeText(at.now);
  const conditions = judged.map(({ type, status, reason, message }) => {
    const old = known.get(type);
    const lastTransitionTime = old?.status === status ? old.lastTransitionTime : now;
    return { type, status, reason, message, observedGeneration: at.generation, lastTransitionTime };
  });
  const changed = judged.filter(({ type, status, reason }) => {
    const old = known.get(type);
    return old?.status !== status || old.reason !== reason;
  });
  return { conditions, changed };
}

/** RFC 3339 with whole seconds. */
export const timeText = (milliseconds: number): string => `${new Date(milliseconds).toISOString().slice(0, 19)}Z`;
