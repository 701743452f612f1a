import { expect, test } from 'vitest';
import { signedField, unsigned } from './signature.ts';

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
