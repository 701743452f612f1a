import { describe, expect, test } from 'vitest';
import { partsOf, RouteTable } from './route-table.ts';

const table = new RouteTable();
for (const [method, pattern] of [
  ['GET', '/v1/messages'],
  ['POST', '/v1/messages'],
  ['POST', '/v1/messages/batch'],
  ['GET', '/v1/messages/:message_id'],
  ['DELETE', '/v1/messages/:message_id'],
  ['GET', '/v1/messages/:message_id/events'],
  ['POST', '/v1/messages/:message_id/replay::now'],
  ['GET', '/v1/:kind/batch/only'],
  ['GET', '/'],
] as const) {
  table.add(method, { pattern, needsKey: pattern !== '/' });
}

describe('the methods of a path', () => {
  test.each<readonly [string, Readonly<Record<string, string>> | null]>([
    ['/', { GET: '/', HEAD: '/' }],
    ['/v1/messages', { GET: '/v1/messages', HEAD: '/v1/messages', POST: '/v1/messages' }],
    ['/v1/messages/', { GET: '/v1/messages', HEAD: '/v1/messages', POST: '/v1/messages' }],
    ['/v1/messages/batch', { POST: '/v1/messages/batch' }],
    [
      '/v1/messages/msg_1',
      {
        GET: '/v1/messages/:message_id',
        HEAD: '/v1/messages/:message_id',
        DELETE: '/v1/messages/:message_id',
      },
    ],
    [
      '/v1/messages/msg_1/events',
      { GET: '/v1/messages/:message_id/events', HEAD: '/v1/messages/:message_id/events' },
    ],
    ['/v1/messages/msg_1/replay:now', { POST: '/v1/messages/:message_id/replay::now' }],
    // a named part that leads nowhere does not hide the part that may be anything
    ['/v1/messages/batch/only', { GET: '/v1/:kind/batch/only', HEAD: '/v1/:kind/batch/only' }],
    [
      '/v1/messages/constructor',
      {
        GET: '/v1/messages/:message_id',
        HEAD: '/v1/messages/:message_id',
        DELETE: '/v1/messages/:message_id',
      },
    ],
    ['/v1', null],
    ['/v1/', null],
    ['/v1/messages//', null],
    ['/v1/messages//events', null],
    ['//v1/messages', null],
    ['/V1/messages', null],
    ['/v1/messages/msg_1/events/more', null],
    ['/constructor', null],
  ])('%s', (path, methods) => {
    const found = table.find(partsOf(path));
    expect(
      found === null
        ? null
        : Object.fromEntries([...found].map(([method, { pattern }]) => [method, pattern])),
    ).toEqual(methods);
  });
});
