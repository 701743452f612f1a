// Every public rpc with restricted keys, through the doors' own calls: what the table of the core
// promises is what a caller meets.

import { beforeEach, describe, expect, it, test } from 'vitest';
import { SendItem } from '../../proto/gen/packetboat/internal/v1/ingest.ts';
import { CreateKeyRequest } from '../../proto/gen/packetboat/v1/keys.ts';
import {
  ListMessagesRequest,
  SendEmailRequest,
  SendMessageRequest,
} from '../../proto/gen/packetboat/v1/messages.ts';
import type { Environment as EnvironmentProto } from '../../proto/gen/packetboat/v1/types.ts';
import { sampleMessage } from '../../test/contract/sample-message.ts';
import { type MemoryIngest, memoryIngest } from '../../test/support/memory-ingest.ts';
import { type AccessRule, accessRules, type Bearing } from '../core/access/access-rules.ts';
import { KEY_RANDOM_BYTES, makeKey } from '../core/access/api-key.ts';
import { scopes } from '../core/access/principal.ts';
import type { Environment } from '../core/catalog/catalog.ts';
import { Failure } from '../core/failure.ts';
import type { ApiKey } from '../ports/key-store.ts';
import { call, send } from './receive-calls.ts';
import { sendBatch } from './send-batch.ts';

type Path = keyof typeof accessRules;
const paths = Object.keys(accessRules) as Path[];
const ruleOf = (path: Path): AccessRule => accessRules[path];

/** The senders of the example catalog, each with a template. */
const OWN = 'accounts';
const FOREIGN = 'billing';
const templateOf = (sender: string): string => (sender === OWN ? 'otp-code' : 'invoice');
const RECIPIENT = 'ana@qa.shop.example';

/** What a call is about. Null: an object that nobody has. */
interface Target {
  readonly environment: Environment;
  readonly sender: string | null;
}

let memory: MemoryIngest;
let count = 0;

beforeEach(async () => {
  memory = await memoryIngest();
});

/** A key in the store, and its text. */
async function keyWith(more: Partial<ApiKey> = {}): Promise<{ readonly text: string; readonly key: ApiKey }> {
  const { text, key: made } = makeKey('live', memory.ingest.random.bytes(KEY_RANDOM_BYTES));
  const key: ApiKey = {
    ...made,
    tenant: 'default',
    name: 'of a test',
    scopes,
    environment: 'live',
    senders: [],
    requestsPerMinute: 5_000,
    expiresAt: null,
    revokedAt: null,
    createdAt: 1,
    createdBy: null,
    ...more,
  };
  await memory.ingest.keys.add(key);
  return { text, key };
}

const environmentProto = (environment: Environment): EnvironmentProto =>
  `ENVIRONMENT_${environment.toUpperCase()}` as EnvironmentProto;

async function rpc(key: string, path: Path, request: object): Promise<object | Failure> {
  const origin = { credential: key, address: '', requestId: null };
  const answered = await call(memory.calls, path, origin, { request, faults: [] });
  return 'failure' in answered ? answered.failure : answered.response;
}

async function sending(key: string, request: Partial<SendItem>): Promise<object | Failure> {
  const result = await send(memory.calls, SendItem.fromPartial({ credential: key, ...request }));
  return 'failure' in result ? result.failure : result.message;
}

async function storedMessage({ environment, sender }: Target): Promise<string> {
  if (sender === null) return 'msg_00000000000000000000000000';
  const message = sampleMessage({ createdAt: memory.ingest.messages.now(), environment, sender });
  await memory.ingest.messages.insert([message]);
  return message.id;
}

async function storedKey({ environment, sender }: Target): Promise<string> {
  return sender === null
    ? 'nobody'
    : (await keyWith({ environment, senders: [sender], createdAt: ++count })).key.id;
}

const dataOf = (identifier: string): Readonly<Record<string, unknown>> =>
  memory.ingest.catalog.current().template('default', identifier)?.sampleData ?? {};

