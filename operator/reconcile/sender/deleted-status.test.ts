import { expect, test } from 'vitest';
import { decideDeletedStatus } from './deleted-status.ts';
import { NOW, senderObject } from './facts.fixture.ts';

const condition = (type: string, status: 'True' | 'False', reason: string) => ({
  ...{ type, status, reason, message: 'm', observedGeneration: 2 },
  lastTransitionTime: '2026-01-01T00:00:00Z',
});
const object = senderObject(
  {},
  {
    status: {
      ...{ observedGeneration: 2, revision: 4, nextVisitTime: '2026-04-01T00:00:00Z' },
      conditions: [
        condition('Published', 'True', 'Published'),
        condition('Ready', 'True', 'Ready'),
        condition('Stalled', 'True', 'InvalidSpec'),
      ],
    },
  },
);

test.each([
  [false, 'Draining'],
  [true, 'StoreUnavailable'],
])('a deleted Sender is not ready; the store is down: %s', (isStoreDown, reason) => {
  const { status, events } = decideDeletedStatus(object, { isStoreDown, now: NOW });
  expect(status).toEqual({
    observedGeneration: 2,
    revision: 4,
    conditions: [
      condition('Published', 'True', 'Published'),
      expect.objectContaining({ type: 'Ready', status: 'False', reason, observedGeneration: 3 }),
    ],
  });
  expect(events).toMatchObject([{ type: 'Warning', reason }]);
});
