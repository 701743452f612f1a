import { Client, credentials, Metadata, type ServiceError, type StatusObject, status } from '@grpc/grpc-js';
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import { BadRequest } from '../../proto/gen/google/rpc/error_details.ts';
import { Status } from '../../proto/gen/google/rpc/status.ts';
import {
  type AdmitResponse,
  IngestServiceClient,
  SendItem,
  type SendMessagesResponse,
  UploadContentRequest,
} from '../../proto/gen/packetboat/internal/v1/ingest.ts';
import {
  Attachment,
  type GetMessageResponse,
  MessagesServiceClient,
  MessagesServiceService,
  SendMessageRequest,
  type SendMessageResponse,
} from '../../proto/gen/packetboat/v1/messages.ts';
import {
  type CreateSuppressionResponse,
  SuppressionsServiceClient,
} from '../../proto/gen/packetboat/v1/suppressions.ts';
import { type MemoryIngest, memoryIngest } from '../../test/support/memory-ingest.ts';
import { ingestLimits } from '../core/limits/ingest.ts';
import { type GrpcServing, readDescriptors, serveGrpc } from '../runtime/grpc-server.ts';
import { Health } from '../runtime/health.ts';
import { ingestServices } from './grpc-services.ts';

let memory: MemoryIngest;
let server: GrpcServing;
let messages: MessagesServiceClient;
let internal: IngestServiceClient;
let suppressions: SuppressionsServiceClient;
const quiet = { info: () => {}, warn: () => {} };
const health = new Health({ dependencies: [], log: quiet, metrics: { dependency: () => {} } });

beforeAll(async () => {
  memory = await memoryIngest();
  const descriptors = await readDescriptors();
  server = await serveGrpc(
    { host: '127.0.0.1', port: 0 },
    { services: ingestServices(memory.calls), health, descriptors },
  );
  const target = `127.0.0.1:${server.port}`;
  messages = new MessagesServiceClient(target, credentials.createInsecure());
  internal = new IngestServiceClient(target, credentials.createInsecure());
  suppressions = new SuppressionsServiceClient(target, credentials.createInsecure());
});

afterAll(async () => {
  for (const client of [messages, internal, suppressions]) client.close();
  await server[Symbol.asyncDispose]();
  health[Symbol.dispose]();
});

type Respond<Response> = (error: ServiceError | null, response: Response) => void;
type Call = { on(event: 'status', listener: (status: StatusObject) => void): unknown };

/** A call's response or error, with its trailer. */
async function made<Response>(make: (respond: Respond<Response>) => Call): Promise<{
  response: Response | undefined;
  code: number;
  message: string;
  trailer: Record<string, unknown>;
}> {
  const answered = Promise.withResolvers<Response | undefined>();
  const ended = Promise.withResolvers<StatusObject>();
  make((error, response) => answered.resolve(error === null ? response : undefined)).on(
    'status',
    ended.resolve,
  );
  const { code, details, metadata } = await ended.promise;
  return { response: await answered.promise, code, message: details, trailer: metadata.getMap() };
}

function metadataOf(entries: Readonly<Record<string, string>>): Metadata {
  const metadata = new Metadata();
  for (const [name, value] of Object.entries(entries)) metadata.set(name, value);
  return metadata;
}
const bearer = (key = memory.key): Record<string, string> => ({ authorization: `Bearer ${key}` });

const otp = (partial: Partial<SendMessageRequest> = {}): SendMessageRequest =>
  SendMessageRequest.fromPartial({
    recipient: 'user@example.com',
    template: 'otp-code',
    template_data: { code: '847291', expires_in: '5 minutes' },
    ...partial,
  });

