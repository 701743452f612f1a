// The conditions of an object's status. A condition's reason is API (docs/operator.md).

import type { FaultReason, ObjectFault } from '../../services/core/documents/fault.ts';
import { showPath } from '../../services/core/documents/fault.ts';
import { Failure } from '../../services/core/failure.ts';
import { operatorLimits } from '../../services/core/limits/operator.ts';
import type { Condition } from '../api/v1alpha1/status.ts';

export type ConditionType =
  | 'Accepted'
  | 'ReferencesResolved'
  | 'Compiled'
  | 'DomainVerified'
  | 'Published'
  | 'Ready'
  | 'Stalled'
  | 'ReconciliationPaused';
type ConditionStatus = Condition['status'];

/** A condition before `stampConditions` adds its generation and time. */
export interface NewCondition {
  readonly type: ConditionType;
  readonly status: ConditionStatus;
  readonly reason: string;
  readonly message: string;
}

const conditionTypeOf: Record<FaultReason, 'Accepted' | 'ReferencesResolved' | 'Compiled'> = {
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

const whenTrue = {
  Accepted: { reason: 'Accepted', message: 'the spec is valid' },
  ReferencesResolved: { reason: 'Resolved', message: 'all references are resolved' },
  Compiled: { reason: 'Compiled', message: 'each locale of each environment renders with the sample data' },
} as const;

type FaultCondition = keyof typeof whenTrue;

/**
 * The condition that follows from an object's faults. `isReached` is false when an earlier
 * condition does not hold.
 */
export function conditionFromFaults(
  type: FaultCondition,
  faults: readonly ObjectFault[],
  isReached: boolean,
): NewCondition {
  const own = faults.filter(({ reason }) => conditionTypeOf[reason] === type);
  const [first] = own;
  if (first !== undefined) return { type, status: 'False', reason: first.reason, message: messageOf(own) };
  return isReached ? { type, status: 'True', ...whenTrue[type] } : pending(type);
}

/**
 * Conditions in a given order. After the first that does not hold, the others are pending unless
 * they have faults of their own.
 */
export function conditionsFromFaults(
  types: readonly FaultCondition[],
  faults: readonly ObjectFault[],
): readonly NewCondition[] {
  let isReached = true;
  return types.map((type) => {
    const condition = conditionFromFaults(type, faults, isReached);
    isReached &&= condition.status === 'True';
    return condition;
  });
}

export const pending = (type: ConditionType): NewCondition => ({
  type,
  status: 'Unknown',
  reason: 'Pending',
  message: 'waiting for an earlier condition',
});

/** The API server forbids the operator to read what an object refers to. */
export const unreadableReferences = (kind: 'Secrets' | 'ConfigMaps'): NewCondition => ({
  type: 'ReferencesResolved',
  status: 'Unknown',
  reason: 'ApiUnavailable',
  message: `the operator is not allowed to read ${kind} in this namespace`,
});

/** Null when the API server forbids the read; any other error is thrown, and the visit retried. */
export function nullIfForbidden(error: unknown): null {
  if (error instanceof Failure && error.kind === 'forbidden') return null;
  throw error;
}

/** The first faults, each with its path. */
function messageOf(faults: readonly ObjectFault[]): string {
  const lines = faults
    .slice(0, operatorLimits.faultsInMessageMax)
    .map(({ path, message }) => (path.length === 0 ? message : `${showPath(path)}: ${message}`));
  const more = faults.length - lines.length;
  return `${lines.join('; ')}${more > 0 ? `; and ${more} more` : ''}`;
}

/** The inputs of Ready besides the other conditions. */
export interface ReadyRules {
  readonly isSuspended: boolean;
  /** False: DomainVerified does not count. */
  readonly isEnforced: boolean;
}

/** The first condition that does not hold decides; False takes precedence over Unknown. */
export function readyCondition(
  conditions: readonly NewCondition[],
  { isSuspended, isEnforced }: ReadyRules,
): NewCondition {
  const counted = conditions.filter(({ type }) => type !== 'DomainVerified' || isEnforced);
  const broken =
    counted.find(({ status }) => status === 'False') ?? counted.find(({ status }) => status !== 'True');
  if (broken === undefined) {
    return isSuspended
      ? {
          type: 'Ready',
          status: 'True',
          reason: 'Suspended',
          message: 'mail is accepted and held until spec.suspend is false',
        }
      : { type: 'Ready', status: 'True', reason: 'Ready', message: 'ready to use' };
  }
  const { type, status, reason, message } = broken;
  return { type: 'Ready', status, reason: type === 'DomainVerified' ? 'DomainNotVerified' : reason, message };
}

/**
 * Reasons that no wait ends: somebody has to edit this object, or another object in its way. The
 * other reasons may end by themselves, for example when a Secret is created.
 */
const STALLING: ReadonlySet<string> = new Set<FaultReason>([
  'InvalidSpec',
  'DomainConflict',
  'IdentifierConflict',
  'LayoutCycle',
  'SyntaxError',
  'RenderFailed',
  'SchemaMismatch',
  'TooLarge',
]);

/** Present only while an object is stalled. The first condition with such a reason decides. */
export function stalledCondition(conditions: readonly NewCondition[]): readonly NewCondition[] {
  const cause = conditions.find(({ status, reason }) => status === 'False' && STALLING.has(reason));
  return cause === undefined ? [] : [{ ...cause, type: 'Stalled', status: 'True' }];
}

/**
 * The conditions to write, in order; a time changes only when the status does. `changed`: the
 * conditions whose status or reason is new.
 */
export function stampConditions(
  before: readonly Condition[],
  conditions: readonly NewCondition[],
  at: { readonly generation: number; readonly now: number },
): { readonly conditions: readonly Condition[]; readonly changed: readonly NewCondition[] } {
  const known = new Map(before.map((condition) => [condition.type, condition]));
  const now = timeText(at.now);
  const stamped = conditions.map(({ type, status, reason, message }) => {
    const old = known.get(type);
    const lastTransitionTime = old?.status === status ? old.lastTransitionTime : now;
    return { type, status, reason, message, observedGeneration: at.generation, lastTransitionTime };
  });
  const changed = conditions.filter(({ type, status, reason }) => {
    const old = known.get(type);
    return old?.status !== status || old.reason !== reason;
  });
  return { conditions: stamped, changed };
}

/** RFC 3339 with whole seconds. */
export const timeText = (milliseconds: number): string =>
  `${new Date(milliseconds).toISOString().slice(0, 19)}Z`;
