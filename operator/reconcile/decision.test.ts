import { describe, expect, test } from 'vitest';
import { operatorLimits } from '../../services/core/limits/operator.ts';
import type { Condition, SenderStatus } from '../api/v1alpha1/status.ts';
import { type NewCondition, timeText } from './conditions.ts';
import { type Conclusion, concludeVisit, type Decision, nextVisit } from './decision.ts';
import type { CatalogPublishResult } from './publish.ts';
import { decideSender } from './sender/decide.ts';
import { NOW, senderFacts, senderObject } from './sender/facts.fixture.ts';

const object = (status?: SenderStatus, annotations: Readonly<Record<string, string>> = {}) => {
  const { metadata, ...rest } = senderObject();
  return { ...rest, metadata: { ...metadata, annotations }, ...(status === undefined ? {} : { status }) };
};
const good = decideSender(senderFacts());
const faulty = decideSender(senderFacts(senderObject({ domain: 7 })));
const unreadable = decideSender(senderFacts(senderObject(), { secrets: null }));
const conclude = (
  decision: Decision,
  result: CatalogPublishResult | null,
  status?: SenderStatus,
): Conclusion => concludeVisit(object(status), decision, result, NOW);
const statusOf = ({ status }: Conclusion): SenderStatus => status ?? {};
const shown = (conclusion: Conclusion): readonly string[] =>
  (statusOf(conclusion).conditions ?? []).map(({ type, status, reason }) => `${type} ${status} ${reason}`);
const messageOf = (conclusion: Conclusion, wanted: string): string | undefined =>
  statusOf(conclusion).conditions?.find(({ type }) => type === wanted)?.message;
const published = (revision: number, isNew = true): CatalogPublishResult => ({
  kind: 'published',
  revision,
  isNew,
});
const before = { revision: 4, configHash: 'old', publishedTime: '2026-02-01T00:00:00Z' };
const now = '2026-03-01T12:00:00Z';

describe('the result of the write to the catalog', () => {
  test.each([
    [
      'it took the entry',
      published(5),
      [
        'Accepted True Accepted',
        'ReferencesResolved True Resolved',
        'DomainVerified True Verified',
        'Published True Published',
        'Ready True Ready',
      ],
      { revision: 5, publishedTime: now },
      good.nextVisitMs,
    ],
    [
      'it had the entry',
      published(4, false),
      [
        'Accepted True Accepted',
        'ReferencesResolved True Resolved',
        'DomainVerified True Verified',
        'Published True Published',
        'Ready True Ready',
      ],
      { revision: 4, publishedTime: before.publishedTime },
      good.nextVisitMs,
    ],
    [
      'another source owns the entry',
      { kind: 'foreign' },
      [
        'Accepted False DomainConflict',
        'ReferencesResolved Unknown Pending',
        'DomainVerified True Verified',
        'Published Unknown Pending',
        'Ready False DomainConflict',
        'Stalled True DomainConflict',
      ],
      before,
      good.nextVisitMs,
    ],
    [
      'a former Sender of the name has another domain and drains',
      { kind: 'draining' },
      [
        'Accepted False Draining',
        'ReferencesResolved Unknown Pending',
        'DomainVerified True Verified',
        'Published Unknown Pending',
        'Ready False Draining',
      ],
      before,
      operatorLimits.drainingRetryMs,
    ],
    [
      'it could not be written',
      { kind: 'unavailable', retryMs: operatorLimits.reconcileStoreRetryMs },
      [
        'Accepted True Accepted',
        'ReferencesResolved True Resolved',
        'DomainVerified True Verified',
        'Published False StoreUnavailable',
        'Ready False StoreUnavailable',
      ],
      before,
      operatorLimits.reconcileStoreRetryMs,
    ],
  ] as const)('%s', (_, result, conditions, fields, nextVisitMs) => {
    const conclusion = conclude(good, result, before);
    expect(shown(conclusion)).toEqual(conditions);
    expect(statusOf(conclusion)).toMatchObject(fields);
    expect(conclusion.nextVisitMs).toBe(nextVisitMs);
  });

  test('while the store is known to be down, no retry is planned and the live revision is named', () => {
    const conclusion = conclude(good, { kind: 'unavailable', retryMs: null }, before);
    expect(conclusion.nextVisitMs).toBeNull();
    expect(messageOf(conclusion, 'Published')).toBe('the catalog cannot be written; revision 4 stays in use');
    expect(messageOf(conclude(good, { kind: 'unavailable', retryMs: null }), 'Published')).toBe(
      'the catalog cannot be written; no revision has been published yet',
    );
  });

  test('of an object without an entry the status keeps what was published last', () => {
    const conclusion = conclude(faulty, null, before);
    expect(statusOf(conclusion)).toMatchObject(before);
    expect(shown(conclusion)).toEqual([
      ...[
        'Accepted False InvalidSpec',
        'ReferencesResolved Unknown Pending',
        'DomainVerified Unknown Pending',
      ],
      ...['Published False EarlierRevision', 'Ready False InvalidSpec', 'Stalled True InvalidSpec'],
    ]);
    expect(messageOf(conclusion, 'Published')).toBe(
      'revision 4 stays in use; generation 3 cannot be published: InvalidSpec',
    );
  });

  test.each([
    ['an object that was never published', faulty, undefined, 'Unknown Pending'],
    ['an object that waits for a permission', unreadable, before, 'Unknown Pending'],
    ['a renamed object, whose entry is removed', { ...faulty, isRenamed: true }, before, 'Unknown Pending'],
  ])('of %s no earlier revision is claimed to be the reason', (_, decision, status, published) => {
    expect(shown(conclude(decision, null, status))).toContain(`Published ${published}`);
  });

  test('an object that waits for a permission names the revision in use', () => {
    expect(messageOf(conclude(unreadable, null, before), 'Published')).toBe(
      'revision 4 stays in use; generation 3 waits for an earlier condition',
    );
  });

  test('a renamed object has no revision until it is published', () => {
    const conclusion = conclude({ ...faulty, isRenamed: true }, null, before);
    expect(statusOf(conclusion)).not.toHaveProperty('revision');
    expect(statusOf(conclusion)).not.toHaveProperty('publishedTime');
  });

  test('an entry that already existed without a known time counts as published now', () => {
    expect(statusOf(conclude(good, published(4, false)))).toMatchObject({ publishedTime: now });
  });
});