describe('the public services', () => {
  test('take a message and answer its id, with rate figures in the trailer', async () => {
    const sent = await made<SendMessageResponse>((respond) =>
      messages.sendMessage(otp(), metadataOf(bearer()), respond),
    );
    expect(sent).toMatchObject({
      code: 0,
      response: { status: 'STATUS_QUEUED', recipient: 'user@example.com' },
    });
    expect(sent.trailer).toMatchObject({
      'x-ratelimit-limit': '5000',
      'x-ratelimit-reset': expect.stringMatching(/^\d{10}$/),
    });
    const { message_id = '' } = sent.response ?? {};
    const found = await made<GetMessageResponse>((respond) =>
      messages.getMessage({ message_id }, metadataOf({ 'x-api-token': memory.key }), respond),
    );
    expect(found.response).toMatchObject({ message_id, status: 'STATUS_QUEUED', template: 'otp-code@0' });
  });

  test.each(['idempotency-key', 'x-idempotency-key'])(
    'replay a request under the same %s, and say so',
    async (name) => {
      const metadata = metadataOf({ ...bearer(), [name]: `by ${name}` });
      const first = await made<SendMessageResponse>((respond) =>
        messages.sendMessage(otp(), metadata, respond),
      );
      const again = await made<SendMessageResponse>((respond) =>
        messages.sendMessage(otp(), metadata, respond),
      );
      expect(again.response).toEqual(first.response);
      expect([first.trailer['idempotent-replayed'], again.trailer['idempotent-replayed']]).toEqual([
        undefined,
        'true',
      ]);
    },
  );

  test('refuse with a status, details, and the figures of a known key', async () => {
    const refused = await made<SendMessageResponse>((respond) =>
      messages.sendMessage(otp({ recipient: 'nobody' }), metadataOf(bearer()), respond),
    );
    expect(refused).toMatchObject({ code: status.INVALID_ARGUMENT, response: undefined });
    expect(refused.trailer).toHaveProperty('grpc-status-details-bin');
    expect(refused.trailer).toHaveProperty('x-ratelimit-remaining');
  });

  test('refuse without a key, and without figures', async () => {
    for (const metadata of [
      new Metadata(),
      metadataOf({ authorization: 'Basic eA==' }),
      metadataOf(bearer('sk_live_nonsense')),
    ]) {
      const refused = await made<GetMessageResponse>((respond) =>
        messages.getMessage({ message_id: 'msg_x' }, metadata, respond),
      );
      expect(refused.code).toBe(status.UNAUTHENTICATED);
      expect(refused.trailer).not.toHaveProperty('x-ratelimit-limit');
    }
  });

  test('accept an empty file, which is not an absent file', async () => {
    const attachments = [Attachment.fromPartial({ filename: 'a', content: Buffer.alloc(0) })];
    const { response } = await made<SendMessageResponse>((respond) =>
      messages.sendMessage(
        SendMessageRequest.fromPartial({
          recipient: 'user@example.com',
          sender: 'accounts',
          subject: 'Hello',
          text: 'Hi.',
          attachments,
        }),
        metadataOf(bearer()),
        respond,
      ),
    );
    expect(response?.status).toBe('STATUS_QUEUED');
    const [message] = await memory.ingest.messages.list({ tenant: 'default', limit: 1 });
    expect(message?.content.attachments).toMatchObject([{ filename: 'a', bytes: 0 }]);
  });

  test('put large content of a request into the BlobStore', async () => {
    const html = `<p>${'x'.repeat(ingestLimits.contentInlineBytes)}</p>`;
    const request = SendMessageRequest.fromPartial({
      recipient: 'user@example.com',
      subject: 'Large',
      sender: 'accounts',
      html,
    });
    const sent = await made<SendMessageResponse>((respond) =>
      messages.sendMessage(request, metadataOf(bearer()), respond),
    );
    expect(sent.code).toBe(0);
    const [message] = await memory.ingest.messages.list({ tenant: 'default', limit: 1 });
    expect(message?.content.html).toMatchObject({ bytes: html.length });
  });

  const faultsOf = (trailer: Record<string, unknown>): string[] => {
    const { details } = Status.decode(trailer['grpc-status-details-bin'] as Buffer);
    const found = details.find(({ type_url }) => type_url.endsWith('google.rpc.BadRequest'));
    return found === undefined
      ? []
      : BadRequest.decode(found.value).field_violations.map(({ field, reason }) => `${field} ${reason}`);
  };

  const unknownNumber = 99 as unknown as SendMessageRequest['environment'];
  test.each<[string, Partial<SendMessageRequest>, string[]]>([
    [
      'by the rules of the contract',
      { tags: { '': 'a' }, subject: 'x'.repeat(999) },
      ['subject too_long', 'tags invalid_tag'],
    ],
    [
      'by the rules and by its meaning',
      { recipient: 'nobody', language: '!' },
      ['language invalid_language', 'recipient invalid_address'],
    ],
    [
      'for a time before the year 1',
      { scheduled_time: { seconds: -1e14, nanos: 0 } },
      ['scheduled_time out_of_range'],
    ],
    ['for an unknown value of an enum', { environment: unknownNumber }, ['environment invalid_value']],
    [
      'for an attachment without content',
      { attachments: [Attachment.fromPartial({ filename: 'a' })] },
      ['attachments[0].content missing'],
    ],
  ])('refuse a message %s, with all faults', async (_, partial, faults) => {
    const refused = await made<SendMessageResponse>((respond) =>
      messages.sendMessage(otp(partial), metadataOf(bearer()), respond),
    );
    expect([refused.code, faultsOf(refused.trailer)]).toEqual([status.INVALID_ARGUMENT, faults]);
  });

  test('refuse a message with a name that its decoded form cannot hold', async () => {
    const { path, requestSerialize, responseDeserialize } = MessagesServiceService.sendMessage;
    const client = new Client(`127.0.0.1:${server.port}`, credentials.createInsecure());
    const serialize = (request: SendMessageRequest): Buffer =>
      Buffer.from(
        Buffer.from(requestSerialize(request)).toString('latin1').replaceAll('as_proto_', '__proto__'),
        'latin1',
      );
    const request = otp({ tags: { as_proto_: 'a' }, metadata: { a: [{ as_proto_: {} }] } });
    const refused = await made<SendMessageResponse>((respond) =>
      client.makeUnaryRequest(
        path,
        serialize,
        responseDeserialize,
        request,
        metadataOf(bearer()),
        (error, response) => respond(error, response as SendMessageResponse),
      ),
    );
    client.close();
    expect([refused.code, faultsOf(refused.trailer)]).toEqual([
      status.INVALID_ARGUMENT,
      ['tags forbidden_name', 'metadata forbidden_name'],
    ]);
  });

  test('refuse a call that does not name its message', async () => {
    const refused = await made<GetMessageResponse>((respond) =>
      messages.getMessage({ message_id: '' }, metadataOf(bearer()), respond),
    );
    expect([refused.code, faultsOf(refused.trailer)]).toEqual([
      status.INVALID_ARGUMENT,
      ['message_id missing'],
    ]);
  });

  test('do nothing for a request that breaks a rule', async () => {
    const request = { recipient: 'kept@example.com', reason: 'Because Of That' };
    const refused = await made<CreateSuppressionResponse>((respond) =>
      suppressions.createSuppression(request, metadataOf(bearer()), respond),
    );
    expect([refused.code, faultsOf(refused.trailer)]).toEqual([
      status.INVALID_ARGUMENT,
      ['reason invalid_reason'],
    ]);
    const added = await made<CreateSuppressionResponse>((respond) =>
      suppressions.createSuppression({ ...request, reason: '' }, metadataOf(bearer()), respond),
    );
    expect(added.response?.created).toBe(true);
  });

  test('do not take more than one message may hold', async () => {
    const request = SendMessageRequest.fromPartial({
      recipient: 'user@example.com',
      html: 'x'.repeat(ingestLimits.grpcMessageBytesMax),
    });
    expect(
      (
        await made<SendMessageResponse>((respond) =>
          messages.sendMessage(request, metadataOf(bearer()), respond),
        )
      ).code,
    ).toBe(status.RESOURCE_EXHAUSTED);
  });

  test('tell an act that was done before from a new one', async () => {
    const add = () =>
      made<CreateSuppressionResponse>((respond) =>
        suppressions.createSuppression(
          { recipient: 'gone@example.com', reason: 'manual' },
          metadataOf(bearer()),
          respond,
        ),
      );
    expect([(await add()).response?.created, (await add()).response?.created]).toEqual([true, false]);
  });
});

