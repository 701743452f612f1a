import { expect, test } from 'vitest';
import { type CheckedRecord, checkRecord, verify, wantedRecords } from './domain-records.ts';

const sender = {
  domain: 'shop.example',
  returnPathDomain: 'bounce.shop.example',
  routes: [
    { name: 'relay', host: 'relay.example.net', port: 587, tls: 'StartTLS', credentials: null, ca: null },
  ],
} as const;
const record = 'v=DKIM1; k=rsa; p=MIIB';
const records = wantedRecords(sender, [{ selector: 'k1', record, isRequired: true }]);

test('a sender needs records for its DKIM keys, SPF and MX of its return path, and DMARC', () => {
  expect(
    records.map(({ purpose, type, name, value, isRequired }) => [purpose, type, name, value, isRequired]),
  ).toEqual([
    ['DKIM', 'TXT', 'k1._domainkey.shop.example', record, true],
    ['SPF', 'TXT', 'bounce.shop.example', 'v=spf1 a:relay.example.net ~all', true],
    ['DMARC', 'TXT', '_dmarc.shop.example', 'v=DMARC1; p=none', false],
    ['ReturnPath', 'MX', 'bounce.shop.example', '10 relay.example.net', false],
  ]);
});

test.each([
  ['DKIM', ['v=DKIM1; k=rsa; p=MIIB'], 'Found'],
  ['DKIM', ['k=rsa;p=MI IB; t=s'], 'Found'],
  ['DKIM', ['p=MIIB'], 'Found'],
  ['DKIM', ['other', 'v=DKIM1; p="MIIB"'], 'Found'],
  ['DKIM', [], 'Missing'],
  ['DKIM', ['v=DKIM1; k=rsa; p='], 'Mismatch'],
  ['DKIM', ['v=DKIM1; k=rsa; p=OTHER'], 'Mismatch'],
  ['DKIM', ['v=DKIM1; k=ed25519; p=MIIB'], 'Mismatch'],
  ['DKIM', ['v=DKIM2; p=MIIB'], 'Mismatch'],
  ['SPF', ['v=spf1 include:relay.example.net -all'], 'Found'],
  ['SPF', ['V=SPF1 -all', 'google-site-verification=x'], 'Found'],
  ['SPF', ['v=spf1'], 'Found'],
  ['SPF', ['v=spf10 -all'], 'Missing'],
  ['SPF', [], 'Missing'],
  ['SPF', ['v=spf1 -all', 'v=spf1 ~all'], 'Mismatch'],
  ['DMARC', ['v=DMARC1; p=reject'], 'Found'],
  ['DMARC', ['v=DMARC10; p=none'], 'Missing'],
  ['DMARC', ['v=DMARC1; p=none', 'v=DMARC1; p=reject'], 'Mismatch'],
  ['ReturnPath', ['10 mx.shop.example'], 'Found'],
  ['ReturnPath', ['0 .'], 'Mismatch'],
  ['ReturnPath', [], 'Missing'],
  ['ReturnPath', null, 'Unknown'],
] as const)('of %s %j is %s', (purpose, found, state) => {
  const [wanted] = records.filter((one) => one.purpose === purpose);
  if (wanted === undefined) return expect.fail('it is wanted');
  expect(checkRecord(wanted, found).state).toBe(state);
});

const recordsIn = (...states: readonly CheckedRecord['state'][]): CheckedRecord[] =>
  records.map((wanted, i) => ({ ...wanted, state: states[i] ?? 'Found' }));

test.each([
  [recordsIn(), 'True', 'Verified'],
  [recordsIn('Found', 'Found', 'Missing', 'Mismatch'), 'True', 'Verified'],
  [recordsIn('Missing'), 'False', 'RecordsMissing'],
  [recordsIn('Missing', 'Mismatch'), 'False', 'RecordsMismatch'],
  [recordsIn('Found', 'Unknown'), 'Unknown', 'LookupFailed'],
  [recordsIn('Missing', 'Unknown'), 'False', 'RecordsMissing'],
] as const)('%#: the verification is %s, %s', (all, status, reason) => {
  expect(verify(all)).toMatchObject({ status, reason });
});

test('the message names the missing records', () => {
  expect(verify(recordsIn('Missing')).message).toBe(
    'missing DNS records: DKIM at k1._domainkey.shop.example',
  );
});