describe('the next visit', () => {
  const HOUR = 3_600_000;
  const at = (ms: number): string => timeText(NOW + ms);

  test.each([
    ['is not planned', undefined, null, { ms: null, time: null }],
    ['is not planned any more', at(HOUR), null, { ms: null, time: null }],
    ['is too soon to be shown', at(HOUR), 5_000, { ms: 5_000, time: null }],
    ['is shown for the first time', undefined, HOUR, { ms: HOUR, time: at(HOUR) }],
    ['is rounded up to a second', undefined, HOUR - 1, { ms: HOUR, time: at(HOUR) }],
    ['stays when another cause brought this visit', at(60_000), HOUR, { ms: 60_000, time: at(60_000) }],
    ['is new at the time that was shown', at(0), HOUR, { ms: HOUR, time: at(HOUR) }],
    ['is new when it has to be earlier', at(2 * HOUR), HOUR, { ms: HOUR, time: at(HOUR) }],
    ['is new when the time shown cannot be read', 'soon', HOUR, { ms: HOUR, time: at(HOUR) }],
  ])('%s', (_, shownTime, afterMs, expected) => {
    expect(nextVisit(shownTime, afterMs, NOW)).toEqual(expected);
  });

  test('is in the status, and a visit before that time does not change the status', () => {
    const first = conclude(good, published(1));
    expect(statusOf(first).nextVisitTime).toBe(at(good.nextVisitMs ?? 0));
    const object = senderObject({}, { status: statusOf(first) });
    const second = concludeVisit(object, good, published(1, false), NOW + 60_000);
    expect(second).toMatchObject({ status: null, nextVisitMs: (good.nextVisitMs ?? 0) - 60_000 });
  });
});

describe('the status', () => {
  const first = statusOf(conclude(good, published(1)));

  test('is not written again when nothing changed, whatever the figures', () => {
    const figures = { sent: 1, deferred: 0, bounced: 0 };
    expect(conclude(good, published(1, false), { ...first, figures }).status).toBeNull();
    expect(conclude(good, published(2), first).status).not.toBeNull();
  });

  test('names the generation and the last request', () => {
    const { status } = concludeVisit(
      object(undefined, { 'packetboat.dev/requested-at': '7' }),
      good,
      published(1),
      NOW,
    );
    expect(status).toMatchObject({ observedGeneration: 3, lastHandledRequest: '7' });
  });

  test('changes when only the last request does', () => {
    const { status } = concludeVisit(
      object(first, { 'packetboat.dev/requested-at': '7' }),
      good,
      published(1, false),
      NOW,
    );
    expect(status).toMatchObject({ lastHandledRequest: '7' });
  });
});

describe('Events', () => {
  const notes = ({ events }: Conclusion): readonly string[] =>
    events.map(({ type, reason }) => `${type} ${reason}`);
  const conditionsBefore = (
    conditions: readonly Pick<NewCondition, 'type' | 'status' | 'reason'>[],
  ): SenderStatus => ({
    conditions: conditions.map(
      (condition): Condition => ({ ...condition, message: '', lastTransitionTime: now }),
    ),
  });

  test.each([
    ['a first good visit is Ready, and nothing else', good, published(1), undefined, ['Normal Ready']],
    ['a first visit with faults', faulty, null, undefined, ['Warning InvalidSpec']],
    [
      'a store that is unavailable',
      good,
      { kind: 'unavailable', retryMs: operatorLimits.reconcileStoreRetryMs },
      undefined,
      ['Warning StoreUnavailable'],
    ],
    [
      'what becomes true again',
      good,
      published(1),
      conditionsBefore([
        { type: 'Accepted', status: 'True', reason: 'Accepted' },
        { type: 'Published', status: 'False', reason: 'StoreUnavailable' },
        { type: 'Ready', status: 'False', reason: 'StoreUnavailable' },
      ]),
      ['Normal Published', 'Normal Ready'],
    ],
    ['nothing new', good, published(1, false), statusOf(conclude(good, published(1))), []],
  ] as const)('%s', (_, decision, result, status, expected) => {
    expect(notes(conclude(decision, result, status))).toEqual(expected);
  });
});
