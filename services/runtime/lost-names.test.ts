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

  test('the messages of a batch are searched one by one', () => {
    const bad = message(METADATA, member('__proto__', string));
    const bytes = Buffer.concat([message(1, text(7, 'a')), message(1, bad), message(1), message(1, bad)]);
    expect(fieldsOf(bytes, '/packetboat.v1.MessagesService/SendMessageBatch')).toEqual([
      'messages[1].metadata forbidden_name',
      'messages[3].metadata forbidden_name',
    ]);
  });
});

describe('a value that JSON cannot have', () => {
  const value = (write: (writer: BinaryWriter) => BinaryWriter) => write(new BinaryWriter()).finish();
  const number = (double: number) => value((w) => w.uint32((2 << 3) | 1).double(double));
  const nothing = new Uint8Array();

  test.each<[string, Uint8Array, string[]]>([
    ['NaN', member('a', number(Number.NaN)), ['metadata out_of_range']],
    ['an infinite number', member('a', number(Infinity)), ['metadata out_of_range']],
    ['a negative infinite number', member('a', number(-Infinity)), ['metadata out_of_range']],
    [
      'NaN in a list of an object',
      member('a', struct(member('b', list(string, number(Number.NaN))))),
      ['metadata out_of_range'],
    ],
    ['a value without a kind', member('a', nothing), ['metadata invalid_value']],
    ['an entry without a value', entry(1, 'a', nothing), ['metadata invalid_value']],
    ['a value without a kind in a list', member('a', list(string, nothing)), ['metadata invalid_value']],
    ['a value of an unknown kind', member('a', text(7, 'x')), ['metadata invalid_value']],
    [
      'a value of a known kind in another wire type',
      member(
        'a',
        value((w) => w.uint32(3 << 3).int32(1)),
      ),
      ['metadata invalid_value'],
    ],
    [
      'both, several times',
      Buffer.concat([member('a', nothing), member('b', nothing), member('c', number(Number.NaN))]),
      ['metadata invalid_value', 'metadata out_of_range'],
    ],
  ])('%s', (_, fields, faults) => {
    expect(fieldsOf(message(METADATA, fields))).toEqual(faults);
    expect(fieldsOf(Buffer.concat([text(10, 'x'), message(TEMPLATE_DATA, fields)]))).toEqual(
      faults.map((fault) => fault.replace('metadata', 'template_data')),
    );
  });

  test.each<[string, Uint8Array]>([
    ['null', value((w) => w.uint32(1 << 3).int32(0))],
    ['false', value((w) => w.uint32(4 << 3).bool(false))],
    ['0', number(0)],
    ['the largest number', number(Number.MAX_VALUE)],
    ['an empty text', text(3, '')],
    ['an empty object', struct()],
    ['an empty list', list()],
  ])('and none of these is %s', (_, bytes) => {
    expect(fieldsOf(message(METADATA, member('a', bytes), member('b', list(bytes))))).toEqual([]);
  });

  test('the context of SendEmail and no other field is searched', () => {
    const path = '/packetboat.v1.MessagesService/SendEmail';
    expect(fieldsOf(message(5, member('a', nothing)), path)).toEqual(['context invalid_value']);
    expect(fieldsOf(message(1000, member('a', nothing)), path)).toEqual([]);
    expect(fieldsOf(text(1, 'a'), '/packetboat.v1.MessagesService/GetMessage')).toEqual([]);
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
