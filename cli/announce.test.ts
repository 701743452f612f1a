import { afterEach, expect, test, vi } from 'vitest';
import { readConfig } from '../services/runtime/read-config.ts';
import { announce } from './announce.ts';

const ports = { http: 8080, grpc: 9090, metrics: 9100, smtp: 2525 };

afterEach(() => vi.restoreAllMocks());

/** What a person reads. */
function announced(firstKey: Parameters<typeof announce>[0]['firstKey']): string {
  const print = vi.spyOn(console, 'log').mockImplementation(() => {});
  announce({ ports, firstKey }, readConfig('dev', {}));
  return print.mock.calls.flat().join('\n');
}

test('a start prints its key, and a request with the key to paste', () => {
  const text = announced({ key: 'sk_live_of_a_test' });
  expect(text).toMatch(/^API key {6}sk_live_of_a_test$/m);
  expect(text).toContain('Authorization: Bearer sk_live_of_a_test');
});

test('a start without a key to print gives the reason', () => {
  const text = announced({ key: null, reason: 'The tenant default has other keys already.' });
  expect(text).toMatch(/^API key {6}none to print\. The tenant default has other keys already\.$/m);
  expect(text).toContain('Bearer sk_live_...');
});
