// What the description admits is accepted or judged, what the description forbids is refused, and
// each answer is one that is described. The cases are made from the rules of the proto: each
// boundary of each field, its absence, and another type.

import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { accessLimits } from '../../services/core/limits/access.ts';
import type { Field, MessageType, Method } from '../../services/runtime/contract.ts';
import { RawConnection } from '../front/raw-connection.fixture.ts';
import { type Answered, type TestGateway, testGateway } from '../gateway.fixture.ts';
import { described, routeOf } from './described.fixture.ts';

const api = described();
let gateway: TestGateway;
beforeAll(async () => {
  gateway = await testGateway({ requestsPerMinute: accessLimits.requestsPerMinuteMax });
});
afterAll(() => gateway[Symbol.asyncDispose]());

type Json = Readonly<Record<string, unknown>>;
type FieldRules = Field['rules'];

/** A message that is accepted, with every field that others are below. */
const message: Json = {
  from: { email: 'billing@mail.shop.example', name: 'Shop Billing' },
  to: ['ana@example.com'],
  subject: 'Your invoice',
  text: 'Your invoice is attached.',
  attachments: [
    {
      filename: 'a.csv',
      content: 'VG90YWw6IDEyIEVVUgo=',
      content_type: 'text/csv; charset=utf-8',
      content_id: 'a',
      disposition: 'inline',
    },
  ],
};

/** Requests that are accepted. */
const bases: Readonly<Record<string, Json>> = {
  SendMessage: message,
  SendMessageBatch: { messages: [message] },
  SendEmail: {
    identifier: 'email_key',
    receiver: 'email@email.com',
    language: 'en',
    environment: 'draft',
    context: { some_variable: 'some_value' },
  },
  CreateKey: { name: 'shop', scopes: ['messages:send'], environment: 'live', senders: ['billing'] },
  CreateSuppression: { recipient: 'user@example.com', reason: 'user_unsubscribed' },
};

interface Case {
  readonly title: string;
  /** Where the value goes: `attachments[0].filename`. */
  readonly path: string;
  /** Undefined: the field is left out. */
  readonly value: unknown;
  /** Accepted, as far as this field goes; refused for its shape; or the code of the fault. */
  readonly verdict: 'admitted' | 'malformed' | { readonly code: string; readonly at?: string };
}

const NEVER = '\u0001';

/** A text of a length, of the characters that most patterns take. */
const letters = (length: number): string => 'x'.repeat(length);

function casesOfText({ maxLength, pattern, values, code }: FieldRules): Omit<Case, 'path'>[] {
  return [
    ...(maxLength === undefined
      ? []
      : [
          { title: 'the longest text', value: letters(maxLength), verdict: 'admitted' as const },
          {
            title: 'the longest text, in characters beyond 16 bits',
            value: '\u{1f4ee}'.repeat(maxLength),
            verdict: 'admitted' as const,
          },
          {
            title: 'a text that is longer',
            value: letters(maxLength + 1),
            verdict: { code: code ?? 'too_long' },
          },
        ]),
    ...(pattern === undefined
      ? []
      : [{ title: 'a text of another form', value: NEVER, verdict: { code: code ?? 'invalid_format' } }]),
    ...(values === undefined
      ? []
      : [
          ...values.map((value) => ({ title: `the word ${value}`, value, verdict: 'admitted' as const })),
          { title: 'another word', value: NEVER, verdict: { code: code ?? 'invalid_value' } },
        ]),
  ];
}

function casesOfNumber({ min, max, code = 'out_of_range' }: FieldRules): Omit<Case, 'path'>[] {
  return [
    ...(min === undefined
      ? []
      : [
          { title: 'the least number', value: min, verdict: 'admitted' as const },
          { title: 'a number below', value: min - 1, verdict: { code } },
        ]),
    ...(max === undefined
      ? []
      : [
          { title: 'the greatest number', value: max, verdict: 'admitted' as const },
          { title: 'a number above', value: max + 1, verdict: { code } },
        ]),
  ];
}

