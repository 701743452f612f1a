import { describe, expect, test } from 'vitest';
import { loadContract } from '../../services/runtime/contract.ts';
import { Faults } from './faults.ts';
import type { TypedMessage } from './read-message.ts';
import { readPath, readQuery } from './read-url.ts';

const { methods } = loadContract();
const fieldsOf = (name: string) => methods.find((m) => m.name === name)?.requestType.fields ?? new Map();

function read(query: string, rpc = 'ListMessages') {
  const faults = new Faults();
  const message: TypedMessage = {};
  readQuery(fieldsOf(rpc), query, message, faults);
  return { message, faults: faults.list.map(({ field, code }) => `${field}: ${code}`) };
}

describe('a query', () => {
  test.each([
    ['', {}],
    ['status=delivered&limit=25', { status: 'STATUS_DELIVERED', limit: 25 }],
    ['recipient=a%2Bb%40example.com', { recipient: 'a+b@example.com' }],
    ['created_after=2026-04-19T14:30:00Z', { created_after: { seconds: 1776609000, nanos: 0 } }],
    ['sender=', { sender: '' }],
  ])('%j is read', (query, message) => {
    expect(read(query)).toEqual({ message, faults: [] });
  });

  test.each([
    ['nope=1', ['nope: unknown_parameter']],
    ['Status=queued', ['Status: unknown_parameter']],
    ['__proto__=1', ['__proto__: unknown_parameter']],
    ['limit=ten', ['limit: wrong_type']],
    ['limit=', ['limit: wrong_type']],
    ['limit=1e3', ['limit: wrong_type']],
    ['limit=0x10', ['limit: wrong_type']],
    ['limit=010', ['limit: wrong_type']],
    ['limit=1.5', ['limit: out_of_range']],
    ['limit=99999999999', ['limit: out_of_range']],
    ['limit=1&limit=2', ['limit: repeated']],
    ['status=DELIVERED', ['status: invalid_value']],
    ['created_after=yesterday', ['created_after: invalid_time']],
    ['nope=1&limit=x&status=y', ['nope: unknown_parameter', 'limit: wrong_type', 'status: invalid_value']],
  ])('%j is refused', (query, faults) => {
    expect(read(query).faults).toEqual(faults);
  });

  test('with an unknown name gets the nearest parameter', () => {
    const faults = new Faults();
    readQuery(fieldsOf('ListMessages'), 'Statuss=queued&nope=1', {}, faults);
    expect(faults.list.map(({ message }) => message)).toEqual([
      'There is no such parameter; did you mean status?',
      'There is no such parameter.',
    ]);
  });

  test('says repeated fields by repetition, and nothing that only JSON can say', () => {
    expect(read('scopes=a&scopes=b', 'CreateKey').message).toEqual({ scopes: ['a', 'b'] });
    expect(read('tags=a&from=b&metadata=c', 'SendMessage').faults).toHaveLength(3);
  });
});

test('parts of a path are read by the type of their field', () => {
  const message: TypedMessage = {};
  const faults = new Faults();
  const type = methods.find((m) => m.name === 'GetMessage')?.requestType;
  if (type !== undefined) readPath(type, { message_id: 'msg_1' }, message, faults);
  expect(message).toEqual({ message_id: 'msg_1' });
});
