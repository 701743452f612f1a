import { describe, expect, test } from 'vitest';
import { corsHeaders } from './cors.ts';

const APP = 'https://app.example';
const origins = [APP, 'http://localhost:3000'];
const methods = ['GET', 'OPTIONS', 'POST'];

describe('cross-origin headers', () => {
  test('are none unless origins are listed', () => {
    expect(corsHeaders([], { origin: APP })).toEqual({});
    expect(corsHeaders([], { origin: APP, 'access-control-request-method': 'POST' }, methods)).toEqual({});
  });

  test.each([
    undefined,
    'https://evil.example',
    'null',
    'https://app.example.evil.example',
    'http://app.example',
    `${APP}:444`,
    `${APP}/`,
    '*',
  ])('allow nothing to %s', (origin) => {
    expect(corsHeaders(origins, origin === undefined ? {} : { origin })).toEqual({ vary: 'Origin' });
    const preflight = corsHeaders(
      origins,
      { ...(origin === undefined ? {} : { origin }), 'access-control-request-method': 'POST' },
      methods,
    );
    expect(Object.keys(preflight)).toEqual(['vary']);
  });

  test.each(origins)('let %s read an answer and its headers', (origin) => {
    expect(corsHeaders(origins, { origin })).toEqual({
      vary: 'Origin',
      'access-control-allow-origin': origin,
      'access-control-expose-headers': expect.stringContaining('X-Request-Id'),
    });
  });

  test('list the methods of the path and the allowed headers in a preflight', () => {
    expect(corsHeaders(origins, { origin: APP, 'access-control-request-method': 'PUT' }, methods)).toEqual({
      vary: 'Origin, Access-Control-Request-Method, Access-Control-Request-Headers',
      'access-control-allow-origin': APP,
      'access-control-allow-methods': 'GET, OPTIONS, POST',
      'access-control-allow-headers': expect.stringMatching(/Authorization.*Idempotency-Key.*X-Api-Token/),
      'access-control-max-age': '7200',
    });
  });

  test('of an OPTIONS without a preflight are those of a response', () => {
    expect(corsHeaders(origins, { origin: APP }, methods)).not.toHaveProperty('access-control-allow-methods');
  });
});
