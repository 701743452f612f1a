// The contract over gRPC: the same calls as over REST, the details of refusals, health and
// reflection, and the size limit of a message.

import { randomBytes } from 'node:crypto';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { Client, credentials, status } from '@grpc/grpc-js';
import { loadSync } from '@grpc/proto-loader';
import { service as healthService } from 'grpc-health-check';
import { expect, it, vi } from 'vitest';
import { EventsServiceService } from '../../proto/gen/packetboat/v1/events.ts';
import { KeysServiceService } from '../../proto/gen/packetboat/v1/keys.ts';
import {
  ListMessagesRequest,
  MessagesServiceService,
  SendEmailRequest,
  SendMessageRequest,
} from '../../proto/gen/packetboat/v1/messages.ts';
import { SendersServiceService } from '../../proto/gen/packetboat/v1/senders.ts';
import { SuppressionsServiceService } from '../../proto/gen/packetboat/v1/suppressions.ts';
import { TemplatesServiceService } from '../../proto/gen/packetboat/v1/templates.ts';
import { type GrpcAnswer, GrpcClient } from './grpc-client.ts';
import { readByMailparser, untilMailTo } from './mails.ts';
import { onEachSubject } from './stage.ts';

const { sendMessage, sendEmail, getMessage, listMessages, cancelMessage } = MessagesServiceService;
const MIB = 1024 * 1024;

function succeeded<Response>(answer: GrpcAnswer<Response>): Response {
  if (answer.response === null) throw new Error(`refused: ${answer.code} ${answer.message}`);
  return answer.response;
}

