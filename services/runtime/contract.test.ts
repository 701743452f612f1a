import { describe, expect, test } from 'vitest';
import { loadContract } from './contract.ts';

const contract = loadContract();
const method = (name: string) => {
  const found = contract.methods.find((m) => m.name === name);
  if (found === undefined) throw new Error(`there is no rpc ${name}`);
  return found;
};

describe('the contract', () => {
  test('knows the route, the status and the scope of an rpc', () => {
    expect(method('SendMessage')).toMatchObject({
      path: '/packetboat.v1.MessagesService/SendMessage',
      service: 'MessagesService',
      http: [{ verb: 'post', pattern: '/v1/messages', body: '*' }],
      rest: { status: 202, statusAgain: 202, scope: 'messages:send' },
    });
    expect(method('CreateSuppression').rest).toEqual({
      status: 201,
      statusAgain: 200,
      scope: 'suppressions:write',
    });
    expect(method('GetMessage').rest.status).toBe(200);
  });

  test('every rpc has a scope, and no two share a route', () => {
    expect(contract.methods.filter((m) => m.rest.scope === '')).toEqual([]);
    const routes = contract.methods.flatMap((m) => m.http.map((r) => `${r.verb} ${r.pattern}`));
    expect(new Set(routes).size).toBe(routes.length);
  });

  test('the service between gateway and ingest is not public', () => {
    expect(contract.methods.filter((m) => m.path.includes('internal'))).toEqual([]);
  });

  test.each([
    ['recipient', 'one', false, 'string'],
    ['subject', 'one', true, 'string'],
    ['to', 'list', false, 'message'],
    ['from', 'one', true, 'message'],
    ['headers', 'map', false, 'string'],
    ['environment', 'one', false, 'enum'],
    ['scheduled_time', 'one', true, 'message'],
  ])('field %s is %s, presence %s, of kind %s', (name, shape, hasPresence, kind) => {
    expect(method('SendMessage').requestType.fields.get(name)).toMatchObject({
      shape,
      hasPresence,
      value: { kind },
    });
  });

  test('an enum value in JSON is in lower case, without prefix, and UNSPECIFIED is missing', () => {
    const field = method('SendMessage').requestType.fields.get('copies');
    expect(field?.value.kind === 'enum' && [...field.value.type.values]).toEqual([
      ['at_least_once', 'COPIES_AT_LEAST_ONCE'],
      ['at_most_once', 'COPIES_AT_MOST_ONCE'],
    ]);
  });

  test('reserved fields do not exist', () => {
    expect(method('SendMessage').requestType.fields.has('track')).toBe(false);
  });
});
