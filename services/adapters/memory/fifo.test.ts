import { expect, it } from 'vitest';
import { Fifo } from './fifo.ts';

it('gives everything once, in the order it came, however pushes and shifts mix', () => {
  const fifo = new Fifo<number>();
  const out: (number | undefined)[] = [];
  let next = 0;
  for (const [pushes, shifts] of [
    [3_000, 1_500],
    [10, 1_200],
    [500, 800],
    [0, 9],
    [2, 3],
    [1, 2],
  ] as const) {
    for (let i = 0; i < pushes; i += 1) fifo.push(next++);
    for (let i = 0; i < shifts; i += 1) out.push(fifo.shift());
  }
  expect(fifo.size).toBe(0);
  expect(out.filter((n) => n !== undefined)).toEqual(Array.from({ length: next }, (_, i) => i));
  expect(fifo.shift()).toBeUndefined();
});
