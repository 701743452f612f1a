import { expect, test } from 'vitest';
import type { Tier } from '../message.ts';
import type { Lane } from './lane.ts';
import { LaneTurns } from './lane-turns.ts';

const tierOf: Readonly<Record<string, Tier>> = { h: 'high', n: 'normal', b: 'bulk' };

/** `nAx1` is in the lane of the tier `normal`, tenant A and sender x. */
const laneOfItem = (item: string): Lane => ({
  tier: tierOf[item.charAt(0)] ?? 'normal',
  tenant: item.charAt(1),
  sender: item.charAt(2),
});

function filled(pushed: readonly string[]): LaneTurns<string> {
  const turns = new LaneTurns<string>();
  for (const item of pushed) turns.push(laneOfItem(item), item);
  return turns;
}

const drained = (turns: LaneTurns<string>): string[] =>
  Array.from({ length: turns.size }, () => turns.shift() ?? '');

test.each([
  { title: 'a lane alone', pushed: ['nAx1', 'nAx2', 'nAx3'], turns: ['nAx1', 'nAx2', 'nAx3'] },
  {
    title: 'tenants of a tier',
    pushed: ['nAx1', 'nAx2', 'nAx3', 'nAx4', 'nBx1', 'nCx1', 'nBx2'],
    turns: ['nAx1', 'nBx1', 'nCx1', 'nAx2', 'nBx2', 'nAx3', 'nAx4'],
  },
  {
    title: 'senders of a tenant',
    pushed: ['nAx1', 'nAx2', 'nAx3', 'nAy1', 'nAz1', 'nAy2'],
    turns: ['nAx1', 'nAy1', 'nAz1', 'nAx2', 'nAy2', 'nAx3'],
  },
  {
    title: 'two tenants, one of which has three senders',
    pushed: ['nAx1', 'nAx2', 'nAy1', 'nAz1', 'nBx1', 'nBx2', 'nBx3'],
    turns: ['nAx1', 'nBx1', 'nAy1', 'nBx2', 'nAz1', 'nBx3', 'nAx2'],
  },
  {
    title: 'tiers, by their shares',
    pushed: ['bAx1', 'nAx1', 'nAx2', 'nAx3', ...['hAx1', 'hAx2', 'hAx3', 'hAx4', 'hAx5', 'hAx6']],
    turns: ['hAx1', 'nAx1', 'hAx2', 'hAx3', 'nAx2', 'hAx4', 'bAx1', 'hAx5', 'nAx3', 'hAx6'],
  },
])('$title: each lane keeps its order', ({ pushed, turns }) => {
  expect(drained(filled(pushed))).toEqual(turns);
});

test('a new sender has a turn after one of each other sender', () => {
  const turns = filled(Array.from({ length: 100 }, (_, i) => `nAx${i}`));
  turns.shift();
  turns.push(laneOfItem('nAy0'), 'nAy0');
  expect([turns.shift(), turns.shift()]).toContain('nAy0');
});

test('what is put back goes first in its lane, in the order of its return, and takes no turn of others', () => {
  const turns = filled(['nAx3', 'nAy1', 'nAy2']);
  turns.putBack(laneOfItem('nAx1'), 'nAx1');
  turns.putBack(laneOfItem('nAx2'), 'nAx2');
  expect(drained(turns)).toEqual(['nAx1', 'nAy1', 'nAx2', 'nAy2', 'nAx3']);
});

test('an empty set of lanes has no turn and no size', () => {
  const turns = filled(['hAx1', 'nAx1']);
  expect([turns.sizeOf('high'), turns.sizeOf('normal'), turns.sizeOf('bulk'), turns.size]).toEqual([
    1, 1, 0, 2,
  ]);
  expect(drained(turns)).toHaveLength(2);
  expect([turns.shift(), turns.size]).toEqual([undefined, 0]);
});