describe('the service for the gateway', () => {
  const item = (partial: Partial<SendItem>): SendItem =>
    SendItem.fromPartial({ credential: memory.key, ...partial });

  test('answers each message of a turn for itself', async () => {
    const items = [
      item({ send_message: otp() }),
      item({ send_message: otp(), credential: 'sk_live_nonsense' }),
      item({ send_message: otp({ recipient: 'nobody', template: 'unknown' }) }),
      item({}),
      item({ send_message: otp(), admitted: true }),
    ];
    const { response } = await made<SendMessagesResponse>((respond) =>
      internal.sendMessages({ items }, respond),
    );
    expect(response?.results).toMatchObject([
      { accepted: { status: 'STATUS_QUEUED' }, refused: undefined, rate: { limit: 5_000 } },
      { refused: { grpc_code: status.UNAUTHENTICATED }, rate: undefined },
      {
        refused: {
          grpc_code: status.INVALID_ARGUMENT,
          errors: [{ field: 'recipient' }, { field: 'template' }],
        },
        rate: { limit: 5_000 },
      },
      { refused: { grpc_code: status.INVALID_ARGUMENT } },
      { accepted: { status: 'STATUS_QUEUED' }, rate: undefined },
    ]);
    expect(memory.results.slice(-5)).toEqual(['queued', 'refused', 'refused', 'refused', 'queued']);
  });

  test('admits by key and scope, and counts', async () => {
    const admitted = async (credential: string, scope: string) =>
      (
        await made<AdmitResponse>((respond) =>
          internal.admit({ credential, scope, client_address: '', uncounted: false, requests: 1 }, respond),
        )
      ).response;
    expect(await admitted(memory.key, 'messages:send')).toMatchObject({
      refused: undefined,
      rate: { limit: 5_000 },
    });
    expect(await admitted(memory.key, 'messages:unheard-of')).toMatchObject({
      refused: { grpc_code: status.PERMISSION_DENIED },
    });
    expect(await admitted('', '')).toMatchObject({
      refused: { grpc_code: status.UNAUTHENTICATED },
      rate: undefined,
    });
  });

  test('checks a key and its scope without counting if the request says so', async () => {
    const judged = async (credential: string, scope: string) =>
      (
        await made<AdmitResponse>((respond) =>
          internal.admit({ credential, scope, client_address: '', uncounted: true, requests: 1 }, respond),
        )
      ).response;
    using counted = vi.spyOn(memory.ingest.budgets, 'reserve');
    expect(await judged(memory.key, 'messages:send')).toEqual({ refused: undefined, rate: undefined });
    expect(await judged(memory.key, 'messages:unheard-of')).toMatchObject({
      refused: { grpc_code: status.PERMISSION_DENIED },
    });
    expect(await judged('', '')).toMatchObject({ refused: { grpc_code: status.UNAUTHENTICATED } });
    expect(counted).not.toHaveBeenCalled();
  });

  type Part = Partial<UploadContentRequest>;

  async function upload(parts: readonly Part[], isCutOff = false) {
    let call: ReturnType<typeof internal.uploadContent> | undefined;
    const ended = made<{ blob_id: string; bytes: number }>((respond) => {
      call = internal.uploadContent(respond);
      for (const part of parts) call.write(UploadContentRequest.fromPartial(part));
      if (!isCutOff) call.end();
      return call;
    });
    // Node's http2 server does not see a stream end that was reset in the turn in which it was
    // written to; its deadline ends that one
    if (isCutOff) setImmediate(() => call?.cancel());
    return ended;
  }

  test('stores uploaded content for a message that refers to it', async () => {
    const parts = [
      { header: { credential: memory.key, client_address: '' } },
      { chunk: Buffer.from('one, ') },
      { chunk: Buffer.from('two') },
    ];
    const { response } = await upload(parts);
    expect(response).toMatchObject({ blob_id: expect.stringMatching(/^blob_/), bytes: 8 });
    const content = [{ path: 'text', blob_id: response?.blob_id ?? '' }];
    const send_message = SendMessageRequest.fromPartial({
      recipient: 'user@example.com',
      sender: 'accounts',
      subject: 'Two',
    });
    const sent = await made<SendMessagesResponse>((respond) =>
      internal.sendMessages({ items: [item({ send_message, content })] }, respond),
    );
    expect(sent.response?.results[0]?.accepted).toBeDefined();
  });

  test.each<[string, (key: string) => readonly Part[], number]>([
    ['no header', () => [{ chunk: Buffer.from('x') }], status.INVALID_ARGUMENT],
    ['nothing at all', () => [], status.INVALID_ARGUMENT],
    [
      'an unknown key',
      () => [{ header: { credential: 'sk_live_nonsense', client_address: '' } }, { chunk: Buffer.from('x') }],
      status.UNAUTHENTICATED,
    ],
    [
      'two headers',
      (key) => [
        { header: { credential: key, client_address: '' } },
        { header: { credential: key, client_address: '' } },
      ],
      status.INVALID_ARGUMENT,
    ],
  ])('refuses an upload with %s', async (_, parts, code) => {
    expect((await upload(parts(memory.key))).code).toBe(code);
  });

  test('keeps nothing of an upload that was cut off', async () => {
    const before = await memory.ingest.blobs.olderThan(Number.MAX_SAFE_INTEGER, 1_000, null);
    expect(
      (
        await upload(
          [{ header: { credential: memory.key, client_address: '' } }, { chunk: Buffer.from('half') }],
          true,
        )
      ).code,
    ).toBe(status.CANCELLED);
    expect(await memory.ingest.blobs.olderThan(Number.MAX_SAFE_INTEGER, 1_000, null)).toEqual(before);
  });
});