/** Items that differ, each of a kind that the field takes. */
function itemsFor({ value, rules }: Field, base: unknown, count: number): unknown[] {
  const [first] = Array.isArray(base) ? base : [];
  return Array.from({ length: count }, (_, i) => {
    if (value.kind === 'message')
      return value.type.name === 'packetboat.v1.Address' ? `r${i}@example.com` : first;
    return rules.each?.values?.[0] ?? 'billing';
  });
}

function casesOfMany(field: Field, path: string, base: unknown): Case[] {
  const { name, rules } = field;
  const { maxItems, maxProperties, code = 'too_many' } = rules;
  const items = (count: number): unknown[] => itemsFor(field, base, count);
  const entries = (count: number): Json =>
    Object.fromEntries(Array.from({ length: count }, (_, i) => [`X-${i}`, 'a']));
  return [
    ...(maxItems === undefined
      ? []
      : [
          { title: 'as many items as may be', path, value: items(maxItems), verdict: 'admitted' as const },
          {
            title: 'an item more',
            path,
            value: items(maxItems + 1),
            // recipients are counted together, and the base has one in `to`: the first that is too
            // many is named
            verdict: {
              code,
              at:
                code === 'too_many_recipients'
                  ? `${inItem(path)}[${maxItems - (name === 'to' ? 0 : 1)}]`
                  : inItem(path),
            },
          },
        ]),
    ...(maxProperties === undefined
      ? []
      : [
          {
            title: 'as many entries as may be',
            path,
            value: entries(maxProperties),
            verdict: 'admitted' as const,
          },
          { title: 'an entry more', path, value: entries(maxProperties + 1), verdict: { code } },
          {
            title: 'a name that other code takes for something else',
            path,
            value: JSON.parse('{"__proto__":"a"}'),
            verdict: 'malformed' as const,
          },
        ]),
    ...(field.shape === 'map'
      ? casesOfText(rules.each ?? {}).map((c) => ({
          ...c,
          path,
          value: { 'X-a': c.value },
          verdict: below(c, `${name}.X-a`),
        }))
      : []),
    ...(field.shape === 'map'
      ? casesOfText(rules.names ?? {}).map((c) => ({ ...c, path, value: { [String(c.value)]: 'a' } }))
      : []),
    ...(field.shape === 'list' && field.value.kind === 'string'
      ? casesOfText(rules.each ?? {}).map((c) => ({
          ...c,
          path,
          value: [c.value],
          verdict: below(c, `${name}[0]`),
        }))
      : []),
  ];
}

const below = ({ verdict }: Pick<Case, 'verdict'>, at: string): Case['verdict'] =>
  typeof verdict === 'object' ? { ...verdict, at } : verdict;

function casesOfField(field: Field, path: string, base: unknown, type: MessageType): Case[] {
  const { rules, shape, value, hasPresence } = field;
  const isAddress = type.name === 'packetboat.v1.Address';
  const isEmptyText = shape === 'one' && value.kind === 'string';
  const missing = { code: 'missing' };
  const found: Case[] = [
    { title: 'left out', path, value: undefined, verdict: rules.required === true ? missing : 'admitted' },
    { title: 'null', path, value: null, verdict: rules.required === true ? missing : 'admitted' },
    { title: 'of another type', path, value: [[true]], verdict: 'malformed' },
    ...(isEmptyText || value.kind === 'bytes'
      ? [
          {
            title: 'empty',
            path,
            value: '',
            verdict:
              rules.required === true && !(value.kind === 'bytes' && hasPresence)
                ? missing
                : ('admitted' as const),
          },
        ]
      : []),
    ...(value.kind === 'enum'
      ? [...value.type.values.keys()].map((word) => ({
          title: word,
          path,
          value: word,
          verdict: 'admitted' as const,
        }))
      : []),
    ...(value.kind === 'enum'
      ? [{ title: 'an unknown word', path, value: NEVER, verdict: 'malformed' as const }]
      : []),
    ...(value.kind === 'bytes'
      ? [
          { title: 'base64 with line breaks', path, value: 'QU\r\nJD\nQQ==\n', verdict: 'admitted' as const },
          { title: 'base64 for URLs, without padding', path, value: '-_-_QQ', verdict: 'admitted' as const },
          { title: 'not base64', path, value: 'QR==', verdict: 'malformed' as const },
          { title: 'a data URI', path, value: 'data:;base64,QUJD', verdict: 'malformed' as const },
          { title: 'base64 of two alphabets', path, value: '+_+_', verdict: 'malformed' as const },
        ]
      : []),
    ...(shape === 'one' && value.kind === 'string' ? casesOfText(rules).map((c) => ({ ...c, path })) : []),
    ...(hasPresence || shape === 'one' ? casesOfNumber(rules).map((c) => ({ ...c, path })) : []),
    ...casesOfMany(field, path, base),
  ];
  // an address is judged as a whole: it may be one text
  const whole = path.slice(0, path.lastIndexOf('.'));
  return isAddress
    ? found.map((c) =>
        typeof c.verdict === 'object' ? { ...c, verdict: { code: 'invalid_address', at: whole } } : c,
      )
    : found;
}

