import { describe, expect, it } from 'vitest';
import { isRefusal, parseAddress } from '../address.ts';
import { messageId } from '../ids.ts';
import { acceptLimits } from '../limits/accept.ts';
import { parseReturnPath, returnPath } from './return-path.ts';

const key = Buffer.alloc(32, 1);
const older = Buffer.alloc(32, 2);
const message = messageId(Date.UTC(2026, 0, 1), Buffer.alloc(10, 7));
const delivery = { message, index: acceptLimits.recipientsMax - 1 };
const domain = 'bounce.mail.shop.example';
const address = returnPath(delivery, domain, key);

it('is an address that our own parser accepts: lower case, at most 64 octets before the @', () => {
  expect(address).toMatch(/^b\+msg_[0-9a-z]{26}\.49\.[0-9a-f]{16}@bounce\.mail\.shop\.example$/);
  expect(isRefusal(parseAddress(address))).toBe(false);
  expect(address).toBe(address.toLowerCase());
});

it('is the same for each attempt, and another one for each delivery, message and key', () => {
  expect(returnPath(delivery, domain, key)).toBe(address);
  const others = [
    returnPath({ message, index: 0 }, domain, key),
    returnPath({ message: messageId(Date.UTC(2026, 0, 2), Buffer.alloc(10, 7)), index: 49 }, domain, key),
    returnPath(delivery, domain, older),
  ];
  expect(new Set([address, ...others]).size).toBe(4);
});

describe('a bounce finds its delivery', () => {
  it.each([
    ['as it was sent', address, [key]],
    ['in capitals', address.toUpperCase(), [key]],
    ['after the key was replaced', address, [older, key]],
  ])('%s', (_, to, keys) => expect(parseReturnPath(to, keys)).toEqual(delivery));
});

describe('a bounce is of no delivery', () => {
  it.each([
    ['without keys', address, []],
    ['by another key', address, [older]],
    ['for another delivery', address.replace('.49.', '.48.'), [key]],
    ['for another message', address.replace(message, messageId(1, Buffer.alloc(10, 7))), [key]],
    ['with a changed digit', address.replace(/.(?=@)/, (digit) => (digit === '0' ? '1' : '0')), [key]],
    ['with a shortened HMAC', address.replace(/.(?=@)/, ''), [key]],
    ['with an index written otherwise', address.replace('.49.', '.049.'), [key]],
    ['with more before it', `x${address}`, [key]],
    ['without a domain', address.slice(0, address.indexOf('@')), [key]],
    ['empty', '', [key]],
    ['an ordinary address', 'b@bounce.mail.shop.example', [key]],
    ['of any size', `${'b+'.repeat(1_000_000)}@b.example`, [key]],
  ])('%s', (_, to, keys) => expect(parseReturnPath(to, keys)).toBeNull());
});
