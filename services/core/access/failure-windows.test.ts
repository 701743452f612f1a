import { expect, test } from 'vitest';
import { accessLimits } from '../limits/access.ts';
import { FailureWindows } from './failure-windows.ts';

const WINDOW = accessLimits.failureWindowMs;

test('each name counts for itself, in a window that begins with its first failure', () => {
  const windows = new FailureWindows();
  expect(windows.add('a', 1_000)).toEqual({ count: 1, endsInMs: WINDOW });
  expect(windows.add('a', 1_400.5)).toEqual({ count: 2, endsInMs: WINDOW - 400 });
  expect(windows.add('b', 2_000)).toEqual({ count: 1, endsInMs: WINDOW });
  expect(windows.add('a', 1_000 + WINDOW - 1)).toEqual({ count: 3, endsInMs: 1 });
  expect(windows.add('a', 1_000 + WINDOW)).toEqual({ count: 1, endsInMs: WINDOW });
});

test('windows that have ended are forgotten', () => {
  const windows = new FailureWindows();
  for (let i = 0; i < 100; i++) windows.add(`n${i}`, 0);
  windows.add('later', WINDOW);
  expect(windows.size).toBe(1);
});

test('no more windows are kept than fit; the oldest goes first', () => {
  const windows = new FailureWindows(3);
  for (const [i, name] of ['a', 'b', 'c', 'a', 'd'].entries()) windows.add(name, i);
  expect(windows.size).toBe(3);
  expect(windows.add('b', 10).count).toBe(2);
  expect(windows.add('a', 11).count).toBe(1);
});