/**
 * Every case of every field of a type, and of what is below, as far as the base has something
 * there.
 */
function casesOf(type: MessageType, base: Json, prefix = ''): Case[] {
  return [...type.fields.values()].flatMap((field) => {
    const path = `${prefix}${field.name}`;
    const given = base[field.name];
    const inside = Array.isArray(given) ? given[0] : given;
    const own = casesOfField(field, path, given, type);
    const isObject =
      field.value.kind === 'message' &&
      typeof inside === 'object' &&
      !field.value.type.name.startsWith('google.');
    if (!isObject || field.value.kind !== 'message') return own;
    return [
      ...own,
      ...casesOf(field.value.type, inside as Json, Array.isArray(given) ? `${path}[0].` : `${path}.`),
    ];
  });
}

/** A copy of the base with another value at a path. */
function laidOver(base: Json, path: string, value: unknown): Json {
  const copy = structuredClone(base) as Record<string, unknown>;
  const parts = path.split(/[.[\]]+/).filter((part) => part !== '');
  const last = parts.pop() ?? '';
  const at = parts.reduce<Record<string, unknown>>(
    (object, part) => object[part] as Record<string, unknown>,
    copy,
  );
  if (value === undefined) delete at[last];
  else at[last] = value;
  return copy;
}

/** What a verdict comes to in HTTP. */
function expectVerdict({ path, verdict }: Case, { status, body }: Answered): void {
  const codes = (body.error?.errors ?? []).map(({ field, code }) => `${field} ${code}`);
  if (verdict === 'admitted') {
    // what else is wrong with the value, or with what is left, is judged: never 400
    expect([200, 201, 202, 403, 409, 422]).toContain(status);
    expect(
      codes.filter(
        (c) =>
          /(?:missing|too_long|too_many|out_of_range|invalid_value)$/.test(c) &&
          c.startsWith(`${path} `) &&
          !isAcrossFields(c),
      ),
    ).toEqual([]);
  } else if (verdict === 'malformed') {
    expect(status).toBe(400);
  } else {
    expect([status, codes]).toEqual([422, expect.arrayContaining([`${verdict.at ?? path} ${verdict.code}`])]);
  }
}

const ITEM = 'messages[0].';
const inItem = (path: string): string => (path.startsWith(ITEM) ? path.slice(ITEM.length) : path);

const caseOfItem = (one: Case): Case => ({
  ...one,
  path: inItem(one.path),
  verdict:
    typeof one.verdict === 'object' && one.verdict.at !== undefined
      ? { ...one.verdict, at: inItem(one.verdict.at) }
      : one.verdict,
});

/** The answer that the only message of a batch would have got alone. */
function ofItem({ status, body, ...answer }: Answered): Answered {
  expect(status).toBe(200);
  const [result] = (body as unknown as { readonly results: Answered['body'][] }).results;
  if (result === undefined) throw new Error('the batch has no result');
  const code = result.error?.code;
  const statuses: Readonly<Record<string, number>> = { invalid_request: 400, forbidden: 403 };
  return { ...answer, status: code === undefined ? 202 : (statuses[code] ?? 422), body: result };
}

