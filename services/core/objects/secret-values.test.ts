import { expect, test } from 'vitest';
import { secretValues } from './secret-values.ts';

const base64 = (text: string): string => Buffer.from(text).toString('base64');

test.each([
  [{}, {}],
  [{ data: { password: base64('pä\n') } }, { password: 'pä\n' }],
  [{ stringData: { password: 'clear' } }, { password: 'clear' }],
  [
    { data: { a: base64('1'), b: base64('2') }, stringData: { b: '3' } },
    { a: '1', b: '3' },
  ],
])('%#: data is decoded, and stringData takes precedence', (secret, values) => {
  expect(secretValues(secret)).toEqual(values);
});
