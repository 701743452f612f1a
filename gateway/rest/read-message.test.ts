import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { SendMessageRequest } from '../../proto/gen/packetboat/v1/messages.ts';
import type { Address } from '../../proto/gen/packetboat/v1/types.ts';
import { isRefusal, parseMailbox } from '../../services/core/address.ts';
import { acceptLimits } from '../../services/core/limits/accept.ts';
import { doorLimits } from '../../services/core/limits/door.ts';
import { loadContract } from '../../services/runtime/contract.ts';
import { Faults } from './faults.ts';
import { readMessage } from './read-message.ts';
import { writeMessage } from './write-message.ts';

const { methods } = loadContract();
const typeOf = (name: string) => {
  const found = methods.find((m) => m.name === name);
  if (found === undefined) throw new Error(`there is no rpc ${name}`);
  return found.requestType;
};
const sendMessage = typeOf('SendMessage');

function read(json: unknown, type = sendMessage) {
  const faults = new Faults();
  const message = readMessage(type, json, faults);
  return { message, faults: faults.list.map(({ field, code }) => `${field}: ${code}`) };
}
const nested = (depth: number): unknown => (depth === 0 ? 1 : [nested(depth - 1)]);

describe('the strict reader accepts', () => {
  test('nothing at all: every field as proto3 has it', () => {
    expect(read({})).toEqual({ message: SendMessageRequest.create(), faults: [] });
  });

  test.each([
    ['a string', { recipient: 'a@example.com' }, { recipient: 'a@example.com' }],
    ['an empty string that is there', { subject: '' }, { subject: '' }],
    [
      'null as absent',
      { subject: null, to: null, template_data: null, headers: null, environment: null },
      { subject: undefined, to: [] },
    ],
    [
      'an address as a string',
      { from: 'Ana <a@example.com>' },
      { from: { email: 'a@example.com', name: 'Ana' } },
    ],
    [
      'an address as an object',
      { from: { email: 'a@example.com' } },
      { from: { email: 'a@example.com', name: '' } },
    ],
    [
      'lists of either',
      { to: ['a@example.com', { email: 'b@example.com', name: 'B' }] },
      {
        to: [
          { email: 'a@example.com', name: '' },
          { email: 'b@example.com', name: 'B' },
        ],
      },
    ],
    [
      'one address in place of a list',
      { reply_to: 'Ana <a@example.com>', to: 'b@example.com', cc: { email: 'c@example.com' }, bcc: '' },
      {
        reply_to: [{ email: 'a@example.com', name: 'Ana' }],
        to: [{ email: 'b@example.com', name: '' }],
        cc: [{ email: 'c@example.com', name: '' }],
        bcc: [{ email: '', name: '' }],
      },
    ],
    [
      'an enum',
      { environment: 'live', priority: 'high' },
      { environment: 'ENVIRONMENT_LIVE', priority: 'PRIORITY_HIGH' },
    ],
    [
      'a time',
      { expires_at: '2026-04-19T14:30:00.25Z' },
      { expires_at: { seconds: 1776609000, nanos: 250_000_000 } },
    ],
    ['a map', { tags: { a: 'b', 'c.d': '' } }, { tags: { a: 'b', 'c.d': '' } }],
    [
      'free JSON',
      { metadata: { a: [1, null, true, { b: 'ü' }], '': {} } },
      { metadata: { a: [1, null, true, { b: 'ü' }], '': {} } },
    ],
    [
      'base64',
      { attachments: [{ filename: 'a', content: 'AAH/' }] },
      { attachments: [expect.objectContaining({ content: Buffer.from([0, 1, 255]) })] },
    ],
    ['free JSON as deep as allowed', { metadata: { a: nested(doorLimits.jsonDepthMax - 2) } }, {}],
  ])('%s', (_, json, expected) => {
    const { message, faults } = read(json);
    expect(faults).toEqual([]);
    expect(message).toMatchObject(expected);
  });

  test('numbers in their range', () => {
    expect(read({ requests_per_minute: 600 }, typeOf('CreateKey')).message).toMatchObject({
      requests_per_minute: 600,
    });
  });
});

