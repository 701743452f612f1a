import {
  Metadata,
  Server,
  ServerCredentials,
  type StatusObject,
  type sendUnaryData,
  status,
} from '@grpc/grpc-js';
import { HealthImplementation } from 'grpc-health-check';
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import {
  IngestServiceService,
  SendItem,
  type SendMessagesRequest,
  type SendMessagesResponse,
} from '../../proto/gen/packetboat/internal/v1/ingest.ts';
import { SendMessageRequest } from '../../proto/gen/packetboat/v1/messages.ts';
import { Failure } from '../../services/core/failure.ts';
import { doorLimits } from '../../services/core/limits/door.ts';
import { ingestLimits } from '../../services/core/limits/ingest.ts';
import { ingestServices } from '../../services/ingest/grpc-services.ts';
import { toRefusal, toStatus } from '../../services/ingest/grpc-status.ts';
import { sendTurn } from '../../services/ingest/receive-calls.ts';
import { loadContract } from '../../services/runtime/contract.ts';
import { type GrpcServing, readDescriptors, serveGrpc } from '../../services/runtime/grpc-server.ts';
import { Health } from '../../services/runtime/health.ts';
import { newMessageId } from '../../test/contract/sample-message.ts';
import { type MemoryIngest, memoryIngest } from '../../test/support/memory-ingest.ts';
import { goodMessage, testGateway } from '../gateway.fixture.ts';
import { connectIngest, type GrpcIngest, refusalOf } from './grpc-ingest.ts';

let memory: MemoryIngest;
let server: GrpcServing;
let client: GrpcIngest;
const health = new Health({
  dependencies: [],
  log: { info: () => {}, warn: () => {} },
  metrics: { dependency: () => {} },
});
const context = { requestId: 'req_1', traceparent: '', clientAddress: '' };

const serve = async (): Promise<GrpcServing> =>
  serveGrpc(
    { host: '127.0.0.1', port: 0 },
    { services: ingestServices(memory.calls), health, descriptors: await readDescriptors() },
  );

beforeAll(async () => {
  memory = await memoryIngest();
  server = await serve();
  client = connectIngest(`127.0.0.1:${server.port}`);
});
afterAll(async () => {
  client[Symbol.dispose]();
  await server[Symbol.asyncDispose]();
  health[Symbol.dispose]();
});

const item = (credential: string, text = 'x') =>
  SendItem.fromPartial({
    credential,
    send_message: SendMessageRequest.fromPartial({
      recipient: 'a@example.com',
      from: { email: 'billing@mail.shop.example' },
      subject: 's',
      text,
    }),
  });

