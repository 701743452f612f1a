import { expect, it } from 'vitest';
import { type Tier, tiers } from '../message.ts';
import { TierTurns } from './tier-turns.ts';

function turns(count: number, busy: readonly Tier[], of = new TierTurns()): string {
  return Array.from({ length: count }, () => of.next((tier) => busy.includes(tier))?.charAt(0) ?? '-').join(
    '',
  );
}

it.each([
  { busy: tiers, ten: 'hnhhnhbhnh' },
  { busy: ['high', 'normal'], ten: 'hnhhnhhnhh' },
  { busy: ['normal', 'bulk'], ten: 'nnbnnnbnnn' },
  { busy: ['bulk'], ten: 'bbbbbbbbbb' },
  { busy: [], ten: '----------' },
] as const)('while $busy have work, ten turns are $ten', ({ busy, ten }) => {
  expect(turns(10, busy)).toBe(ten);
});

it('any ten turns in a row keep the weights', () => {
  const all = turns(200, tiers);
  for (let from = 0; from + 10 <= all.length; from += 1) {
    const letters = all.slice(from, from + 10).split('');
    expect([letters.filter((c) => c === 'h').length, letters.filter((c) => c === 'n').length]).toEqual([
      6, 3,
    ]);
  }
});

it('a tier without work earns no extra turns', () => {
  const of = new TierTurns();
  turns(1_000, ['normal', 'bulk'], of);
  expect(
    turns(10, tiers, of)
      .split('')
      .filter((c) => c === 'h').length,
  ).toBeLessThanOrEqual(6);
});
