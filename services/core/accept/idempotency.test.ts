import { describe, expect, it } from 'vitest';
import { newBlobId, sampleMessage } from '../../../test/contract/sample-message.ts';
import type { Message } from '../delivery/message.ts';
import { acceptLimits } from '../limits/accept.ts';
import { fingerprint, fingerprintOf, judgeTakenKey, parseIdempotencyKeys } from './idempotency.ts';
import { emptyRequest } from './send-request.fixture.ts';
import { type SendRequest, templateDataOf, type Uploaded } from './send-request.ts';

describe('an idempotency key', () => {
  it.each(['a', '~', 'order-1', 'two words', '{"$gt":""}', 'x'.repeat(acceptLimits.idempotencyKeyCharsMax)])(
    'may be %j',
    (key) => {
      expect(parseIdempotencyKeys([key], 'k')).toEqual({ key, errors: [] });
    },
  );

  it.each([
    '',
    ' ',
    ' a',
    'a ',
    'é',
    'a\nb',
    'a\tb',
    '\u007f',
    'x'.repeat(acceptLimits.idempotencyKeyCharsMax + 1),
  ])('may not be %j', (key) => {
    const { key: read, errors } = parseIdempotencyKeys([key], 'k');
    expect(read).toBeNull();
    expect(errors).toMatchObject([{ field: 'k', code: 'invalid_idempotency_key' }]);
    if (key.length > 1) expect(errors[0]?.message).not.toContain(key);
  });

  it('may be missing', () => {
    expect(parseIdempotencyKeys([], 'k')).toEqual({ key: null, errors: [] });
  });

  it('may be said in two places, if it is the same', () => {
    expect(parseIdempotencyKeys(['a', 'a'], 'k').key).toBe('a');
    expect(parseIdempotencyKeys(['a', 'b'], 'k')).toMatchObject({
      key: null,
      errors: [{ code: 'idempotency_keys_differ' }],
    });
  });
});

describe('a fingerprint', () => {
  const empty: SendRequest = { ...emptyRequest, recipient: 'ana@example.com' };
  /** Under a new id each time, as a retry uploads it. */
  const uploaded = (): Uploaded => ({ blob: newBlobId(1_000), bytes: 3, sha256: 'ab' });

  const request = { to: ['a', 'b'], subject: 'x', data: { n: 1, deep: { a: null, b: undefined } } };

  it.each([
    [
      'the order of fields',
      { subject: 'x', data: { deep: { b: undefined, a: null }, n: 1 }, to: ['a', 'b'] },
    ],
    ['fields that are absent', { ...request, html: undefined, data: { n: 1, deep: { a: null } } }],
  ])('does not see %s', (_, same) => {
    expect(fingerprint(same)).toBe(fingerprint(request));
  });

  it.each([
    ['the order of a list', { ...request, to: ['b', 'a'] }],
    ['a value', { ...request, subject: 'y' }],
    ['a type', { ...request, data: { ...request.data, n: '1' } }],
    ['a null', { ...request, html: null }],
    ['entries for an object', { ...request, data: Object.entries(request.data) }],
    ['a list for an object', { ...request, to: { 0: 'a', 1: 'b' } }],
    ['a deep value', { ...request, data: { n: 1, deep: { a: 0 } } }],
  ])('sees %s', (_, other) => {
    expect(fingerprint(other)).not.toBe(fingerprint(request));
  });

  // Fingerprints that an earlier release stored. A change of these is a change of what a retry that
  // crosses an upgrade is told.
  it.each([
    [
      'with a template',
      {
        ...empty,
        template: 'otp-code',
        templateData: templateDataOf({ b: 1, a: [null, 'x'] }),
        headers: { 'X-Idempotency-Key': 'k', 'X-Other': 'y' },
      },
      'b8118abb3c5684e3dacf9c492810750df5805637da54ad950e9600fa8726960a',
    ],
    [
      'with uploaded content',
      {
        ...empty,
        subject: 's',
        html: uploaded(),
        attachments: [
          { filename: 'a', content: uploaded(), contentType: '', contentId: '', disposition: '' },
        ],
      },
      'bc7fb85f173abc8d4153919f254a3f6f479adc8dd86dca1820ef4ebc0b05aa7c',
    ],
  ])('of a request %s stays as it was in earlier releases', (_, request, expected) => {
    expect(fingerprintOf(request)).toBe(expected);
  });

  it('is the same when template data was uploaded ahead, and when its fields come in another order', () => {
    const prints = [
      templateDataOf({ a: 1, b: 2 }),
      templateDataOf({ b: 2, a: 1 }),
      { ...templateDataOf({ a: 1, b: 2 }), blob: uploaded() },
    ].map((templateData) => fingerprintOf({ ...empty, template: 't', templateData }));
    expect(new Set(prints).size).toBe(1);
  });

  it('is a SHA-256', () => {
    expect(fingerprint({})).toMatch(/^[0-9a-f]{64}$/);
  });
});

describe('a key that is taken', () => {
  const DAY = acceptLimits.idempotencyWindowMs;
  const wanted = (fingerprint: string) => ({ fingerprint, field: 'idempotency_key' });
  const EVERYTHING = { environments: null, senders: null };
  const holder = {
    ...sampleMessage({ createdAt: 1_000, idempotency: { key: 'k', fingerprint: 'f' } }),
    deliveries: [],
    events: [],
  } as Message;

  it.each([
    ['the same request is a replay', 'f', 1_000, 'replay'],
    ['the same request is a replay until the day is over', 'f', 1_000 + DAY - 1, 'replay'],
    ['another request is refused', 'g', 1_000 + DAY - 1, 'reused'],
    ['after a day the same request is a new one', 'f', 1_000 + DAY, 'outdated'],
    ['after a day another request is a new one', 'g', 1_000 + DAY, 'outdated'],
  ])('%s', (_, print, now, kind) => {
    expect(judgeTakenKey(holder, wanted(print), now, EVERYTHING).kind).toBe(kind);
  });

  it.each([
    ['a sender', { environments: null, senders: ['another'] }],
    ['an environment', { environments: ['draft'], senders: null }],
  ] as const)(
    'a message beyond the reach of %s is not replayed, and holds the key for its day all the same',
    (_, reach) => {
      const answers = [1_000, 1_000 + DAY].map((now) => judgeTakenKey(holder, wanted('f'), now, reach));
      expect(answers.map(({ kind }) => kind)).toEqual(['reused', 'outdated']);
      expect(answers[0]).toEqual(judgeTakenKey(holder, wanted('g'), 1_000, EVERYTHING));
    },
  );

  it('says which message, or why not', () => {
    expect(judgeTakenKey(holder, wanted('f'), 1_000, EVERYTHING)).toMatchObject({ message: holder });
    expect(judgeTakenKey(holder, wanted('g'), 1_000, EVERYTHING)).toMatchObject({
      failure: { kind: 'invalid', code: 'idempotency_key_reused' },
    });
  });
});
