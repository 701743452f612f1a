import { expect, test } from 'vitest';
import { namedHeaders } from '../headers.ts';
import { signedField, unsigned } from './signature.ts';

const sign = (header: string) =>
  unsigned({
    header,
    bodyHash: 'aGFzaA==',
    domain: 'shop.example',
    selector: 'k1',
    algorithm: 'rsa-sha256',
    time: 1_796_083_200_999,
  });

/** How often `h=` lists each name. */
function signedNames(header: string): Readonly<Record<string, number>> {
  const list = /h=([^;]*);/.exec(sign(header).field)?.[1]?.replace(/\s/g, '').split(':') ?? [];
  return Object.fromEntries([...Map.groupBy(list, (name) => name)].map(([name, all]) => [name, all.length]));
}

test('an empty header is signed with exactly the fields that nobody may add', () =>
  expect(signedNames('')).toEqual({
    from: 1,
    to: 1,
    cc: 1,
    subject: 1,
    date: 1,
    'message-id': 1,
    'reply-to': 1,
    'content-type': 1,
    'mime-version': 1,
  }));

test('a field that nobody may add is listed once more than it occurs', () => {
  const names = ['from', 'to', 'cc', 'subject', 'date', 'message-id', 'reply-to', 'content-type'];
  const listed = signedNames([...names, 'mime-version'].map((name) => `${name}: x`).join('\r\n'));
  expect(new Set(Object.values(listed))).toEqual(new Set([2]));
});

test.each([...Object.keys(namedHeaders), 'Content-Transfer-Encoding'])(
  '%s is listed as often as it occurs',
  (name) => {
    expect(signedNames('From: x')).not.toHaveProperty(name.toLowerCase());
    expect(signedNames(`From: x\r\n${name}: y`)).toHaveProperty(name.toLowerCase(), 1);
  },
);

test.each(['X-Entity-Ref', 'Received', 'Return-Path'])('%s is not signed, because relays change it', (name) =>
  expect(signedNames(`From: x\r\n${name}: y`)).not.toHaveProperty(name.toLowerCase()),
);

test('the time is in whole seconds, and the signature does not expire', () => {
  const { field } = sign('From: x');
  expect(field).toContain(' t=1796083200;');
  expect(field).not.toMatch(/\bx=/);
});

test.each([
  ['rsa-sha256', 'mail.shop.example', 's1'],
  ['ed25519-sha256', 'small.shop.example', 'e1'],
  ['ed25519-sha256', `${'a'.repeat(63)}.example`, 'k'.repeat(50)],
] as const)(
  '%s for %s: no line of the signature has more than 78 characters',
  (algorithm, domain, selector) => {
    const field = signedField(
      unsigned({
        header: 'From: a@b.example\r\nList-Unsubscribe: <https://b.example/>\r\n',
        bodyHash: Buffer.alloc(32).toString('base64'),
        domain,
        selector,
        algorithm,
        time: Date.UTC(2026, 10, 1),
      }),
      Buffer.alloc(512),
    );
    for (const line of field.split('\r\n')) expect(line.length).toBeLessThanOrEqual(78);
  },
);