describe('the strict reader refuses', () => {
  test.each([
    ['no object', [], [': wrong_type']],
    ['text', 'x', [': wrong_type']],
    ['null', null, [': wrong_type']],
    ['unknown fields', { nope: 1, track: {} }, ['nope: unknown_field', 'track: unknown_field']],
    ['names in camelCase', { replyTo: [] }, ['replyTo: unknown_field']],
    ['a query where a string belongs', { recipient: { $gt: '' } }, ['recipient: wrong_type']],
    ['numbers as text', { subject: 1 }, ['subject: wrong_type']],
    ['a number as a list of addresses', { to: 1 }, ['to: wrong_type']],
    ['an object as a list of files', { attachments: {} }, ['attachments: wrong_type']],
    ['unknown fields of an only address', { cc: { mail: 1 } }, ['cc.mail: unknown_field']],
    ['null in a list', { to: [null] }, ['to[0]: wrong_type']],
    ['a number as an address', { from: 1 }, ['from: wrong_type']],
    [
      'unknown fields of an address',
      { to: [{ email: 'a@example.com', mail: 1 }] },
      ['to[0].mail: unknown_field'],
    ],
    ['enums in capitals', { environment: 'LIVE' }, ['environment: invalid_value']],
    ['enums with prefix', { environment: 'ENVIRONMENT_LIVE' }, ['environment: invalid_value']],
    ['unspecified', { environment: 'unspecified' }, ['environment: invalid_value']],
    ['enums as numbers', { priority: 1 }, ['priority: invalid_value']],
    ['names of the language as enums', { priority: 'constructor' }, ['priority: invalid_value']],
    ['a date without time', { scheduled_time: '2026-04-19' }, ['scheduled_time: invalid_time']],
    ['a time as a number', { scheduled_time: 1776609000 }, ['scheduled_time: invalid_time']],
    ['a list as a map', { tags: [] }, ['tags: wrong_type']],
    [
      'a map with other values',
      { headers: { a: 1, b: null } },
      ['headers.a: wrong_type', 'headers.b: wrong_type'],
    ],
    ['a list as free JSON', { metadata: [] }, ['metadata: wrong_type']],
    [
      'free JSON too deep',
      { metadata: { a: nested(doorLimits.jsonDepthMax - 1) } },
      [`metadata.a${'[0]'.repeat(doorLimits.jsonDepthMax - 2)}: too_deep`],
    ],
    ['numbers beyond all', JSON.parse('{"metadata":{"a":1e999}}'), ['metadata.a: out_of_range']],
    [
      'prototype keys',
      JSON.parse('{"__proto__":{},"constructor":1}'),
      ['__proto__: unknown_field', 'constructor: unknown_field'],
    ],
    ['prototype keys in maps', JSON.parse('{"tags":{"__proto__":"a"}}'), ['tags.__proto__: forbidden_name']],
    [
      'prototype keys in free JSON',
      JSON.parse('{"metadata":{"a":[{"constructor":1}]}}'),
      ['metadata.a[0].constructor: forbidden_name'],
    ],
    [
      'half a character',
      { subject: '\ud800', metadata: { a: '\udc00' } },
      ['subject: invalid_text', 'metadata.a: invalid_text'],
    ],
    [
      'text that is not base64',
      { attachments: [{ content: 'QR==' }] },
      ['attachments[0].content: invalid_base64'],
    ],
    ['bytes as a list', { attachments: [{ content: [1] }] }, ['attachments[0].content: wrong_type']],
  ])('%s', (_, json, faults) => {
    expect(read(json).faults).toEqual(faults);
  });

  test.each([[1.5], [2 ** 31], [-(2 ** 31) - 1], [Number.NaN]])(
    'the number %s for int32',
    (requests_per_minute) => {
      expect(read({ requests_per_minute }, typeOf('CreateKey')).faults).toEqual([
        'requests_per_minute: out_of_range',
      ]);
    },
  );

  test.each<[string, object, string]>([
    ['templat', { templat: 'otp-code' }, 'There is no such field; did you mean template?'],
    ['templateData', { templateData: {} }, 'There is no such field; did you mean template_data?'],
    ['to[0].mail', { to: [{ mail: 'a@example.com' }] }, 'There is no such field; did you mean email?'],
    ['bogus', { bogus: 1 }, 'There is no such field.'],
  ])('the unknown field %s, and suggests the nearest that exists', (field, json, message) => {
    const faults = new Faults();
    readMessage(sendMessage, json, faults);
    expect(faults.list).toEqual([{ field, code: 'unknown_field', message }]);
  });

  test('fields that the URL says', () => {
    const faults = new Faults();
    readMessage(sendMessage, { recipient: 'a@example.com' }, faults, new Set(['recipient']));
    expect(faults.list).toMatchObject([
      { field: 'recipient', code: 'unknown_field', message: 'There is no such field.' },
    ]);
  });

  test('everything at once, and no more of it than can be read', () => {
    const json = { bogus: 1, to: [1, 'a@example.com', 2], tags: { a: 1 } };
    expect(read(json).faults).toEqual([
      'bogus: unknown_field',
      'to[0]: wrong_type',
      'to[2]: wrong_type',
      'tags.a: wrong_type',
    ]);
    expect(read({ to: new Array(10_000).fill(0) }).faults).toHaveLength(acceptLimits.fieldFaultsMax);
  });

  test('without quoting the value', () => {
    const faults = new Faults();
    readMessage(
      sendMessage,
      { environment: 'secret', from: 7, scheduled_time: 'secret', attachments: [{ content: 'secret' }] },
      faults,
    );
    expect(JSON.stringify(faults.list)).not.toContain('secret');
    expect(faults.list).toHaveLength(4);
  });

  test('long names shortened', () => {
    expect(read({ ['x'.repeat(10_000)]: 1 }).faults[0]).toHaveLength('…: unknown_field'.length + 64);
  });
});