onEachSubject('gRPC', {}, (stage) => {
  const otp = (recipient: string) =>
    SendMessageRequest.fromPartial({ recipient, template: 'otp-code', template_data: { code: '847291' } });
  const withFile = (recipient: string, bytes: number) =>
    SendMessageRequest.fromPartial({
      from: { email: 'billing@mail.shop.example' },
      to: [{ email: recipient, name: 'Änne' }],
      subject: 'Attached',
      text: 'Attached.',
      attachments: [{ filename: 'a.bin', content: randomBytes(bytes) }],
    });

  async function untilDelivered(message_id: string) {
    return vi.waitFor(
      async () => {
        const message = succeeded(await stage.grpc.call(getMessage, { message_id }));
        expect(message.status).toBe('STATUS_DELIVERED');
        return message;
      },
      { timeout: 15_000, interval: 50 },
    );
  }

  it('a message can be sent, looked up and listed, and its timeline can be read', async () => {
    const sent = succeeded(await stage.grpc.call(sendMessage, otp('user@example.com')));
    expect(sent).toMatchObject({
      message_id: expect.stringMatching(/^msg_/),
      status: 'STATUS_QUEUED',
      recipient: 'user@example.com',
    });
    const message = await untilDelivered(sent.message_id);
    expect(message).toMatchObject({
      template: 'otp-code@1',
      environment: 'ENVIRONMENT_LIVE',
      priority: 'PRIORITY_NORMAL',
      deliveries: [{ recipient: 'user@example.com', status: 'STATUS_DELIVERED', attempts: 1 }],
    });
    const { events } = succeeded(
      await stage.grpc.call(EventsServiceService.listMessageEvents, { message_id: sent.message_id }),
    );
    expect(events.map(({ type, seq }) => [type, seq])).toEqual([
      ['queued', 1],
      ['accepted', 2],
      ['delivered', 3],
    ]);
    const list = succeeded(
      await stage.grpc.call(
        listMessages,
        ListMessagesRequest.fromPartial({ status: 'STATUS_DELIVERED', recipient: 'user@example.com' }),
      ),
    );
    expect(list.messages.map(({ message_id }) => message_id)).toEqual([sent.message_id]);
    expect(list.next_cursor).toBeUndefined();
  });

  it('REST returns the same message', async () => {
    const { message_id } = succeeded(await stage.grpc.call(sendMessage, otp('both@example.com')));
    expect(await stage.rest.message(message_id)).toMatchObject({ message_id, recipient: 'both@example.com' });
  });

  it('an inline attachment arrives byte for byte', async () => {
    const request = withFile('file@example.com', 3 * MIB);
    succeeded(await stage.grpc.call(sendMessage, request));
    const { attachments, to } = await readByMailparser(await untilMailTo(stage.sink, 'file@example.com'));
    expect(to).toEqual([['Änne', 'file@example.com']]);
    expect(
      Buffer.from(attachments[0]?.content ?? '', 'base64').equals(
        request.attachments[0]?.content ?? Buffer.alloc(0),
      ),
    ).toBe(true);
  });

  it('gRPC rejects a message above 4 MiB with an error that names the limit, and nothing is sent', async () => {
    const answer = await stage.grpc.call(sendMessage, withFile('too-large@example.com', 5 * MIB));
    expect(answer.code).toBe(status.RESOURCE_EXHAUSTED);
    expect(answer.message).toMatch(/larger than max|4194304/);
    expect(answer.retryDelayMs).toBeNull();
    expect((await stage.rest.get('/v1/messages?recipient=too-large@example.com')).body.messages).toEqual([]);
  });

  it("Mailbindr's form", async () => {
    const request = SendEmailRequest.fromPartial({
      identifier: 'email_key',
      receiver: 'email@email.com',
      language: 'en',
      environment: 'ENVIRONMENT_DRAFT',
      context: { some_variable: 'some_value' },
    });
    succeeded(await stage.grpc.call(sendEmail, request));
    expect((await readByMailparser(await untilMailTo(stage.sink, 'email@email.com'))).subject).toBe(
      '[Draft] Welcome to Harbour Shop: some_value',
    );
  });

  it.each(['idempotency-key', 'x-idempotency-key'])(
    'the key of the metadata %s makes a repeated call answer what the first one did',
    async (name) => {
      const metadata = { [name]: `key of ${name}` };
      const first = await stage.grpc.call(sendMessage, otp('once@example.com'), metadata);
      const again = await stage.grpc.call(sendMessage, otp('once@example.com'), metadata);
      expect(succeeded(again)).toEqual(succeeded(first));
      expect(first.trailer.get('idempotent-replayed')).toEqual([]);
      expect(again.trailer.get('idempotent-replayed')).toEqual(['true']);
      const reused = await stage.grpc.call(sendMessage, otp('other@example.com'), metadata);
      expect([reused.code, reused.reason]).toEqual([status.INVALID_ARGUMENT, 'idempotency_key_reused']);
    },
  );

  it('an idempotency key of a REST request is the same key in gRPC', async () => {
    const rest = await stage.rest.send(
      { recipient: 'doors@example.com', template: 'otp-code', template_data: { code: '847291' } },
      { 'Idempotency-Key': 'doors' },
    );
    const grpc = await stage.grpc.call(sendMessage, otp('doors@example.com'), { 'idempotency-key': 'doors' });
    expect(succeeded(grpc).message_id).toBe(rest.body.message_id);
  });

  it('a scheduled message is cancelled; cancelling one that was sent is NOT_FOUND', async () => {
    const scheduled_time = { seconds: Math.floor(Date.now() / 1000) + 3_600, nanos: 0 };
    const later = succeeded(
      await stage.grpc.call(sendMessage, { ...otp('later@example.com'), scheduled_time }),
    );
    expect(later.status).toBe('STATUS_SCHEDULED');
    expect(succeeded(await stage.grpc.call(cancelMessage, { message_id: later.message_id })).status).toBe(
      'STATUS_CANCELLED',
    );
    const sent = succeeded(await stage.grpc.call(sendMessage, otp('sent@example.com')));
    await untilDelivered(sent.message_id);
    const refused = await stage.grpc.call(cancelMessage, { message_id: sent.message_id });
    expect([refused.code, refused.reason, refused.domain]).toEqual([
      status.NOT_FOUND,
      'already_sent',
      'packetboat.dev',
    ]);
  });

  it('the rpcs of suppressions, senders, templates and keys work', async () => {
    const suppress = () =>
      stage.grpc.call(SuppressionsServiceService.createSuppression, {
        recipient: 'gone@example.com',
        reason: '',
      });
    expect(succeeded(await suppress())).toMatchObject({
      recipient: 'gone@example.com',
      reason: 'manual',
      scope: 'all',
      created: true,
    });
    expect(succeeded(await suppress()).created).toBe(false);
    expect(succeeded(await stage.grpc.call(sendMessage, otp('gone@example.com'))).status).toBe(
      'STATUS_SUPPRESSED',
    );
    expect(
      succeeded(await stage.grpc.call(SendersServiceService.listSenders, {})).senders.map(({ name }) => name),
    ).toEqual(['accounts', 'billing']);
    const { templates } = succeeded(await stage.grpc.call(TemplatesServiceService.listTemplates, {}));
    expect(templates.map(({ identifier }) => identifier)).toEqual(['email_key', 'invoice', 'otp-code']);
    expect(succeeded(await stage.grpc.call(KeysServiceService.listKeys, {})).keys).toHaveLength(1);
  });

  it('the trailer of responses and refusals has the rate figures', async () => {
    for (const recipient of ['user@example.com', 'nobody']) {
      const { trailer } = await stage.grpc.call(sendMessage, otp(recipient));
      expect(trailer.get('x-ratelimit-limit')).toEqual(['5000']);
      expect(Number(trailer.get('x-ratelimit-remaining')[0])).toBeLessThan(5_000);
      expect(Number(trailer.get('x-ratelimit-reset')[0])).toBeGreaterThan(1_700_000_000);
    }
  });

  it('a used-up limit returns RESOURCE_EXHAUSTED with the time to retry', async () => {
    const { body } = await stage.rest.post('/v1/keys', { name: 'one a minute', requests_per_minute: 1 });
    using limited = new GrpcClient(stage.packetboat.grpcAddress, String(body.secret));
    succeeded(await limited.call(listMessages, ListMessagesRequest.fromPartial({})));
    const refused = await limited.call(listMessages, ListMessagesRequest.fromPartial({}));
    expect([refused.code, refused.reason]).toEqual([status.RESOURCE_EXHAUSTED, 'rate_limited']);
    expect(refused.retryDelayMs).toBeGreaterThan(0);
    expect(refused.retryDelayMs).toBeLessThanOrEqual(60_000);
  });

  it('x-api-token may contain the key', async () => {
    using nobody = new GrpcClient(stage.packetboat.grpcAddress, null);
    succeeded(
      await nobody.call(listMessages, ListMessagesRequest.fromPartial({}), {
        'x-api-token': stage.packetboat.key,
      }),
    );
  });

  it.each([
    ['no key', null],
    ['a wrong one', `sk_live_${'x'.repeat(40)}`],
  ])('%s is UNAUTHENTICATED', async (_, key) => {
    using stranger = new GrpcClient(stage.packetboat.grpcAddress, key);
    const answer = await stranger.call(sendMessage, otp('user@example.com'));
    expect([answer.code, answer.reason]).toEqual([status.UNAUTHENTICATED, 'unauthenticated']);
    expect(answer.message).not.toContain('xxxx');
  });

  it('a key without the scope gets PERMISSION_DENIED, an id of another tenant NOT_FOUND', async () => {
    const { body } = await stage.rest.post('/v1/keys', { name: 'reads only', scopes: ['messages:read'] });
    using reader = new GrpcClient(stage.packetboat.grpcAddress, String(body.secret));
    expect((await reader.call(sendMessage, otp('user@example.com'))).code).toBe(status.PERMISSION_DENIED);
    expect((await reader.call(getMessage, { message_id: 'msg_abc123xyz' })).code).toBe(status.NOT_FOUND);
  });

  it('the health service reports SERVING', async () => {
    using raw = rawClient();
    const { path, requestSerialize, responseDeserialize } = methodOf(healthService, 'check');
    const answer = await unary(raw.client, path, requestSerialize({ service: '' }), responseDeserialize);
    expect(answer).toEqual({ status: 'SERVING' });
  });

  it('reflection lists and describes the public services and health, and no internal service', async () => {
    using raw = rawClient();
    const ask = reflectionCall(raw.client);
    const listed = await ask({ list_services: '' });
    const names = (listed.list_services_response?.service ?? []).map(({ name }) => name);
    const own = ['Events', 'Keys', 'Messages', 'Senders', 'Suppressions', 'Templates'].map(
      (name) => `packetboat.v1.${name}Service`,
    );
    expect(names.toSorted()).toEqual(['grpc.health.v1.Health', ...own]);
    const file = await ask({ file_containing_symbol: 'packetboat.v1.SendMessageRequest' });
    const bytes = Buffer.concat(file.file_descriptor_response?.file_descriptor_proto ?? []);
    expect(bytes.includes('packetboat/v1/messages.proto')).toBe(true);
    expect(bytes.includes('google/protobuf/struct.proto')).toBe(true);
    for (const symbol of ['grpc.health.v1.Health', 'google.rpc.BadRequest'])
      expect(await ask({ file_containing_symbol: symbol })).toHaveProperty('file_descriptor_response');
    for (const request of [
      { file_containing_symbol: 'packetboat.internal.v1.IngestService' },
      { file_containing_symbol: 'packetboat.internal.v1.SendItem' },
      { file_by_filename: 'packetboat/internal/v1/ingest.proto' },
    ]) {
      expect(await ask(request)).toMatchObject({ error_response: { error_code: status.NOT_FOUND } });
    }
  });

  function rawClient(): { readonly client: Client } & Disposable {
    const client = new Client(stage.packetboat.grpcAddress, credentials.createInsecure());
    return { client, [Symbol.dispose]: () => client.close() };
  }
});

