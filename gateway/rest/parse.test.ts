import { describe, expect, test } from 'vitest';
import { loadContract } from '../../services/runtime/contract.ts';
import { Faults } from './faults.ts';
import { parseJson } from './parse.ts';
import { readMessage } from './read-message.ts';
import { scanText } from './text-scan.ts';

const { methods } = loadContract();
function read(body: string, rpc = 'SendMessage') {
  const type = methods.find(({ name }) => name === rpc)?.requestType;
  const parsed = parseJson(body);
  if (type === undefined || 'refused' in parsed) throw new Error('the body was not read');
  const faults = new Faults();
  const message = readMessage(type, parsed.json, faults);
  return { message, faults: faults.list.map(({ field, code }) => `${field} ${code}`) };
}

describe('a number in free JSON', () => {
  test.each<[string, unknown]>([
    ['0', 0],
    ['-0', 0],
    ['-0.0e7', 0],
    ['1.0', 1],
    ['1e3', 1000],
    ['1e20', 1e20],
    ['5e-324', 5e-324],
    ['0.10000000000000001', 0.1],
    ['9007199254740991', 9007199254740991],
    ['9007199254740992', '9007199254740992'],
    ['9007199254740993', '9007199254740993'],
    ['-9007199254740993', '-9007199254740993'],
    ['123456789012345678901234567890', '123456789012345678901234567890'],
    ['9'.repeat(308), '9'.repeat(308)],
    ['0.1234567890123456789', '0.1234567890123456789'],
    ['12345678901234567.89', '12345678901234567.89'],
  ])('%s is kept', (text, kept) => {
    const body = `{"metadata":{"n":${text},"deep":[{"n":[${text}]}]},"template_data":{"n": ${text} }}`;
    expect(read(body)).toMatchObject({
      message: { metadata: { n: kept, deep: [{ n: [kept] }] }, template_data: { n: kept } },
      faults: [],
    });
  });

  test.each(['1e400', '-1e400', '0.1e-400', '1e-324', '9'.repeat(400)])('%s is rejected', (text) => {
    expect(read(`{"metadata":{"n":[0,${text}]}}`).faults).toEqual(['metadata.n[1] out_of_range']);
  });

  test('leaves names that all objects have to the reader', () => {
    expect(read('{"metadata":{"__proto__":9007199254740993}}').faults).toEqual([
      'metadata.__proto__ forbidden_name',
    ]);
  });
});

describe('a long number elsewhere', () => {
  const long = '9007199254740993';
  test.each<[string, string, string]>([
    ['in a text', `{"subject":${long}}`, 'subject wrong_type'],
    ['as an address', `{"from":${long}}`, 'from wrong_type'],
    ['as a list', `{"to":${long}}`, 'to wrong_type'],
    ['in a list', `{"to":[${long}]}`, 'to[0] wrong_type'],
    ['as a map', `{"tags":${long}}`, 'tags wrong_type'],
    ['in a map', `{"tags":{"a":${long}}}`, 'tags.a wrong_type'],
    ['as free JSON', `{"metadata":${long}}`, 'metadata wrong_type'],
    ['as an enum', `{"priority":${long}}`, 'priority invalid_value'],
    ['as a time', `{"expires_at":${long}}`, 'expires_at invalid_time'],
    ['as bytes', `{"attachments":[{"content":${long}}]}`, 'attachments[0].content wrong_type'],
    ['as the body', long, ' wrong_type'],
  ])('%s is a number like any other', (_, body, fault) => {
    expect(read(body).faults).toEqual([fault]);
  });

  test('in a field for a number has its range', () => {
    expect(read(`{"requests_per_minute":${long}}`, 'CreateKey').faults).toEqual([
      'requests_per_minute out_of_range',
    ]);
    expect(read('{"requests_per_minute":60.00000000000000000}', 'CreateKey').message).toMatchObject({
      requests_per_minute: 60,
    });
  });
});

describe('long numbers', () => {
  test.each([
    ['{"a":1234567890123456}', true],
    ['{"a":[1,\n 0.12345678901234]}', true],
    ['[1e5]', true],
    ['{"a":1E5}', true],
    ['{"a":123456789012345}', false],
    ['{"a":true,"b":false,"c":null}', false],
    ['{"a":"1234567890123456789","b":"1e400"}', false],
    ['{"1234567890123456789":1}', false],
    ['{"a":"\\"","b":12}', false],
    ['[1,2,3,4,5,6,7,8,9,10,11,12,13,14]', false],
  ])('%s: %s', (text, expected) => {
    expect(scanText(text).hasLongNumbers).toBe(expected);
  });
});