/** One call of each rpc about a target; a list answers what it has of it, or nothing. */
const attempts: { readonly [P in Path]: (key: string, target: Target) => Promise<object | Failure> } = {
  '/packetboat.v1.MessagesService/SendMessage': async (key, { environment, sender }) =>
    sending(key, {
      send_message: SendMessageRequest.fromPartial({
        recipient: RECIPIENT,
        subject: 'a',
        text: 'a',
        sender: sender ?? 'nobody',
        environment: environmentProto(environment),
      }),
    }),
  '/packetboat.v1.MessagesService/SendMessageBatch': async (key, { environment, sender }) => {
    const message = SendMessageRequest.fromPartial({
      recipient: RECIPIENT,
      subject: 'a',
      text: 'a',
      sender: sender ?? 'nobody',
      environment: environmentProto(environment),
    });
    const origin = { credential: key, address: '', requestId: null };
    const answered = await sendBatch(memory.calls, SendItem.fromPartial({ credential: key }), origin, {
      request: { messages: [message] },
      faults: [],
    });
    if ('failure' in answered) return answered.failure;
    const [result] = answered.response.results;
    if (result?.error === undefined) return result ?? {};
    const { code, message: text, errors } = result.error;
    return new Failure(code === 'forbidden' ? 'forbidden' : 'invalid', text, { code, errors });
  },
  '/packetboat.v1.MessagesService/SendEmail': async (key, { environment, sender }) => {
    const identifier = sender === null ? 'nothing' : templateOf(sender);
    const form = {
      receiver: RECIPIENT,
      identifier,
      environment: environmentProto(environment),
      context: dataOf(identifier),
    };
    return sending(key, { send_email: SendEmailRequest.fromPartial(form) });
  },
  '/packetboat.v1.MessagesService/GetMessage': async (key, target) =>
    rpc(key, '/packetboat.v1.MessagesService/GetMessage', { message_id: await storedMessage(target) }),
  '/packetboat.v1.MessagesService/CancelMessage': async (key, target) =>
    rpc(key, '/packetboat.v1.MessagesService/CancelMessage', { message_id: await storedMessage(target) }),
  '/packetboat.v1.EventsService/ListMessageEvents': async (key, target) =>
    rpc(key, '/packetboat.v1.EventsService/ListMessageEvents', { message_id: await storedMessage(target) }),
  '/packetboat.v1.MessagesService/ListMessages': async (key, target) => {
    const id = await storedMessage(target);
    const listed = await rpc(
      key,
      '/packetboat.v1.MessagesService/ListMessages',
      ListMessagesRequest.fromPartial({}),
    );
    return partOf(listed, 'messages', 'message_id', id);
  },
  '/packetboat.v1.SendersService/ListSenders': async (key, { sender }) =>
    partOf(
      await rpc(key, '/packetboat.v1.SendersService/ListSenders', {}),
      'senders',
      'name',
      sender ?? 'nobody',
    ),
  '/packetboat.v1.TemplatesService/ListTemplates': async (key, { sender }) => {
    const listed = await rpc(key, '/packetboat.v1.TemplatesService/ListTemplates', {});
    return partOf(listed, 'templates', 'identifier', sender === null ? 'nothing' : templateOf(sender));
  },
  '/packetboat.v1.SuppressionsService/CreateSuppression': async (key) =>
    rpc(key, '/packetboat.v1.SuppressionsService/CreateSuppression', {
      recipient: `gone${++count}@example.com`,
      reason: '',
    }),
  '/packetboat.v1.KeysService/CreateKey': async (key, { environment, sender }) =>
    rpc(
      key,
      '/packetboat.v1.KeysService/CreateKey',
      CreateKeyRequest.fromPartial({
        name: 'child',
        environment: environmentProto(environment),
        senders: [sender ?? 'nobody'],
      }),
    ),
  '/packetboat.v1.KeysService/ListKeys': async (key, target) => {
    const id = await storedKey(target);
    return partOf(await rpc(key, '/packetboat.v1.KeysService/ListKeys', {}), 'keys', 'key_id', id);
  },
  '/packetboat.v1.KeysService/RevokeKey': async (key, target) =>
    rpc(key, '/packetboat.v1.KeysService/RevokeKey', { key_id: await storedKey(target), force: false }),
};

/**
 * The rows of a list that have this name; an empty list is what an object that does not exist comes
 * to.
 */
function partOf(listed: object | Failure, rows: string, field: string, name: string): object | Failure {
  if (listed instanceof Failure) return listed;
  return (
    (listed as Record<string, Record<string, unknown>[]>)[rows]?.filter((row) => row[field] === name) ?? []
  );
}