interface Method {
  readonly path: string;
  readonly requestSerialize: (request: object) => Buffer;
  readonly responseDeserialize: (bytes: Buffer) => object;
}

function methodOf(service: object, name: string): Method {
  const method = Object.entries(service as Readonly<Record<string, Method>>).find(
    ([given]) => given.toLowerCase() === name,
  )?.[1];
  if (method === undefined) throw new Error(`the service has no ${name}`);
  return method;
}

const unary = (
  client: Client,
  path: string,
  request: Buffer,
  read: (bytes: Buffer) => object,
): Promise<object | undefined> =>
  new Promise((resolve, reject) =>
    client.makeUnaryRequest(
      path,
      (bytes: Buffer) => bytes,
      read,
      request,
      { deadline: Date.now() + 10_000 },
      (error, response) => (error === null ? resolve(response) : reject(error)),
    ),
  );

interface Reflected {
  readonly list_services_response?: { readonly service: readonly { readonly name: string }[] };
  readonly file_descriptor_response?: { readonly file_descriptor_proto: readonly Buffer[] };
}

/** The request that grpcurl makes, with the protocol's own definition. */
function reflectionCall(client: Client): (request: object) => Promise<Reflected> {
  const build = dirname(createRequire(import.meta.url).resolve('@grpc/reflection'));
  const definition = loadSync(join(build, '../proto/grpc/reflection/v1/reflection.proto'), {
    keepCase: true,
  });
  const { path, requestSerialize, responseDeserialize } = methodOf(
    definition['grpc.reflection.v1.ServerReflection'] ?? {},
    'serverreflectioninfo',
  );
  return (request) =>
    new Promise((resolve, reject) => {
      const call = client.makeBidiStreamRequest(path, requestSerialize, responseDeserialize);
      call.on('data', (answer: Reflected) => {
        resolve(answer);
        call.end();
      });
      call.on('error', reject);
      call.write(request);
    });
}