describe('over the wire', () => {
  test('the messages of a turn are answered each for itself', async () => {
    const { results } = await client.sendMessages({ items: [item(memory.key), item('sk_live_none')] });
    expect(results[0]).toMatchObject({
      accepted: { recipient: 'a@example.com', status: 'STATUS_QUEUED' },
      rate: { limit: 5000 },
    });
    expect(results[1]).toMatchObject({ refused: { grpc_code: status.UNAUTHENTICATED }, rate: undefined });
  });

  test('a key is admitted, or not', async () => {
    expect(
      await client.admit(
        { credential: memory.key, client_address: '', scope: '', uncounted: false, requests: 1 },
        context.requestId,
      ),
    ).toMatchObject({
      refused: undefined,
      rate: { limit: 5000 },
    });
    expect(
      await client.admit(
        { credential: 'x', client_address: '', scope: '', uncounted: false, requests: 1 },
        context.requestId,
      ),
    ).toMatchObject({
      refused: { code: 'unauthenticated' },
    });
  });

  test('any other rpc answers with its figures, or refuses with all its faults', async () => {
    const path = '/packetboat.v1.MessagesService/ListMessages';
    const request = {
      status: 'STATUS_UNSPECIFIED',
      recipient: '',
      sender: '',
      template: '',
      environment: 'ENVIRONMENT_UNSPECIFIED',
      cursor: '',
    };
    const listed = await client.call(path, memory.key, request, context);
    expect(listed).toMatchObject({ rate: { limit: 5000 }, response: { messages: expect.any(Array) } });
    const refused = await client.call(path, memory.key, { ...request, limit: 1000, cursor: 'x' }, context);
    expect(refused).toMatchObject({
      rate: { limit: 5000 },
      refused: {
        grpc_code: status.INVALID_ARGUMENT,
        code: 'validation_failed',
        errors: [{ field: 'limit' }, { field: 'cursor' }],
      },
    });
    expect(await client.call(path, 'sk_live_none', request, context)).toMatchObject({
      rate: undefined,
      refused: { code: 'unauthenticated' },
    });
  });

  test('there is a way to every rpc of the contract', async () => {
    for (const { path, requestType } of loadContract().methods) {
      const empty = Object.fromEntries(
        [...requestType.fields.values()].map((f) => [
          f.name,
          f.shape === 'list' ? [] : f.shape === 'map' ? {} : undefined,
        ]),
      );
      const answer = await client.call(path, 'sk_live_none', empty, context);
      expect([path, answer]).toEqual([
        path,
        expect.objectContaining({ refused: expect.objectContaining({ code: 'unauthenticated' }) }),
      ]);
    }
  });

  test('the same gateway works', async () => {
    await using gateway = await testGateway({ ingest: client });
    const headers = { authorization: `Bearer ${memory.key}` };
    const attachments = [{ filename: 'a', content: Buffer.alloc(3_000_000, 7).toString('base64') }];
    const sent = await gateway.send('/v1/messages', {
      body: JSON.stringify({ ...goodMessage, attachments }),
      headers,
    });
    expect([sent.status, sent.body.error]).toEqual([202, undefined]);
    const found = await gateway.send(`/v1/messages/${sent.body.message_id}`, { headers });
    expect(found.body).toMatchObject({ status: 'queued', recipient: 'user@example.com' });
    expect((await gateway.send('/v1/messages/msg_x', { headers })).status).toBe(404);
  });
});

describe('content', () => {
  async function* chunks(count: number, fail?: Error): AsyncIterable<Uint8Array> {
    for (let i = 0; i < count; i++) yield Buffer.alloc(ingestLimits.uploadChunkBytes, i);
    if (fail !== undefined) throw fail;
  }

  test('is stored whole', async () => {
    const stored = await client.uploadContent(
      { credential: memory.key, client_address: '' },
      chunks(100),
      context.requestId,
    );
    expect(stored).toEqual({
      blob_id: expect.stringMatching(/^blob_/),
      bytes: 100 * ingestLimits.uploadChunkBytes,
    });
  });

  test('of no bytes is stored as well', async () => {
    expect(
      await client.uploadContent(
        { credential: memory.key, client_address: '' },
        chunks(0),
        context.requestId,
      ),
    ).toMatchObject({ bytes: 0 });
  });

  test('is refused while it is still coming', async () => {
    expect(
      await client.uploadContent(
        { credential: 'sk_live_none', client_address: '' },
        chunks(100),
        context.requestId,
      ),
    ).toMatchObject({
      refused: { code: 'unauthenticated' },
    });
    const tooMuch = Math.ceil(doorLimits.bodyBytesMax / ingestLimits.uploadChunkBytes) + 1;
    expect(
      await client.uploadContent(
        { credential: memory.key, client_address: '' },
        chunks(tooMuch),
        context.requestId,
      ),
    ).toMatchObject({
      refused: { code: 'too_large' },
    });
  });

  test('whose source breaks is not stored, and the break is told', async () => {
    await expect(
      client.uploadContent(
        { credential: memory.key, client_address: '' },
        chunks(3, new Error('the disk is gone')),
        context.requestId,
      ),
    ).rejects.toThrow('the disk is gone');
  });
});

