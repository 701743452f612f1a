import { BinaryWriter } from '@bufbuild/protobuf/wire';
import { describe, expect, test } from 'vitest';
import { SendEmailRequest, SendMessageRequest } from '../../proto/gen/packetboat/v1/messages.ts';
import { loadContract } from './contract.ts';
import { lostNamesJudge } from './lost-names.ts';

const judge = lostNamesJudge(loadContract());
const fieldsOf = (bytes: Uint8Array, path = '/packetboat.v1.MessagesService/SendMessage'): string[] =>
  judge(path, Buffer.from(bytes)).map(({ field, code }) => `${field} ${code}`);

/** Numbers of fields in SendMessageRequest. */
const [TEMPLATE_DATA, HEADERS, TAGS, METADATA] = [12, 15, 17, 18];
const text = (number: number, value: string) =>
  new BinaryWriter()
    .uint32((number << 3) | 2)
    .string(value)
    .finish();
const message = (number: number, ...fields: readonly Uint8Array[]) =>
  new BinaryWriter()
    .uint32((number << 3) | 2)
    .bytes(Buffer.concat(fields))
    .finish();
const entry = (number: number, key: string, value: Uint8Array) => message(number, text(1, key), value);
/** In google.protobuf: `fields` of Struct, the kinds of Value, `values` of ListValue. */
const member = (key: string, value: Uint8Array) => entry(1, key, message(2, value));
const string = text(3, 'x');
const struct = (...members: readonly Uint8Array[]) => message(5, ...members);
const list = (...values: readonly Uint8Array[]) => message(6, ...values.map((value) => message(1, value)));

describe('a name that the generated decoder loses', () => {
  test.each<[string, Uint8Array, string[]]>([
    ['a header', entry(HEADERS, '__proto__', text(2, 'x')), ['headers forbidden_name']],
    ['a tag', entry(TAGS, '__proto__', text(2, 'x')), ['tags forbidden_name']],
    [
      'a tag whose value comes first',
      message(TAGS, text(2, 'x'), text(1, '__proto__')),
      ['tags forbidden_name'],
    ],
    ['a tag without a value', message(TAGS, text(1, '__proto__')), ['tags forbidden_name']],
    ['a text of metadata', message(METADATA, member('__proto__', string)), ['metadata forbidden_name']],
    [
      'an object of metadata',
      message(METADATA, member('__proto__', struct(member('a', string)))),
      ['metadata forbidden_name'],
    ],
    [
      'a name below',
      message(METADATA, member('a', struct(member('__proto__', string)))),
      ['metadata forbidden_name'],
    ],
    [
      'a name in a list',
      message(METADATA, member('a', list(string, struct(member('__proto__', string))))),
      ['metadata forbidden_name'],
    ],
    ['template data', message(TEMPLATE_DATA, member('__proto__', string)), ['template_data forbidden_name']],
    [
      'a name in two fields, twice in one of them',
      Buffer.concat([
        message(METADATA, member('__proto__', string), member('__proto__', string)),
        entry(TAGS, '__proto__', text(2, 'x')),
      ]),
      ['metadata forbidden_name', 'tags forbidden_name'],
    ],
  ])('%s', (_, bytes, faults) => {
    // the reason for all this
    expect(JSON.stringify(SendMessageRequest.decode(bytes))).not.toContain('__proto__');
    expect(fieldsOf(bytes)).toEqual(faults);
  });

  test('the context of SendEmail is searched too', () => {
    const bytes = message(5, member('__proto__', string));
    expect(SendEmailRequest.decode(bytes).context).toEqual({});
    expect(fieldsOf(bytes, '/packetboat.v1.MessagesService/SendEmail')).toEqual(['context forbidden_name']);
  });
});

describe('no error is reported for', () => {
  const name = '\n\t__proto__';
  test.each<[string, Uint8Array]>([
    ['nothing', new Uint8Array()],
    ['other names that objects have', entry(TAGS, 'constructor', text(2, 'x'))],
    ['a longer name', entry(TAGS, '__proto__s', text(2, 'x'))],
    [
      'the word in a text, written like an entry of a map',
      SendMessageRequest.encode(SendMessageRequest.fromPartial({ text: name })).finish(),
    ],
    [
      'the word as a value',
      SendMessageRequest.encode(
        SendMessageRequest.fromPartial({ tags: { a: name }, metadata: { a: [name] } }),
      ).finish(),
    ],
    ['the word in a field that nobody knows', message(1000, text(1, '__proto__'))],
    [
      'the word in a map of another wire type',
      Buffer.concat([
        new BinaryWriter()
          .uint32(TAGS << 3)
          .int32(1)
          .finish(),
        text(10, name),
      ]),
    ],
  ])('%s', (_, bytes) => {
    expect(() => SendMessageRequest.decode(bytes)).not.toThrow();
    expect(fieldsOf(bytes)).toEqual([]);
  });
});