const isEmptyList = (answer: object): boolean => Array.isArray(answer) && answer.length === 0;
const shown = (answer: object | Failure): object =>
  answer instanceof Failure
    ? { kind: answer.kind, code: answer.code, message: answer.message, errors: answer.errors }
    : answer;

/**
 * In a word, what came of an attempt. `unknown`: what came of the same attempt about an object that
 * nobody has.
 */
function wordOf(answer: object | Failure, unknown: object | Failure): string {
  if (isEmptyList(answer)) return 'hidden';
  if (!(answer instanceof Failure)) return 'ok';
  if (answer.kind === 'forbidden') return 'forbidden';
  return JSON.stringify(shown(answer)) === JSON.stringify(shown(unknown)) ? 'hidden' : answer.kind;
}

const beyond: Readonly<Record<Bearing, string>> = {
  any: 'ok',
  use: 'forbidden',
  see: 'hidden',
  cap: 'invalid',
  whole: 'forbidden',
};

describe('the table of access rules', () => {
  const kinds = [
    ['live', { environment: 'live' as const }],
    ['testing', { environment: 'testing' as const }],
    ['draft', { environment: 'draft' as const }],
    ['limited to a sender', { senders: [OWN] }],
    ['draft and limited to a sender', { environment: 'draft' as const, senders: [OWN] }],
  ] as const satisfies readonly (readonly [string, Partial<ApiKey>])[];
  const targets: readonly Target[] = (['draft', 'testing', 'live'] as const).flatMap((environment) =>
    [OWN, FOREIGN].map((sender) => ({ environment, sender })),
  );
  const order: readonly Environment[] = ['draft', 'testing', 'live'];

  /** By the words of the rule alone. */
  function expected(path: Path, key: Partial<ApiKey>, target: Target): string {
    const { environment, senders } = ruleOf(path);
    const { environment: ceiling = 'live', senders: allowed = [] } = key;
    if (environment === 'whole' && ceiling !== 'live') return 'forbidden';
    if (senders === 'whole' && allowed.length > 0) return 'forbidden';
    if (order.indexOf(target.environment) > order.indexOf(ceiling) && environment !== 'any')
      return beyond[environment];
    const isForeign = allowed.length > 0 && target.sender !== OWN;
    return isForeign ? beyond[senders] : 'ok';
  }

  const cases = paths.flatMap((path) => kinds.map(([kind, more]) => [path, kind, more] as const));
  it.each(cases)('is what %s does with a key that is %s', async (path, _, more) => {
    const { text } = await keyWith(more);
    for (const target of targets) {
      const unknown = await attempts[path](text, { environment: 'draft', sender: null });
      // an unknown sender in a request to make a key is at fault as a foreign one is: both words
      // are for the same answer
      const word = wordOf(await attempts[path](text, target), unknown).replace(
        'hidden',
        ruleOf(path).senders === 'cap' ? 'invalid' : 'hidden',
      );
      expect({ target, word }).toEqual({ target, word: expected(path, more, target) });
    }
  });

  it.each(paths)('lets %s be called with its scope alone, and not without', async (path) => {
    const { scope } = ruleOf(path);
    const target: Target = { environment: 'live', sender: OWN };
    const { text: without } = await keyWith({ scopes: scopes.filter((one) => one !== scope) });
    expect(await attempts[path](without, target)).toMatchObject({
      kind: 'forbidden',
      message: `This key lacks the scope ${scope}.`,
    });
    const { text: alone } = await keyWith({ scopes: [scope] });
    expect(await attempts[path](alone, target)).not.toMatchObject({ kind: 'forbidden' });
  });

  it.each(paths)('is not reached by %s with a key that does not work', async (path) => {
    const dead = [await keyWith({ expiresAt: 1 }), await keyWith({ revokedAt: 1 })];
    for (const { text } of dead) {
      for (const target of targets)
        expect(await attempts[path](text, target)).toMatchObject({ kind: 'unauthenticated' });
    }
  });
});