/** Rules about several fields, which no schema states. */
const isAcrossFields = (fault: string): boolean =>
  ['subject missing', 'recipient missing', 'sender missing'].includes(fault);

const withBody = api.contract.methods.filter((method) => routeOf(method).body === '*');
const rows = withBody.flatMap((method) =>
  casesOf(method.requestType, bases[method.name] ?? {}).map((one): [string, string, string, Method, Case] => [
    method.name,
    one.path,
    one.title,
    method,
    one,
  ]),
);

describe('a request', () => {
  test('of every rpc with a body is tried, accepted as it is', async () => {
    expect(withBody.map(({ name }) => name).toSorted()).toEqual(Object.keys(bases).toSorted());
    for (const method of withBody) {
      const route = routeOf(method);
      const answer = await gateway.send(route.pattern, { body: JSON.stringify(bases[method.name]) });
      expect([method.name, answer.status, answer.body.error?.errors]).toEqual([
        method.name,
        method.rest.status,
        undefined,
      ]);
    }
  });

  test.each(rows)('%s with %s, %s', async (_rpc, _path, _title, method, one) => {
    const route = routeOf(method);
    const body = laidOver(bases[method.name] ?? {}, one.path, one.value);
    const answer = await gateway.send(route.pattern, { body: JSON.stringify(body) });
    if (one.path.startsWith(ITEM)) expectVerdict(caseOfItem(one), ofItem(answer));
    else expectVerdict(one, answer);
    const forbidden = api.bodyFaults(route, body);
    expect({ forbidden, isForbidden: forbidden.length > 0 }).toMatchObject({
      isForbidden: one.verdict !== 'admitted',
    });
    expect(api.answerFaults(route, answer.status, answer.body)).toEqual([]);
  });
});

describe('a query', () => {
  const list = api.contract.methods.find(({ name }) => name === 'ListMessages');
  if (list === undefined) throw new Error('there is no rpc ListMessages');
  const cases = [...list.requestType.fields.values()].flatMap((field) =>
    casesOfField(field, field.name, undefined, list.requestType).filter(
      ({ value }) => typeof value === 'string' || typeof value === 'number',
    ),
  );
  test.each(cases.map((one): [string, string, Case] => [one.path, one.title, one]))(
    'with %s, %s',
    async (_path, _title, one) => {
      const route = routeOf(list);
      const answer = await gateway.send(
        `${route.pattern}?${new URLSearchParams({ [one.path]: String(one.value) })}`,
      );
      expectVerdict(one, answer);
      const forbidden = api.parameterFaults(route, one.path, one.value);
      expect({ forbidden, isForbidden: forbidden.length > 0 }).toMatchObject({
        isForbidden: one.verdict !== 'admitted',
      });
      expect(api.answerFaults(route, answer.status, answer.body)).toEqual([]);
    },
  );
});

