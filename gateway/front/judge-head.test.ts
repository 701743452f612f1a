import { describe, expect, test } from 'vitest';
import { newKey } from '../../test/support/installation.ts';
import { httpStatusOf } from '../refusals.ts';
import { judgeHead, type RequestHead } from './judge-head.ts';
import { RouteTable } from './route-table.ts';

const routes = new RouteTable();
routes.add('GET', { pattern: '/v1/messages', needsKey: true });
routes.add('POST', { pattern: '/v1/messages', needsKey: true });
routes.add('GET', { pattern: '/v1/suppressions/:recipient', needsKey: true });
routes.add('GET', { pattern: '/', needsKey: false });
routes.add('GET', { pattern: '/docs', needsKey: false });

const key = newKey();
const good: RequestHead = {
  method: 'POST',
  target: '/v1/messages',
  version: '1.1',
  headers: { authorization: `Bearer ${key}` },
  hosts: 1,
};

/** `passed`, `options`, or the status of the refusal, with the word of it. */
function judged(change: Partial<RequestHead>): string {
  const verdict = judgeHead({ ...good, ...change }, routes);
  return verdict.kind === 'refused'
    ? `${httpStatusOf(verdict.refused)} ${verdict.refused.code}`
    : verdict.kind;
}

describe('the head of a request', () => {
  test.each<readonly [string, Partial<RequestHead>, string]>([
    ['with everything', {}, 'passed'],
    ['with a query', { target: '/v1/messages?x=%' }, 'passed'],
    ['with its path in percent signs', { target: '/v1/%6dessages' }, 'passed'],
    ['with a slash in a part', { method: 'GET', target: '/v1/suppressions/a%2fb' }, 'passed'],
    ['in absolute form', { target: 'http://mail.example:8080/v1/messages/' }, 'passed'],
    [
      'in absolute form, without a path, with a query',
      { method: 'GET', target: 'https://mail.example?x=1', headers: {} },
      'passed',
    ],
    [
      'in absolute form, without a path',
      { method: 'GET', target: 'https://mail.example', headers: {} },
      'passed',
    ],
    ['for a page, without a key', { method: 'GET', target: '/docs', headers: {} }, 'passed'],
    [
      'for a page, with a malformed key',
      { method: 'GET', target: '/docs', headers: { authorization: 'Bearer x' } },
      'passed',
    ],
    ['of HTTP/1.0, without a Host', { version: '1.0', hosts: 0 }, 'passed'],
    ['with another content type', { headers: { ...good.headers, 'content-type': '???' } }, 'passed'],
    ['in chunks', { headers: { ...good.headers, 'transfer-encoding': 'Chunked' } }, 'passed'],
    [
      'with the one expectation that there is',
      { headers: { ...good.headers, expect: '100-Continue' } },
      'passed',
    ],
    ['with the other header of keys', { headers: { 'x-api-token': key } }, 'passed'],

    ['of another protocol', { version: '2.0' }, '400 invalid_request'],
    ['of the first protocol', { version: '0.9', hosts: 0 }, '400 invalid_request'],
    ['without a Host', { hosts: 0 }, '400 invalid_request'],
    ['with two Hosts', { hosts: 2 }, '400 invalid_request'],
    [
      'of HTTP/1.0, in chunks',
      { version: '1.0', headers: { ...good.headers, 'transfer-encoding': 'chunked' } },
      '400 invalid_request',
    ],
    ['with half a percent sign', { target: '/v1/suppressions/%f' }, '400 invalid_request'],
    ['with bytes that are no UTF-8', { target: '/v1/suppressions/%ff' }, '400 invalid_request'],

    ['for nothing, without a key', { target: '/v1/nothing', headers: {} }, '404 not_found'],
    ['for nothing, with a good key', { target: '/v1/nothing' }, '404 not_found'],
    ['for nothing, with another method', { method: 'QUERY', target: '/v1/nothing' }, '404 not_found'],
    ['for an authority', { target: 'mail.example:443' }, '404 not_found'],
    ['for a star', { target: '*' }, '404 not_found'],
    ['for what every object has', { target: '/__proto__' }, '404 not_found'],

    ['with another method, without a key', { method: 'DELETE', headers: {} }, '405 method_not_allowed'],
    ['with another method, with a good key', { method: 'QUERY' }, '405 method_not_allowed'],
    [
      'with another method, in another encoding',
      { method: 'TRACE', headers: { 'transfer-encoding': 'gzip' } },
      '405 method_not_allowed',
    ],
    ['to write a page', { method: 'POST', target: '/docs' }, '405 method_not_allowed'],

    ['without a key', { headers: {} }, '401 unauthenticated'],
    ['with an empty key', { headers: { authorization: 'Bearer ' } }, '401 unauthenticated'],
    ['with another scheme', { headers: { authorization: 'Basic c2s6' } }, '401 unauthenticated'],
    ['with a malformed key', { headers: { authorization: `Bearer ${key}-` } }, '401 unauthenticated'],
    ['with two keys', { headers: { 'x-api-token': `${key}, ${key}` } }, '401 unauthenticated'],
    [
      'without a key, in another encoding',
      { headers: { 'transfer-encoding': 'gzip' } },
      '401 unauthenticated',
    ],

    [
      'in another encoding',
      { headers: { ...good.headers, 'transfer-encoding': 'gzip' } },
      '501 unsupported_transfer_encoding',
    ],
    [
      'in two encodings',
      { headers: { ...good.headers, 'transfer-encoding': 'gzip, chunked' } },
      '501 unsupported_transfer_encoding',
    ],
    [
      'with another expectation',
      { headers: { ...good.headers, expect: 'a miracle' } },
      '417 expectation_failed',
    ],
    [
      'with two expectations',
      { headers: { ...good.headers, expect: '100-continue, x' } },
      '417 expectation_failed',
    ],
    [
      'of HTTP/1.0, with another expectation',
      { version: '1.0', hosts: 0, headers: { ...good.headers, expect: 'x' } },
      'passed',
    ],

    ['that asks for the options of a path', { method: 'OPTIONS', headers: {} }, 'options'],
    ['that asks for the options of the server', { method: 'OPTIONS', target: '*', headers: {} }, 'options'],
    [
      'that asks for the options of nothing',
      { method: 'OPTIONS', target: '/v1/nothing', headers: {} },
      '404 not_found',
    ],
  ])('%s', (_, change, verdict) => {
    expect(judged(change)).toBe(verdict);
  });

  test.each<readonly [string, Partial<RequestHead>, string | null]>([
    ['no key is required', { headers: {} }, 'missing'],
    ['an empty key is malformed', { headers: { authorization: 'Bearer ' } }, 'malformed'],
    ['a text that cannot be a key is malformed', { headers: { 'x-api-token': 'x' } }, 'malformed'],
    [
      'a request that is refused for something else has no fault of its key',
      { target: '/v1/nothing', headers: {} },
      null,
    ],
  ])('%s', (_, change, keyFault) => {
    expect(judgeHead({ ...good, ...change }, routes)).toMatchObject({ keyFault });
  });

  test.each<[string, Record<string, string>, RegExp]>([
    ['nothing', {}, /needs an API key/],
    ['a key without Bearer', { authorization: key }, /the word Bearer, a space and the API key/],
    ['another scheme', { authorization: 'Basic c2s6' }, /the word Bearer, a space and the API key/],
    ['half a key', { authorization: `Bearer ${key.slice(0, 20)}` }, /not a complete API key/],
    ['half a key in X-Api-Token', { 'x-api-token': key.slice(0, 20) }, /not a complete API key/],
  ])('says what is wrong with %s in place of a key', (_, headers, message) => {
    expect(judgeHead({ ...good, headers }, routes)).toMatchObject({
      refused: { message: expect.stringMatching(message) },
    });
  });

  test('lists the methods of the path', () => {
    expect(judgeHead({ ...good, method: 'PUT' }, routes)).toMatchObject({
      headers: { allow: 'GET, HEAD, OPTIONS, POST' },
    });
    expect(judgeHead({ ...good, method: 'OPTIONS' }, routes)).toMatchObject({
      methods: ['GET', 'HEAD', 'OPTIONS', 'POST'],
    });
    expect(judgeHead({ ...good, method: 'PUT', target: '/docs' }, routes)).toMatchObject({
      headers: { allow: 'GET, HEAD, OPTIONS' },
    });
  });

  test('never repeats the key', () => {
    const verdict = judgeHead({ ...good, headers: { authorization: 'Bearer sk_live_secret' } }, routes);
    expect(JSON.stringify(verdict)).not.toContain('secret');
  });
});