describe('refusals', () => {
  const failures: Failure[] = [
    new Failure('invalid', 'm', {
      code: 'validation_failed',
      errors: [{ field: 'to[2]', code: 'invalid_address', message: 'ü' }],
    }),
    new Failure('unauthenticated', 'm'),
    new Failure('forbidden', 'm'),
    new Failure('not_found', 'm', { code: 'already_sent' }),
    new Failure('conflict', 'm', { code: 'in_flight' }),
    new Failure('too_large', 'm'),
    new Failure('rate_limited', 'm', { retryAfterMs: 1_234 }),
    new Failure('unavailable', 'm', { retryAfterMs: 1_000, messageId: 'msg_1' }),
    new Failure('internal', 'm'),
  ];
  test.each(failures.map((failure) => [failure.kind, failure] as const))(
    '%s comes back as it went',
    (_, failure) => {
      expect(refusalOf(toStatus(failure, null) as StatusObject)).toEqual(toRefusal(failure));
    },
  );

  test.each([
    [status.UNAVAILABLE, 'unavailable', status.UNAVAILABLE],
    [status.DEADLINE_EXCEEDED, 'unavailable', status.UNAVAILABLE],
    [status.CANCELLED, 'unavailable', status.UNAVAILABLE],
    [status.RESOURCE_EXHAUSTED, 'internal', status.INTERNAL],
    [status.UNIMPLEMENTED, 'internal', status.INTERNAL],
    [status.UNAUTHENTICATED, 'internal', status.INTERNAL],
  ])('code %s of gRPC itself is %s', (code, word, grpcCode) => {
    const refused = refusalOf({ code, details: 'secret', metadata: new Metadata() });
    expect(refused).toMatchObject({ code: word, grpc_code: grpcCode });
    expect(refused.message).not.toContain('secret');
  });
});

describe('when ingest is away', () => {
  test('everything is refused for now, and the check says so', async () => {
    const gone = await serve();
    const target = `127.0.0.1:${gone.port}`;
    await gone[Symbol.asyncDispose]();
    using lost = connectIngest(target);
    const away = { refused: expect.objectContaining({ code: 'unavailable', grpc_code: status.UNAVAILABLE }) };
    expect(await lost.sendMessages({ items: [item(memory.key), item(memory.key)] })).toMatchObject({
      results: [away, away],
    });
    expect(
      await lost.admit(
        { credential: memory.key, client_address: '', scope: '', uncounted: false, requests: 1 },
        context.requestId,
      ),
    ).toMatchObject(away);
    expect(
      await lost.call('/packetboat.v1.SendersService/ListSenders', memory.key, {}, context),
    ).toMatchObject(away);
    expect(
      await lost.uploadContent(
        { credential: memory.key, client_address: '' },
        (async function* () {})(),
        context.requestId,
      ),
    ).toMatchObject(away);
    await expect(lost.check()).rejects.toThrow();
  });

  test('the check is content once it is connected', async () => {
    await vi.waitFor(() => client.check(), { timeout: 5_000 });
  });

  test('several instances are used in turn', async () => {
    const counts = [0, 0];
    const instances = await Promise.all(
      counts.map(async (_, i) => {
        const instance = new Server();
        instance.addService(IngestServiceService, {
          admit: (_call: unknown, respond: (error: null, value: object) => void) => {
            counts[i] = (counts[i] ?? 0) + 1;
            respond(null, { refused: undefined, rate: undefined });
          },
        });
        const port = await new Promise<number>((bound, failed) =>
          instance.bindAsync('127.0.0.1:0', ServerCredentials.createInsecure(), (error, p) =>
            error === null ? bound(p) : failed(error),
          ),
        );
        return { instance, port };
      }),
    );
    using both = connectIngest(`ipv4:${instances.map(({ port }) => `127.0.0.1:${port}`).join(',')}`);
    await vi.waitUntil(async () => {
      await both.admit(
        { credential: 'x', client_address: '', scope: '', uncounted: false, requests: 1 },
        context.requestId,
      );
      return counts.every((count) => count > 0);
    });
    for (const { instance } of instances) instance.forceShutdown();
  });
});