describe('an answer', () => {
  const method = (name: string): Method => {
    const found = api.contract.methods.find((m) => m.name === name);
    if (found === undefined) throw new Error(`there is no rpc ${name}`);
    return found;
  };
  async function answered(
    name: string,
    parts: Readonly<Record<string, string>> = {},
    body?: Json,
  ): Promise<Answered> {
    const route = routeOf(method(name));
    const path = route.pattern.replaceAll(/\{(\w+)\}/g, (_, part: string) =>
      encodeURIComponent(parts[part] ?? ''),
    );
    const more = body === undefined ? {} : { body: JSON.stringify(body) };
    const answer = await gateway.send(path, { method: route.verb.toUpperCase(), ...more });
    expect([name, answer.status, api.answerFaults(route, answer.status, answer.body)]).toEqual([
      name,
      answer.status,
      [],
    ]);
    return answer;
  }

  test('of each rpc is as described', async () => {
    const scheduled_time = new Date(Date.now() + 3_600_000).toISOString();
    const sent = await answered(
      'SendMessage',
      {},
      { ...bases.SendMessage, scheduled_time, tags: { kind: 'a' }, metadata: { a: 1 } },
    );
    const { message_id } = sent.body;
    const key = await answered('CreateKey', {}, bases.CreateKey);
    const { key_id = '' } = (key.body as unknown as { key: { key_id: string } }).key;
    const found = [
      sent,
      key,
      await answered('SendMessageBatch', {}, { messages: [message, {}, { ...message, to: [1] }] }),
      await answered('SendEmail', {}, bases.SendEmail),
      await answered('CreateSuppression', {}, { recipient: 'again@example.com' }),
      await answered('CreateSuppression', {}, { recipient: 'again@example.com' }),
      await answered('GetMessage', { message_id }),
      await answered('ListMessageEvents', { message_id }),
      await answered('ListMessages'),
      await answered('CancelMessage', { message_id }),
      await answered('GetMessage', { message_id }),
      await answered('ListKeys'),
      await answered('RevokeKey', { key_id }),
      await answered('ListKeys'),
      await answered('ListSenders'),
      await answered('ListTemplates'),
    ];
    expect(found.map(({ status }) => status)).toEqual([
      202, 201, 200, 200, 201, 200, 200, 200, 200, 200, 200, 200, 200, 200, 200, 200,
    ]);
    expect(new Set(api.contract.methods.map(({ name }) => name)).size).toBe(13);
  });

  test.each([
    ['GetMessage', 404],
    ['CancelMessage', 404],
    ['ListMessageEvents', 404],
    ['RevokeKey', 404],
  ])('of %s about nothing is %i, and described', async (name, status) => {
    expect((await answered(name, { message_id: 'msg_x', key_id: 'x' })).status).toBe(status);
  });

  test('without a key is 401, and described for every route', async () => {
    for (const { http } of api.contract.methods) {
      for (const route of http) {
        const answer = await gateway.send(route.pattern.replaceAll(/\{\w+\}/g, 'x'), {
          method: route.verb.toUpperCase(),
          headers: {},
        });
        expect([route.pattern, answer.status, api.answerFaults(route, answer.status, answer.body)]).toEqual([
          route.pattern,
          401,
          [],
        ]);
      }
    }
  });

  test.each([
    ['another Expect', 'Expect: a miracle', 417],
    ['another Transfer-Encoding', 'Transfer-Encoding: gzip', 501],
  ])('to a request with %s (%s) is %i, and described for every route', async (_name, header, expected) => {
    for (const { http } of api.contract.methods) {
      for (const route of http) {
        using connection = await RawConnection.open(gateway.port);
        const path = route.pattern.replaceAll(/\{\w+\}/g, 'x');
        await connection.write(
          `${route.verb.toUpperCase()} ${path} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer ${gateway.key}\r\n${header}\r\n\r\n`,
        );
        const { status = 0, body = 'null' } = (await connection.answer()) ?? {};
        expect([route.pattern, status, api.answerFaults(route, status, JSON.parse(body))]).toEqual([
          route.pattern,
          expected,
          [],
        ]);
      }
    }
  });

  test('has a time as it was handed over, also before 1970', async () => {
    const scheduled_time = '1969-12-31T23:59:59.500Z';
    const { message_id } = (await answered('SendMessage', {}, { ...bases.SendMessage, scheduled_time })).body;
    expect((await answered('GetMessage', { message_id })).body).toMatchObject({ scheduled_time });
  });

  test('about a time that an offset leads out of the years 1 to 9999 is 422', async () => {
    const times = { scheduled_time: '0001-01-01T00:00:00+01:00', expires_at: '9999-12-31T23:59:59-01:00' };
    const { status, body } = await answered('SendMessage', {}, { ...bases.SendMessage, ...times });
    expect([status, body.error.errors.map(({ field, code }) => `${field} ${code}`)]).toEqual([
      422,
      expect.arrayContaining(['scheduled_time out_of_range', 'expires_at out_of_range']),
    ]);
  });
});
