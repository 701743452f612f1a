// The decision of a visit, for objects of any kind, and its conclusion after the write to the
// catalog. Pure: handlers gather facts, call the kind's own `decide`, publish, conclude, and apply
// the status.

import { operatorLimits } from '../../services/core/limits/operator.ts';
import type { CatalogEntry } from '../../services/ports/catalog-writer.ts';
import type { SenderStatus } from '../api/v1alpha1/status.ts';
import { type NewCondition, pending, type ReadyRules, readyCondition, timeText } from './conditions.ts';
import {
  decideStatus,
  type ObjectWithStatus,
  type StatusChange,
  type StatusFields,
} from './decide-status.ts';
import type { CatalogPublishResult } from './publish.ts';

export interface Decision {
  /** The entry to write to the catalog; null: the revision published last stays. */
  readonly entry: CatalogEntry | null;
  /** In the order of the status; `concludeVisit` adds Published and Ready. */
  readonly conditions: readonly NewCondition[];
  /** Replaces Accepted when another source owns the entry. */
  readonly foreign: NewCondition;
  readonly fields: StatusFields;
  readonly ready: ReadyRules;
  /** Milliseconds until the next visit; null: when something changes. */
  readonly nextVisitMs: number | null;
}

export interface Conclusion extends StatusChange {
  readonly nextVisitMs: number | null;
}

/** `result` is null exactly when the decision has no entry. */
export function concludeVisit(
  object: ObjectWithStatus,
  decision: Decision,
  result: CatalogPublishResult | null,
  now: number,
): Conclusion {
  const before = result?.kind === 'foreign' ? whenForeign(decision) : decision.conditions;
  const conditions = [...before, publishedCondition(result)];
  const fields = { ...catalogFields(object.status, decision.entry, result, now), ...decision.fields };
  return {
    ...decideStatus(object, [...conditions, readyCondition(conditions, decision.ready)], fields, now),
    nextVisitMs: result?.kind === 'unavailable' ? operatorLimits.reconcileStoreRetryMs : decision.nextVisitMs,
  };
}

function whenForeign({ conditions, foreign }: Decision): readonly NewCondition[] {
  return conditions.map((condition) => {
    if (condition.type === 'Accepted') return foreign;
    return condition.type === 'DomainVerified' ? condition : pending(condition.type);
  });
}

function publishedCondition(result: CatalogPublishResult | null): NewCondition {
  switch (result?.kind) {
    case undefined:
      return pending('Published');
    case 'published':
      return {
        type: 'Published',
        status: 'True',
        reason: 'Published',
        message: `revision ${result.revision} is in the catalog`,
      };
    case 'foreign':
      return {
        ...pending('Published'),
        message: 'another source owns the catalog entry of this name; the operator does not change it',
      };
    case 'unavailable':
      return {
        type: 'Published',
        status: 'False',
        reason: 'StoreUnavailable',
        message: 'the catalog cannot be written; the last published revision stays in use',
      };
  }
}

type CatalogFields = Pick<SenderStatus, 'revision' | 'configHash' | 'publishedTime'>;

/**
 * While an object has faults or the store is unreachable, the status keeps naming the revision that
 * was published last.
 */
function catalogFields(
  { revision, configHash, publishedTime }: CatalogFields = {},
  entry: CatalogEntry | null,
  result: CatalogPublishResult | null,
  now: number,
): CatalogFields {
  if (entry === null || result?.kind !== 'published')
    return {
      ...(revision === undefined ? {} : { revision }),
      ...(configHash === undefined ? {} : { configHash }),
      ...(publishedTime === undefined ? {} : { publishedTime }),
    };
  return {
    revision: result.revision,
    configHash: entry.kind === 'sender' ? entry.sender.hash : entry.template.hash,
    publishedTime: result.isNew || publishedTime === undefined ? timeText(now) : publishedTime,
  };
}
