import { describe, expect, test } from 'vitest';
import type { SenderStatus } from '../api/v1alpha1/status.ts';
import { decidePausedStatus, isPaused } from './pause.ts';

const paused = { annotations: { 'packetboat.dev/paused': 'true' } };
const NOW = Date.parse('2026-01-02T00:00:00Z');
const accepted = {
  type: 'Accepted',
  status: 'True',
  reason: 'Accepted',
  message: 'm',
  observedGeneration: 1,
  lastTransitionTime: '2026-01-01T00:00:00Z',
} as const;
const ready = { ...accepted, type: 'Ready', reason: 'Ready' } as const;
const status: SenderStatus = {
  observedGeneration: 1,
  revision: 2,
  lastHandledRequest: '6',
  conditions: [accepted, ready],
};
const object = (generation: number, before: SenderStatus = status) => ({
  metadata: {
    name: 'a',
    generation,
    annotations: { ...paused.annotations, 'packetboat.dev/requested-at': '7' },
  },
  status: before,
});
const stamp = (generation: number) => ({
  observedGeneration: generation,
  lastTransitionTime: '2026-01-02T00:00:00Z',
});
const isPausedCondition = (generation: number) => ({
  ...stamp(generation),
  type: 'ReconciliationPaused',
  status: 'True',
  reason: 'Paused',
  message: 'the annotation packetboat.dev/paused is set',
});
const unknown = (generation: number) => ({
  ...stamp(generation),
  type: 'Ready',
  status: 'Unknown',
  reason: 'Paused',
  message: `generation ${generation} has not been reconciled: the annotation packetboat.dev/paused is set`,
});

test.each([
  [paused, true],
  [{ annotations: { 'packetboat.dev/paused': 'yes' } }, false],
  [{}, false],
])('%o is paused: %s', (metadata, expected) => {
  expect(isPaused({ metadata: { name: 'a', ...metadata } })).toBe(expected);
});

describe('the status of a paused object', () => {
  test.each([
    [
      'whose generation was reconciled keeps everything, also the last handled request',
      object(1),
      { ...status, conditions: [accepted, ready, isPausedCondition(1)] },
    ],
    [
      'that was edited keeps the other conditions with their generation, and Ready is Unknown',
      object(2),
      { ...status, conditions: [accepted, unknown(2), isPausedCondition(2)] },
    ],
    [
      'that was created paused has observed no generation',
      object(1, { observedGeneration: -1 }),
      { observedGeneration: -1, conditions: [unknown(1), isPausedCondition(1)] },
    ],
    ['that has no status yet', object(1, {}), { conditions: [unknown(1), isPausedCondition(1)] }],
    [
      'plans no visit',
      object(1, { ...status, nextVisitTime: '2026-01-01T06:00:00Z' }),
      { ...status, conditions: [accepted, ready, isPausedCondition(1)] },
    ],
    [
      'does not own the figures',
      object(1, { ...status, figures: { sent: 1, deferred: 0, bounced: 0 } }),
      { ...status, conditions: [accepted, ready, isPausedCondition(1)] },
    ],
  ])('%s', (_, before, expected) => {
    expect(decidePausedStatus(before, NOW).status).toEqual(expected);
  });

  test.each([1, 2])('of generation %i causes one Event, and a second visit changes nothing', (generation) => {
    const { status: next, events } = decidePausedStatus(object(generation), NOW);
    expect(events.map(({ type, reason }) => `${type} ${reason}`)).toEqual(['Normal Paused']);
    expect(decidePausedStatus(object(generation, next ?? {}), NOW + 9_000)).toEqual({
      status: null,
      events: [],
    });
  });
});
