// The decision of a visit, for objects of any kind, and its conclusion after the write to the
// catalog. Pure: handlers gather facts, call the kind's own `decide`, publish, conclude, and apply
// the status.

import { operatorLimits } from '../../services/core/limits/operator.ts';
import type { CatalogEntry } from '../../services/ports/catalog-writer.ts';
import type { SenderStatus } from '../api/v1alpha1/status.ts';
import {
  type NewCondition,
  pending,
  type ReadyRules,
  readyCondition,
  stalledCondition,
  timeText,
} from './conditions.ts';
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
  /**
   * The object has a new key in the catalog, so the sweep removes the entry that was published last.
   */
  readonly isRenamed: boolean;
  /** Milliseconds until the next visit; null: when something changes. */
  readonly nextVisitMs: number | null;
}

export interface Conclusion extends StatusChange {
  /** Milliseconds until the next visit; null: when something changes. */
  readonly nextVisitMs: number | null;
}

/** `result` is null exactly when the decision has no entry. */
export function concludeVisit(
  object: ObjectWithStatus,
  decision: Decision,
  result: CatalogPublishResult | null,
  now: number,
): Conclusion {
  const refused =
    result?.kind === 'foreign' ? decision.foreign : result?.kind === 'draining' ? nameDrains : null;
  const decided = refused === null ? decision.conditions : whenRefused(decision, refused);
  const published = decision.isRenamed ? undefined : object.status;
  const generation = object.metadata.generation ?? 0;
  const conditions = [...decided, publishedCondition({ result, decided, generation, published })];
  const all = [...conditions, readyCondition(conditions, decision.ready), ...stalledCondition(conditions)];
  const next = nextVisit(object.status?.nextVisitTime, waitMs(decision, result), now);
  const fields = {
    ...catalogFields(published, decision.entry, result, now),
    ...decision.fields,
    ...(next.time === null ? {} : { nextVisitTime: next.time }),
  };
  return { ...decideStatus(object, all, fields, now), nextVisitMs: next.ms };
}

function waitMs({ nextVisitMs }: Decision, result: CatalogPublishResult | null): number | null {
  if (result?.kind === 'unavailable') return result.retryMs;
  return result?.kind === 'draining' ? operatorLimits.drainingRetryMs : nextVisitMs;
}

/**
 * The next visit, in milliseconds and as the status shows it. A time that the status shows already
 * stays if it is early enough: visits have many causes, and each new time would be a write.
 */
export function nextVisit(
  shown: string | undefined,
  afterMs: number | null,
  now: number,
): { readonly ms: number | null; readonly time: string | null } {
  if (afterMs === null || afterMs < operatorLimits.visitShownFromMs) return { ms: afterMs, time: null };
  const before = shown === undefined ? Number.NaN : Date.parse(shown);
  const at = before > now && before <= now + afterMs ? before : Math.ceil((now + afterMs) / 1_000) * 1_000;
  return { ms: at - now, time: timeText(at) };
}

/** The catalog refuses the entry: Accepted becomes `accepted`. */
function whenRefused({ conditions }: Decision, accepted: NewCondition): readonly NewCondition[] {
  return conditions.map((condition) => {
    if (condition.type === 'Accepted') return accepted;
    return condition.type === 'DomainVerified' ? condition : pending(condition.type);
  });
}

const nameDrains: NewCondition = {
  type: 'Accepted',
  status: 'False',
  reason: 'Draining',
  message: 'a deleted Sender of this name has another domain, and its accepted mail is still being delivered',
};

interface Publication {
  readonly result: CatalogPublishResult | null;
  readonly decided: readonly NewCondition[];
  readonly generation: number;
  /** What was published last, if it is still in the catalog. */
  readonly published: CatalogFields | undefined;
}

function publishedCondition({ result, decided, generation, published }: Publication): NewCondition {
  const live = published?.revision === undefined ? null : `revision ${published.revision} stays in use`;
  switch (result?.kind) {
    case undefined:
      return live === null ? pending('Published') : outdated(live, decided, generation);
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
    case 'draining':
      return pending('Published');
    case 'unavailable':
      return {
        type: 'Published',
        status: 'False',
        reason: 'StoreUnavailable',
        message: `the catalog cannot be written; ${live ?? 'no revision has been published yet'}`,
      };
  }
}

/** An earlier revision is in use, and the current configuration is not in the catalog. */
function outdated(live: string, decided: readonly NewCondition[], generation: number): NewCondition {
  const fault = decided.find(({ type, status }) => type !== 'DomainVerified' && status === 'False');
  return fault === undefined
    ? { ...pending('Published'), message: `${live}; generation ${generation} waits for an earlier condition` }
    : {
        type: 'Published',
        status: 'False',
        reason: 'EarlierRevision',
        message: `${live}; generation ${generation} cannot be published: ${fault.reason}`,
      };
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
