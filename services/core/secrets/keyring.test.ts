import { expect, it } from 'vitest';
import type { Failure } from '../failure.ts';
import { keyPurposes, keysFor, newKeyring, parseKeyring } from './keyring.ts';

const secret = Buffer.alloc(32, 'Sesame').toString('base64');
const other = Buffer.alloc(40, 'Barley').toString('base64');

it('parses YAML; the first key of a purpose is the active key', () => {
  const keyring = parseKeyring(
    `# rotated in May\ncatalog:\n- {id: may, secret: ${other}}\n- {id: april, secret: "${secret}"}\n`,
  );
  expect(keysFor(keyring, 'catalog').map(({ id }) => id)).toEqual(['may', 'april']);
  expect(keysFor(keyring, 'catalog')[1]?.secret).toEqual(Buffer.alloc(32, 'Sesame'));
});

it('parses the JSON of a new keyring, which has a different key for each purpose', () => {
  let n = 0;
  const keyring = parseKeyring(newKeyring((count) => new Uint8Array(count).fill(++n)));
  expect(keyPurposes.map((purpose) => keysFor(keyring, purpose)[0].secret[0])).toEqual([1, 2, 3, 4]);
});

it('names the purpose that has no key', () => {
  expect(() => keysFor(parseKeyring('{}'), 'return')).toThrow('no key for return');
});

it.each([
  ['a broken line', `catalog: [{id: a, secret: ${secret}`, /line 1, column \d+ is not valid YAML: /],
  ['an alias of nothing', `return: *${secret.slice(0, 40)}`, /no anchor/],
  ['two documents', `{}\n---\ncatalog: ${secret}`, /must be one object/],
  ['a list', `[${secret}]`, /must be one object/],
  ['nothing', '', /must be one object/],
  ['an unknown purpose', `${secret}: []`, /not one of catalog/],
  ['no keys', 'catalog: []', /catalog must be a list/],
  ['a bare secret', `catalog: ${secret}`, /catalog must be a list/],
  ['a secret as id', `catalog: [{id: "${secret}", secret: "${secret}"}]`, /catalog\[0\]\.id/],
  [
    'a short secret',
    `catalog: [{id: a, secret: ${secret.slice(0, 40)}}]`,
    /catalog\[0\]\.secret .* 32 bytes/,
  ],
  ['a secret that is not base64', `catalog: [{id: a, secret: "${secret} !"}]`, /catalog\[0\]\.secret/],
  ['one id twice', `catalog: [{id: a, secret: ${secret}}, {id: a, secret: ${other}}]`, /same id/],
  [
    'several faults',
    `catalog: [{id: A, secret: ${secret}}]\nreturn: 5`,
    /catalog\[0\]\.id.*return must be a list/,
  ],
])('refuses %s without repeating a secret', (_, text, message) => {
  const error = thrownBy(() => parseKeyring(text));
  expect(error).toBeInstanceOf(Error);
  expect(String(error)).toMatch(message);
  expect(String(error)).not.toContain(secret.slice(0, 12));
  expect(error).toMatchObject({ kind: 'invalid' } satisfies Partial<Failure>);
});

function thrownBy(act: () => unknown): unknown {
  try {
    act();
    return null;
  } catch (error) {
    return error;
  }
}
