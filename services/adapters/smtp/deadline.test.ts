import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { Deadline } from './deadline.ts';

let over = 0;
const begin = (): Deadline => new Deadline(() => over++);

beforeEach(() => {
  over = 0;
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'performance'] });
});
afterEach(() => {
  vi.useRealTimers();
});

test('is over once, when its time is', () => {
  begin().set(100);
  vi.advanceTimersByTime(99);
  expect(over).toBe(0);
  vi.advanceTimersByTime(1);
  expect(over).toBe(1);
  vi.advanceTimersByTime(1_000);
  expect(over).toBe(1);
});

test.each([
  ['a longer one', 100, 300],
  ['a shorter one', 300, 100],
])('only the last one counts: %s', (_, first, second) => {
  const deadline = begin();
  deadline.set(first);
  vi.advanceTimersByTime(50);
  deadline.set(second);
  vi.advanceTimersByTime(second - 1);
  expect(over).toBe(0);
  vi.advanceTimersByTime(1);
  expect(over).toBe(1);
});

test('a restart begins the same time anew', () => {
  const deadline = begin();
  deadline.set(100);
  vi.advanceTimersByTime(90);
  deadline.restart();
  vi.advanceTimersByTime(99);
  expect(over).toBe(0);
  vi.advanceTimersByTime(1);
  expect(over).toBe(1);
});

test('cleared, it is never over', () => {
  const deadline = begin();
  deadline.set(100);
  deadline.clear();
  expect(vi.getTimerCount()).toBe(0);
  vi.advanceTimersByTime(1_000);
  expect(over).toBe(0);
});

test('a thousand deadlines that are met take one timer', () => {
  const deadline = begin();
  const set = vi.spyOn(globalThis, 'setTimeout');
  for (let i = 0; i < 1_000; i++) {
    deadline.set(i % 2 === 0 ? 200 : 100);
    vi.advanceTimersByTime(0.01);
  }
  expect(set.mock.calls.length).toBeLessThanOrEqual(2);
  expect(vi.getTimerCount()).toBe(1);
  set.mockRestore();
});