describe('lists of a restricted key', () => {
  test('come in full pages, and a cursor is bound to the rights of the key', async () => {
    const made: string[] = [];
    for (let i = 0; i < 12; i++) {
      const id = await storedMessage({ environment: 'live', sender: i % 3 === 0 ? OWN : FOREIGN });
      if (i % 3 === 0) made.push(id);
    }
    const [{ text }, { text: other }] = [
      await keyWith({ senders: [OWN] }),
      await keyWith({ senders: [FOREIGN] }),
    ];
    const list = async (key: string, cursor: string) => {
      const request = ListMessagesRequest.fromPartial({ limit: 2, cursor });
      return (await rpc(key, '/packetboat.v1.MessagesService/ListMessages', request)) as {
        readonly messages: readonly { readonly message_id: string }[];
        readonly next_cursor?: string;
      };
    };
    const first = await list(text, '');
    const second = await list(text, first.next_cursor ?? '');
    expect([first.messages.length, second.messages.length, second.next_cursor]).toEqual([2, 2, undefined]);
    expect([...first.messages, ...second.messages].map(({ message_id }) => message_id).toSorted()).toEqual(
      made.toSorted(),
    );
    expect(await list(other, first.next_cursor ?? '')).toMatchObject({
      kind: 'invalid',
      errors: [{ field: 'cursor' }],
    });
  });
});

describe('an idempotency key', () => {
  const item = (key: string, sender: string): Promise<object | Failure> =>
    sending(key, {
      idempotency_keys: ['order-1'],
      send_message: SendMessageRequest.fromPartial({ recipient: RECIPIENT, subject: 'a', text: 'a', sender }),
    });

  test('reveals no message of another sender: neither by a replay nor by a request that is refused', async () => {
    const first = await item(memory.key, FOREIGN);
    expect(await item(memory.key, FOREIGN)).toEqual(first);
    const { text } = await keyWith({ senders: [OWN] });
    expect(await item(text, FOREIGN)).toMatchObject({ kind: 'forbidden' });
    expect(await item(text, OWN)).toMatchObject({ kind: 'invalid', code: 'idempotency_key_reused' });
  });

  test('reveals no message that the same request made for another key', async () => {
    // without a sender in the request each key has its own, so that the two requests are equal
    const [own, foreign] = [await keyWith({ senders: [OWN] }), await keyWith({ senders: [FOREIGN] })];
    expect(await item(foreign.text, '')).not.toBeInstanceOf(Failure);
    expect(await item(own.text, '')).toMatchObject({ kind: 'invalid', code: 'idempotency_key_reused' });
  });
});

test('a message id that a hidden message has is refused, and says nothing of that message', async () => {
  const id = await storedMessage({ environment: 'live', sender: FOREIGN });
  const { text } = await keyWith({ senders: [OWN] });
  const send_message = SendMessageRequest.fromPartial({ recipient: RECIPIENT, subject: 'a', text: 'a' });
  expect(await sending(text, { send_message, message_id: id })).toMatchObject({
    kind: 'conflict',
    message: 'This message id is already in use.',
  });
});

