import { expect, test } from 'vitest';
import type { FaultReason, ObjectFault } from '../../services/core/documents/fault.ts';
import {
  conditionFromFaults,
  type NewCondition,
  readyCondition,
  stalledCondition,
  stampConditions,
} from './conditions.ts';

const fault = (reason: FaultReason, message = 'is wrong'): ObjectFault => ({
  reason,
  path: ['spec', 'routes', 0],
  message,
});
const condition = (
  type: NewCondition['type'],
  status: NewCondition['status'],
  reason = 'Because',
): NewCondition => ({
  type,
  status,
  reason,
  message: '',
});

test.each([
  ['Accepted', [fault('InvalidSpec')], true, 'False', 'InvalidSpec'],
  ['Accepted', [fault('DomainConflict')], true, 'False', 'DomainConflict'],
  ['Accepted', [fault('IdentifierConflict')], true, 'False', 'IdentifierConflict'],
  ['Accepted', [fault('NamespaceNotAllowed')], true, 'False', 'NamespaceNotAllowed'],
  ['Accepted', [fault('SecretNotFound')], true, 'True', 'Accepted'],
  ['ReferencesResolved', [fault('SecretNotFound')], true, 'False', 'SecretNotFound'],
  ['ReferencesResolved', [fault('InvalidSpec')], false, 'Unknown', 'Pending'],
  ['ReferencesResolved', [], true, 'True', 'Resolved'],
  ['Compiled', [fault('SyntaxError')], true, 'False', 'SyntaxError'],
  ['Compiled', [], true, 'True', 'Compiled'],
] as const)('%s with %o', (type, faults, isReached, status, reason) => {
  expect(conditionFromFaults(type, faults, isReached)).toMatchObject({ type, status, reason });
});

test('a message names the first five faults with their paths', () => {
  const faults = Array.from({ length: 7 }, (_, i) => fault('InvalidSpec', `is wrong ${i}`));
  const { message } = conditionFromFaults('Accepted', faults, true);
  expect(message).toMatch(/^spec\.routes\[0\]: is wrong 0; .*is wrong 4; and 2 more$/);
});

const whole = [
  condition('Accepted', 'True'),
  condition('DomainVerified', 'True'),
  condition('Published', 'True'),
];
const not = (type: NewCondition['type'], status: NewCondition['status'], reason: string) =>
  whole.map((known) => (known.type === type ? condition(type, status, reason) : known));

test.each([
  [whole, false, true, 'True', 'Ready'],
  [whole, true, true, 'True', 'Suspended'],
  [not('Accepted', 'False', 'InvalidSpec'), true, true, 'False', 'InvalidSpec'],
  [not('DomainVerified', 'False', 'RecordsMissing'), false, true, 'False', 'DomainNotVerified'],
  [not('DomainVerified', 'False', 'RecordsMissing'), false, false, 'True', 'Ready'],
  [not('Published', 'Unknown', 'Pending'), false, true, 'Unknown', 'Pending'],
  [
    [condition('Accepted', 'Unknown', 'Pending'), condition('Published', 'False', 'StoreUnavailable')],
    false,
    true,
    'False',
    'StoreUnavailable',
  ],
] as const)('%#: Ready summarizes the others', (all, isSuspended, isEnforced, status, reason) => {
  expect(readyCondition(all, { isSuspended, isEnforced })).toMatchObject({ type: 'Ready', status, reason });
});

test.each([
  ['InvalidSpec', true],
  ['DomainConflict', true],
  ['IdentifierConflict', true],
  ['LayoutCycle', true],
  ['SyntaxError', true],
  ['RenderFailed', true],
  ['SchemaMismatch', true],
  ['TooLarge', true],
  ['NamespaceNotAllowed', false],
  ['SecretNotFound', false],
  ['SecretKeyMissing', false],
  ['InvalidKey', false],
  ['ConfigMapNotFound', false],
  ['SenderNotFound', false],
  ['LayoutNotFound', false],
  ['RecordsMissing', false],
  ['StoreUnavailable', false],
])('an object with %s is stalled: %s', (reason, isStalled) => {
  const cause = { ...condition('Accepted', 'False', reason), message: 'm' };
  expect(stalledCondition([condition('Published', 'True'), cause])).toEqual(
    isStalled ? [{ type: 'Stalled', status: 'True', reason, message: 'm' }] : [],
  );
});

test('a time changes only with the status; a new reason counts as a change', () => {
  const first = stampConditions([], [condition('Ready', 'False', 'A')], { generation: 1, now: 0 });
  expect(first.conditions[0]).toMatchObject({
    lastTransitionTime: '1970-01-01T00:00:00Z',
    observedGeneration: 1,
  });
  expect(first.changed).toHaveLength(1);
  const second = stampConditions(first.conditions, [condition('Ready', 'False', 'B')], {
    generation: 2,
    now: 5_000,
  });
  expect(second.conditions[0]).toMatchObject({
    reason: 'B',
    lastTransitionTime: '1970-01-01T00:00:00Z',
    observedGeneration: 2,
  });
  expect(second.changed).toHaveLength(1);
  const third = stampConditions(second.conditions, [condition('Ready', 'True', 'B')], {
    generation: 2,
    now: 9_000,
  });
  expect(third.conditions[0]).toMatchObject({ lastTransitionTime: '1970-01-01T00:00:09Z' });
  expect(
    stampConditions(third.conditions, [condition('Ready', 'True', 'B')], { generation: 3, now: 20_000 })
      .changed,
  ).toEqual([]);
});