describe('whatever comes', () => {
  test('is read or refused, never thrown over, and goes onto the wire', () => {
    const names = fc.constantFrom(...sendMessage.fields.keys(), 'x');
    fc.assert(
      fc.property(fc.dictionary(names, fc.jsonValue({ maxDepth: 5 })), (json) => {
        const { message, faults } = read(JSON.parse(JSON.stringify(json)));
        if (faults.length === 0) SendMessageRequest.encode(message as unknown as SendMessageRequest).finish();
      }),
      { numRuns: 400 },
    );
  });

  test('a written value is read unchanged', () => {
    const text = fc.string({ unit: 'binary' });
    const request = fc.record({
      recipient: text,
      subject: text,
      to: fc.array(fc.record({ email: text, name: text })),
      environment: fc.constantFrom('draft', 'testing', 'live'),
      tags: fc.dictionary(
        fc.string({ minLength: 1 }).filter((key) => !['__proto__', 'constructor', 'prototype'].includes(key)),
        text,
      ),
      metadata: fc.dictionary(
        fc.string({ maxLength: 5 }).filter((key) => !['__proto__'].includes(key)),
        fc.oneof(text, fc.integer(), fc.boolean(), fc.constant(null)),
      ),
      attachments: fc.array(
        fc.record({ filename: text, content: fc.uint8Array().map((b) => Buffer.from(b).toString('base64')) }),
      ),
      expires_at: fc
        .date({ noInvalidDate: true, min: new Date(0), max: new Date('9999-01-01') })
        .map((d) => d.toISOString()),
    });
    fc.assert(
      fc.property(request, (json) => {
        const { message, faults } = read(json);
        expect(faults).toEqual([]);
        // by the wire, as ingest gets it
        const received = SendMessageRequest.decode(
          SendMessageRequest.encode(message as unknown as SendMessageRequest).finish(),
        );
        expect(writeMessage(sendMessage, received)).toMatchObject(json);
      }),
      { numRuns: 40 },
    );
  });
});

describe('a mailbox in one string', () => {
  const addressOf = (text: string): Address => {
    const { message } = read({ from: text });
    return message.from as Address;
  };

  test.each([
    ['ana@example.com', { email: 'ana@example.com', name: '' }],
    [' ana@example.com ', { email: 'ana@example.com', name: '' }],
    ['<ana@example.com>', { email: 'ana@example.com', name: '' }],
    ['Ana Maria <ana@example.com>', { email: 'ana@example.com', name: 'Ana Maria' }],
    ['"Maria, Ana" <ana@example.com>', { email: 'ana@example.com', name: 'Maria, Ana' }],
    ['"A \\"nickname\\"" <ana@example.com>', { email: 'ana@example.com', name: 'A "nickname"' }],
    ['"<" <ana@example.com>', { email: 'ana@example.com', name: '<' }],
    ['"a b"@example.com', { email: '"a b"@example.com', name: '' }],
  ])('%s', (text, address) => {
    expect(addressOf(text)).toEqual(address);
  });

  test.each([
    'Smith, John <j@example.com>',
    'Acme (EU) <a@example.com>',
    'a@example.com <a@example.com>',
    'a@example.com, Ben <b@example.com>',
    'A <a@example.com>, Ben <b@example.com>',
    '"open <a@example.com>',
    'a@example.com>',
    '"A" B <a@example.com>',
  ])('%s has no clear seam and reaches ingest as it is, and ingest refuses it', (text) => {
    expect(addressOf(text)).toEqual({ email: text, name: '' });
    // with the message that the same text gets in a field that is a string
    expect(parseMailbox(addressOf(text))).toEqual(parseMailbox(text));
  });

  // Ingest itself reads the strings of fields that are strings (`recipient`); both ways must mean
  // the same.
  const pieces = fc.constantFrom(
    '"',
    '\\',
    '<',
    '>',
    '@',
    ' ',
    ',',
    'a',
    'Ana',
    'example.com',
    'ü',
    '.',
    '\n',
    '\t',
    '(',
  );
  test('means the same in every field', () => {
    fc.assert(
      fc.property(fc.array(pieces, { maxLength: 12 }), (parts) => {
        const text = parts.join('');
        const whole = parseMailbox(text);
        const split = parseMailbox(addressOf(text));
        if (isRefusal(whole)) expect(isRefusal(split)).toBe(true);
        else expect(split).toEqual(whole);
      }),
      { numRuns: 3000 },
    );
  });
});
