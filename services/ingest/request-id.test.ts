// One id leads from an answer to the line in ingest's log, through every door: REST over gRPC as
// separate programs have it, REST in one process, and gRPC without a gateway.

import { type Client, credentials, Metadata, type StatusObject } from '@grpc/grpc-js';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { type Gateway, startGateway } from '../../gateway/gateway.ts';
import { connectIngest } from '../../gateway/ingest/grpc-ingest.ts';
import type { IngestClient } from '../../gateway/ingest/ingest-client.ts';
import { RequestInfo } from '../../proto/gen/google/rpc/error_details.ts';
import { Status } from '../../proto/gen/google/rpc/status.ts';
import { MessagesServiceClient, SendMessageRequest } from '../../proto/gen/packetboat/v1/messages.ts';
import { type MemoryIngest, memoryIngest } from '../../test/support/memory-ingest.ts';
import { Failure } from '../core/failure.ts';
import { inProcessIngest } from '../embedded/in-process-ingest.ts';
import { type GrpcServing, readDescriptors, serveGrpc } from '../runtime/grpc-server.ts';
import { Health } from '../runtime/health.ts';
import { createLog, reporter } from '../runtime/log.ts';
import { ingestServices } from './grpc-services.ts';
import type { RpcContext } from './receive-calls.ts';

const REQUEST_ID = /^req_[0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12}$/;
const FOREIGN = 'req_00000000-1111-4222-8333-444444444444';

let memory: MemoryIngest;
let lines: Readonly<Record<string, unknown>>[];
let server: GrpcServing;
const open = new AsyncDisposableStack();

/** What the store throws; null: it works. */
let fault: { readonly where: 'insert' | 'find'; readonly error: Error } | null = null;
const away = new Failure('unavailable', 'the store did not answer');

/** An ingest with a real log, whose store fails where `fault` says. */
function failing({ ingest, calls }: MemoryIngest): RpcContext {
  const log = createLog({
    program: 'ingest',
    level: 'warn',
    destination: { write: (line) => void lines.push(JSON.parse(line)) },
  });
  const broken = <Port extends object>(port: Port, method: keyof Port, where: string): Port =>
    new Proxy(port, {
      get(target, name) {
        const value: unknown = Reflect.get(target, name);
        if (typeof value !== 'function') return value;
        return (...given: unknown[]): unknown =>
          name === method && fault?.where === where
            ? Promise.reject(fault.error)
            : Reflect.apply(value, target, given);
      },
    });
  const messages = broken(broken(ingest.messages, 'insert', 'insert'), 'find', 'find');
  return { ...calls, ingest: { ...ingest, messages, report: reporter(log) } };
}

const health = new Health({
  dependencies: [],
  log: { info: () => {}, warn: () => {} },
  metrics: { dependency: () => {} },
});

let messages: MessagesServiceClient;
let doors: Readonly<Record<'over gRPC' | 'in one process', Gateway>>;

const gatewayTo = async (ingest: IngestClient): Promise<Gateway> =>
  open.use(
    await startGateway({
      ingest,
      http: { host: '127.0.0.1', port: 0 },
      health: { readiness: { status: 'ready', lost: [], notReached: [] }, isReady: true },
      log: { debug: () => {}, warn: () => {}, error: () => {} },
      metrics: {
        http: () => {},
        bodyBytes: () => {},
        connectionRefused: () => {},
        failedAuthentication: () => {},
      },
    }),
  );

beforeAll(async () => {
  lines = [];
  memory = await memoryIngest();
  const context = failing(memory);
  open.defer(() => health[Symbol.dispose]());
  server = open.use(
    await serveGrpc(
      { host: '127.0.0.1', port: 0 },
      { services: ingestServices(context), health, descriptors: await readDescriptors() },
    ),
  );
  const target = `127.0.0.1:${server.port}`;
  messages = new MessagesServiceClient(target, credentials.createInsecure());
  open.defer(() => (messages as unknown as Client).close());
  doors = {
    'over gRPC': await gatewayTo(open.use(connectIngest(target))),
    'in one process': await gatewayTo(inProcessIngest(context)),
  };
});
afterEach(() => {
  fault = null;
  lines.length = 0;
});
afterAll(() => open.disposeAsync());

const message = {
  recipient: 'user@example.com',
  template: 'otp-code',
  template_data: { code: '847291', expires_in: '5 minutes' },
};

interface Answered {
  readonly status: number;
  readonly header: string | null;
  readonly id: string;
}