describe('the standard services', () => {
  const identity = (bytes: Buffer): Buffer => bytes;

  test('health follows readiness', async () => {
    const client = new Client(`127.0.0.1:${server.port}`, credentials.createInsecure());
    const { response } = await made<Buffer>((respond) =>
      client.makeUnaryRequest(
        '/grpc.health.v1.Health/Check',
        identity,
        identity,
        Buffer.alloc(0),
        (error, value) => respond(error, value ?? Buffer.alloc(0)),
      ),
    );
    // HealthCheckResponse{status: SERVING}
    expect(response).toEqual(Buffer.from([0x08, 0x01]));
    client.close();
  });

  test('reflection lists the public services and health, and knows their files', async () => {
    const client = new Client(`127.0.0.1:${server.port}`, credentials.createInsecure());
    const stream = client.makeBidiStreamRequest(
      '/grpc.reflection.v1.ServerReflection/ServerReflectionInfo',
      identity,
      identity,
    );
    // ServerReflectionRequest{list_services: ""}, {file_containing_symbol:
    // "packetboat.v1.MessagesService"}
    const symbol = Buffer.from('packetboat.v1.MessagesService');
    stream.write(Buffer.from([0x3a, 0x00]));
    stream.write(Buffer.concat([Buffer.from([0x22, symbol.length]), symbol]));
    stream.end();
    const [services = '', files = ''] = (await Array.fromAsync(stream)).map(String);
    for (const name of ['packetboat.v1.MessagesService', 'grpc.health.v1.Health'])
      expect(services).toContain(name);
    expect(services).not.toContain('internal');
    for (const file of ['packetboat/v1/messages.proto', 'google/protobuf/struct.proto'])
      expect(files).toContain(file);
    client.close();
  });

  test('an address that is taken is said in words', async () => {
    const descriptors = await readDescriptors();
    await expect(
      serveGrpc({ host: '127.0.0.1', port: server.port }, { services: [], health, descriptors }),
    ).rejects.toThrow(
      `The program cannot listen on 127.0.0.1:${server.port}: another process uses the address. Set PACKETBOAT_GRPC_ADDR to another address.`,
    );
  });
});
