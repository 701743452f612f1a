import { expect, test } from 'vitest';
import { decidePausedStatus, isPaused } from './pause.ts';

const paused = { annotations: { 'packetboat.dev/paused': 'true' } };
const ready = {
  type: 'Ready',
  status: 'False',
  reason: 'InvalidSpec',
  message: 'm',
  observedGeneration: 1,
  lastTransitionTime: '2026-01-01T00:00:00Z',
} as const;
const status = { observedGeneration: 1, revision: 2, conditions: [ready] };
const object = { metadata: { name: 'a', generation: 2, ...paused }, status };

test.each([
  [paused, true],
  [{ annotations: { 'packetboat.dev/paused': 'yes' } }, false],
  [{}, false],
  [{ ...paused, deletionTimestamp: 'now' }, false],
])('%o is paused: %s', (metadata, expected) => {
  expect(isPaused({ metadata: { name: 'a', ...metadata } })).toBe(expected);
});

test('a paused object keeps its conditions and its revision, and an Event says that it is paused', () => {
  const { status: next, events } = decidePausedStatus(object, 0);
  expect(next).toMatchObject({
    revision: 2,
    conditions: [
      { type: 'Ready', status: 'False', reason: 'InvalidSpec', lastTransitionTime: '2026-01-01T00:00:00Z' },
      { type: 'ReconciliationPaused', status: 'True', reason: 'Paused' },
    ],
  });
  expect(events.map(({ type, reason }) => `${type} ${reason}`)).toEqual(['Normal Paused']);
  expect(decidePausedStatus({ ...object, status: next ?? {} }, 9_000)).toEqual({ status: null, events: [] });
});