describe('readiness', () => {
  test.each([
    [['SERVING'], true],
    [['NOT_SERVING'], false],
    [['UNKNOWN'], false],
    [['NOT_SERVING', 'SERVING'], true],
    [['NOT_SERVING', 'NOT_SERVING'], false],
  ] as const)('of instances that say %j: ready is %s', async (said, isReady) => {
    const instances = await Promise.all(
      said.map(async (status) => {
        const instance = new Server();
        new HealthImplementation({ '': status }).addToServer(instance);
        const port = await new Promise<number>((bound, failed) =>
          instance.bindAsync('127.0.0.1:0', ServerCredentials.createInsecure(), (error, p) =>
            error === null ? bound(p) : failed(error),
          ),
        );
        return { instance, port };
      }),
    );
    using client = connectIngest(`ipv4:${instances.map(({ port }) => `127.0.0.1:${port}`).join(',')}`);
    if (isReady) await vi.waitFor(() => client.check());
    else await expect(client.check()).rejects.toMatchObject({ code: 'NOT_SERVING' });
    for (const { instance } of instances) instance.forceShutdown();
  });
});

describe('when an instance dies under a call', () => {
  /** An ingest that does what it is asked, and loses its first answers. */
  async function losing(answers: number): Promise<{ readonly lost: GrpcIngest; readonly stop: () => void }> {
    let left = answers;
    const instance = new Server();
    instance.addService(IngestServiceService, {
      sendMessages: async (
        { request }: { request: SendMessagesRequest },
        respond: sendUnaryData<SendMessagesResponse>,
      ) => {
        const done = await sendTurn(memory.calls, request);
        left -= 1;
        respond(left >= 0 ? { code: status.UNAVAILABLE } : null, done);
      },
    });
    const port = await new Promise<number>((bound, failed) =>
      instance.bindAsync('127.0.0.1:0', ServerCredentials.createInsecure(), (error, p) =>
        error === null ? bound(p) : failed(error),
      ),
    );
    const lost = connectIngest(`127.0.0.1:${port}`);
    const stop = (): void => {
      lost[Symbol.dispose]();
      instance.forceShutdown();
    };
    return { lost, stop };
  }

  test('its items are handed over once more, and make no second message', async () => {
    const { lost, stop } = await losing(1);
    const message_id = newMessageId(Date.now());
    const { results } = await lost.sendMessages({ items: [{ ...item(memory.key), message_id }] });
    stop();
    expect(results).toMatchObject([{ accepted: { message_id }, refused: undefined }]);
    const listed = await memory.ingest.messages.list({ tenant: 'default', limit: 100 });
    expect(listed.filter((m) => m.id === message_id)).toHaveLength(1);
  });

  test('twice, the refusal names the message that may be stored', async () => {
    const { lost, stop } = await losing(2);
    const message_id = newMessageId(Date.now());
    const { results } = await lost.sendMessages({ items: [{ ...item(memory.key), message_id }] });
    stop();
    expect(results).toMatchObject([
      { accepted: undefined, refused: { grpc_code: status.UNAVAILABLE, message_id } },
    ]);
  });

  test('whatever the second call refuses names its message: the first may have stored it', async () => {
    const { lost, stop } = await losing(1);
    const message_id = newMessageId(Date.now());
    const { results } = await lost.sendMessages({ items: [{ ...item('sk_live_none'), message_id }] });
    stop();
    expect(results).toMatchObject([{ refused: { grpc_code: status.UNAUTHENTICATED, message_id } }]);
  });
});

describe('a frozen ingest', () => {
  test('costs one deadline: the caller gets 503 with the message id, and no second call follows', async () => {
    let calls = 0;
    const instance = new Server();
    instance.addService(IngestServiceService, {
      sendMessages: () => {
        calls += 1;
      },
    });
    const port = await new Promise<number>((bound, failed) =>
      instance.bindAsync('127.0.0.1:0', ServerCredentials.createInsecure(), (error, p) =>
        error === null ? bound(p) : failed(error),
      ),
    );
    using frozen = connectIngest(`127.0.0.1:${port}`, { callMs: 500 });
    await using gateway = await testGateway({
      client: (own) => ({ ...own, sendMessages: (request) => frozen.sendMessages(request) }),
    });
    const { status: code, body } = await gateway.send('/v1/messages', { body: JSON.stringify(goodMessage) });
    instance.forceShutdown();
    expect([code, body.error]).toMatchObject([
      503,
      { code: 'unavailable', message_id: expect.stringMatching(/^msg_/) },
    ]);
    expect(calls).toBe(1);
  });
});
