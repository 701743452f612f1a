import { expect, test } from 'vitest';
import { configMapFields, namesIn, secretFields } from './references.ts';

const spec = {
  routes: [
    {
      name: 'a',
      smtp: { credentialsSecretRef: { name: 'login' }, caSecretRef: { name: 'ca', key: 'ca.crt' } },
    },
    { name: 'b', smtp: { credentialsSecretRef: { name: 'login' } } },
  ],
  dkim: { keys: [{ selector: 'k', privateKeySecretRef: { name: 'dkim', key: 'k.pem' } }] },
  locales: [{ htmlFrom: { configMapKeyRef: { name: 'texts', key: 'a' } } }],
};

test.each([
  [spec, secretFields, ['login', 'ca', 'dkim']],
  [spec, configMapFields, ['texts']],
  [{ credentialsSecretRef: 'login' }, secretFields, []],
  [{ credentialsSecretRef: { name: 7 } }, secretFields, []],
  ['login', secretFields, []],
  [null, secretFields, []],
  [undefined, secretFields, []],
] as const)('%#: names are found at any depth, and nothing else is', (from, fields, names) => {
  expect(namesIn(from, fields)).toEqual(names);
});