async function ask(door: keyof typeof doors, path: string, body?: object): Promise<Answered> {
  const response = await fetch(`${doors[door].url}${path}`, {
    method: body === undefined ? 'GET' : 'POST',
    headers: { authorization: `Bearer ${memory.key}`, 'x-request-id': FOREIGN },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  });
  const { request_id: id } = (await response.json()) as { readonly request_id: string };
  return { status: response.status, header: response.headers.get('x-request-id'), id };
}

/** Lines of ingest's log about this request. */
const linesOf = (id: string): unknown[] => lines.filter((line) => line.request_id === id);

describe.each(['over gRPC', 'in one process'] as const)('REST, %s', (door) => {
  test.each([
    [503, 'an insert', { where: 'insert', error: away }, '/v1/messages', message],
    [503, 'a read', { where: 'find', error: away }, `/v1/messages/msg_${'0'.repeat(26)}`, undefined],
    [
      500,
      'a bug of a handler',
      { where: 'find', error: new TypeError('a bug') },
      `/v1/messages/msg_${'0'.repeat(26)}`,
      undefined,
    ],
  ] as const)('a %i for %s leads to the log', async (status, _, what, path, body) => {
    fault = what;
    const answer = await ask(door, path, body);
    expect(answer).toMatchObject({ status, header: answer.id, id: expect.stringMatching(REQUEST_ID) });
    expect(linesOf(answer.id)).toHaveLength(1);
  });

  test('requests of one batch have a line each', async () => {
    fault = { where: 'insert', error: away };
    const answers = await Promise.all(Array.from({ length: 5 }, () => ask(door, '/v1/messages', message)));
    expect(new Set(answers.map(({ id }) => id)).size).toBe(5);
    for (const { id } of answers) expect(linesOf(id)).toHaveLength(1);
  });

  test('an id that a client sends is not taken over', async () => {
    fault = { where: 'insert', error: away };
    const { id } = await ask(door, '/v1/messages', message);
    expect([id === FOREIGN, linesOf(FOREIGN).length]).toEqual([false, 0]);
  });
});

describe('gRPC', () => {
  type Rpc = (client: MessagesServiceClient, metadata: Metadata, respond: () => void) => Call;
  type Call = { on(event: 'status', listener: (status: StatusObject) => void): unknown };
  const send: Rpc = (client, metadata, respond) =>
    client.sendMessage(SendMessageRequest.fromPartial(message), metadata, respond);
  const get: Rpc = (client, metadata, respond) =>
    client.getMessage({ message_id: `msg_${'0'.repeat(26)}` }, metadata, respond);

  async function made(rpc: Rpc, metadata: Readonly<Record<string, string>> = {}): Promise<StatusObject> {
    const sent = new Metadata();
    for (const [name, value] of Object.entries({ authorization: `Bearer ${memory.key}`, ...metadata }))
      sent.set(name, value);
    const ended = Promise.withResolvers<StatusObject>();
    rpc(messages, sent, () => {}).on('status', ended.resolve);
    return ended.promise;
  }
  const idOf = ({ metadata }: StatusObject): string => String(metadata.get('x-request-id')[0]);

  test('a response has a new id in its trailer', async () => {
    const [first, second] = [await made(send), await made(send)];
    expect([first.code, second.code]).toEqual([0, 0]);
    expect(idOf(first)).toMatch(REQUEST_ID);
    expect(idOf(second)).not.toBe(idOf(first));
  });

  test.each([
    [14, 'an insert', send, { where: 'insert', error: away }],
    [14, 'a read', get, { where: 'find', error: away }],
    [13, 'a bug of a handler', get, { where: 'find', error: new TypeError('a bug') }],
  ] as const)('the id of a refusal with code %i for %s leads to the log', async (code, _, rpc, what) => {
    fault = what;
    const refused = await made(rpc);
    const id = idOf(refused);
    expect([refused.code, id]).toEqual([code, expect.stringMatching(REQUEST_ID)]);
    expect(linesOf(id)).toHaveLength(1);
    const [bytes] = refused.metadata.get('grpc-status-details-bin');
    const info = Status.decode(bytes as Buffer).details.find(({ type_url }) =>
      type_url.endsWith('.RequestInfo'),
    );
    expect(RequestInfo.decode(info?.value ?? Buffer.alloc(0)).request_id).toBe(id);
  });

  test.each(['ana@example.com', `sk_live_${'a'.repeat(58)}`, 'x'.repeat(4_000), `${FOREIGN}0`])(
    'an id of another form is replaced: %s',
    async (foreign) => {
      fault = { where: 'insert', error: away };
      const id = idOf(await made(send, { 'x-request-id': foreign }));
      expect(id).toMatch(REQUEST_ID);
      expect(linesOf(id)).toHaveLength(1);
      expect(JSON.stringify(lines)).not.toContain(foreign);
    },
  );
});