describe('keys', () => {
  const create = (key: string, more: object = {}) =>
    rpc(
      key,
      '/packetboat.v1.KeysService/CreateKey',
      CreateKeyRequest.fromPartial({ name: 'child', ...more }),
    );
  const revoke = (key: string, id: string, force = false) =>
    rpc(key, '/packetboat.v1.KeysService/RevokeKey', { key_id: id, force });

  test('a child has all that the request omits from its maker, and names the maker', async () => {
    const expiresAt = Date.now() + 3_600_000;
    const { text, key } = await keyWith({
      environment: 'testing',
      senders: [OWN],
      requestsPerMinute: 5,
      expiresAt,
      scopes: ['keys:write'],
    });
    expect(await create(text)).toMatchObject({
      key: {
        scopes: ['keys:write'],
        environment: 'ENVIRONMENT_TESTING',
        senders: [OWN],
        requests_per_minute: 5,
        expires_at: { seconds: Math.floor(expiresAt / 1000) },
        created_by: key.id,
      },
    });
    const excess = { requests_per_minute: 1_000_000, expires_at: { seconds: 2_208_988_800, nanos: 0 } };
    expect(await create(text, excess)).toMatchObject({
      kind: 'invalid',
      code: 'validation_failed',
      errors: [{ field: 'requests_per_minute' }, { field: 'expires_at' }],
    });
  });

  test.each<[string, string, boolean]>([
    ['letters and spaces', 'Shop billing, 2nd', true],
    ['letters beyond ASCII', 'Ünïversität 東京 🔑', true],
    ['right-to-left letters', 'מפתח', true],
    ['a family of joined characters', '👩\u200d👩\u200d👧', true],
    ['a line feed', 'shop\nadmin', false],
    ['a line feed at the end', 'shop\n', false],
    ['a carriage return', 'shop\r', false],
    ['a NUL', 'shop\u0000', false],
    ['an escape sequence of terminals', '\u001b[2Jshop', false],
    ['a delete character', 'shop\u007f', false],
    ['a C1 control character', 'shop\u0085', false],
    ['a line separator', 'shop\u2028', false],
    ['a paragraph separator', 'shop\u2029', false],
    ['a mark of direction', 'shop\u200f', false],
    ['an override of direction', 'shop\u202egpj', false],
    ['an isolate', 'shop\u2066', false],
    ['a byte order mark', '\ufeffshop', false],
  ])('the name of a key with %s: admitted is %3$s', async (_, name, isAdmitted) => {
    const { text } = await keyWith();
    const made = await create(text, { name });
    if (isAdmitted) expect(made).toMatchObject({ key: { name } });
    else
      expect(made).toMatchObject({
        code: 'validation_failed',
        errors: [{ field: 'name', code: 'invalid_format' }],
      });
  });

  test('a child outlives its maker', async () => {
    const { text, key } = await keyWith();
    const { secret } = (await create(text)) as { readonly secret: string };
    expect(await revoke(memory.key, key.id)).not.toBeInstanceOf(Failure);
    expect(await rpc(secret, '/packetboat.v1.KeysService/ListKeys', {})).not.toBeInstanceOf(Failure);
  });

  test('a key that was revoked elsewhere neither makes nor revokes keys while it is still cached, and its calls count as failed', async () => {
    const [{ text, key }, { key: victim }] = [await keyWith(), await keyWith()];
    const use = () => [create(text), revoke(text, victim.id), revoke(text, key.id)];
    expect(await create(text)).not.toBeInstanceOf(Failure);
    await memory.ingest.keys.revoke('default', key.id, 1);
    // the cache has the key still
    expect(await rpc(text, '/packetboat.v1.SendersService/ListSenders', {})).not.toBeInstanceOf(Failure);
    const before = memory.failures.length;
    for (const answer of await Promise.all(use())) expect(answer).toMatchObject({ kind: 'unauthenticated' });
    expect(memory.failures.slice(before)).toEqual(
      Array.from({ length: 3 }, () => ({ reason: 'revoked', isLimited: false })),
    );
    expect((await memory.ingest.keys.find(victim.id))?.revokedAt).toBeNull();
  });

  test('the last key that makes keys goes only by force', async () => {
    const [root] = await memory.ingest.keys.list('default');
    const id = root?.id ?? '';
    await keyWith({ scopes: ['messages:send'] });
    await keyWith({ revokedAt: 1 });
    await keyWith({ tenant: 'other' });
    await keyWith({ environment: 'draft' });
    await keyWith({ environment: 'testing' });
    await keyWith({ senders: [OWN] });
    expect(await revoke(memory.key, id)).toMatchObject({ kind: 'conflict', code: 'last_key' });
    expect((await memory.ingest.keys.find(id))?.revokedAt).toBeNull();
    expect(await revoke(memory.key, id, true)).toMatchObject({ key_id: id });
    expect((await memory.ingest.keys.find(id))?.revokedAt).not.toBeNull();
  });

  test('a key that is not the last revokes itself', async () => {
    const { text, key } = await keyWith();
    expect(await revoke(text, key.id)).toMatchObject({ key_id: key.id });
  });

  test('a key sees and revokes itself although it sees no other', async () => {
    const { text, key } = await keyWith({
      scopes: ['keys:read', 'keys:write'],
      requestsPerMinute: 1,
      senders: [OWN],
      environment: 'draft',
    });
    await memory.ingest.keys.add({ ...key, id: 'another', requestsPerMinute: 5_000 });
    const { keys } = (await rpc(text, '/packetboat.v1.KeysService/ListKeys', {})) as {
      readonly keys: readonly { key_id: string }[];
    };
    expect(keys.map(({ key_id }) => key_id)).toEqual([key.id]);
  });
});
