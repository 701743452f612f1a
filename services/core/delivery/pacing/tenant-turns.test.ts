import { expect, test } from 'vitest';
import { TenantTurns } from './tenant-turns.ts';

function drained(pushed: readonly string[]): string[] {
  const turns = new TenantTurns<string>();
  for (const item of pushed) turns.push(item[0] ?? '', item);
  return Array.from({ length: turns.size }, () => turns.shift() ?? '');
}

test('a tenant alone gets its items in order', () => {
  expect(drained(['a1', 'a2', 'a3'])).toEqual(['a1', 'a2', 'a3']);
});

test('tenants take turns, each in its own order', () => {
  expect(drained(['a1', 'a2', 'a3', 'a4', 'b1', 'c1', 'b2'])).toEqual([
    'a1',
    'b1',
    'c1',
    'a2',
    'b2',
    'a3',
    'a4',
  ]);
});

test("a new tenant has the next turn after the others' first", () => {
  const turns = new TenantTurns<string>();
  for (let i = 0; i < 100; i++) turns.push('a', `a${i}`);
  turns.shift();
  turns.push('b', 'b0');
  expect([turns.shift(), turns.shift()]).toContain('b0');
});

test('no lanes give nothing', () => {
  const turns = new TenantTurns<string>();
  turns.push('a', 'a1');
  turns.shift();
  expect([turns.shift(), turns.size]).toEqual([undefined, 0]);
});
