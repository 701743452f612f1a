// Gateways and ingest prove to each other who they are, over real sockets.

import { X509Certificate } from 'node:crypto';
import { once } from 'node:events';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { connect as connectTls } from 'node:tls';
import { status } from '@grpc/grpc-js';
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import { SendItem } from '../../proto/gen/packetboat/internal/v1/ingest.ts';
import { SendMessageRequest } from '../../proto/gen/packetboat/v1/messages.ts';
import { accessLimits } from '../../services/core/limits/access.ts';
import { ingestServices } from '../../services/ingest/grpc-services.ts';
import { type GrpcServing, readDescriptors, serveGrpc } from '../../services/runtime/grpc-server.ts';
import { Health } from '../../services/runtime/health.ts';
import { namedPeers, openTlsIdentity, type TlsIdentity } from '../../services/runtime/tls.ts';
import { type Authority, makeAuthority } from '../../test/support/certificates.ts';
import { type MemoryIngest, memoryIngest } from '../../test/support/memory-ingest.ts';
import { connectIngest, type GrpcIngest } from './grpc-ingest.ts';

const open = new AsyncDisposableStack();
const authority = makeAuthority();
const stranger = makeAuthority('Another authority');
let folder: string;
let memory: MemoryIngest;
let server: GrpcServing;
let ofIngest: TlsIdentity;
const context = { requestId: 'req_1', traceparent: '', clientAddress: '' };

/** The files of somebody called so, written anew when they are there. */
async function write(
  who: string,
  name: string,
  by: Authority = authority,
  { trusted = authority, until }: { readonly trusted?: Authority; readonly until?: Date } = {},
) {
  const { cert, key } = by.issue({ names: [name], ...(until === undefined ? {} : { until }) });
  const file = (kind: string): string => join(folder, `${who}.${kind}`);
  for (const [kind, text] of Object.entries({ cert, key, ca: trusted.cert }))
    await writeFile(file(kind), text);
  return { tlsCertFile: file('cert'), tlsKeyFile: file('key'), tlsCaFile: file('ca') };
}

async function identity(
  who: string,
  name: string,
  by: Authority = authority,
  more: { readonly trusted?: Authority; readonly until?: Date } = {},
): Promise<TlsIdentity> {
  const opened = await openTlsIdentity(await write(who, name, by, more), (what, error) =>
    expect.fail(`${what}: ${error}`),
  );
  return opened === null ? expect.fail('the files are set') : open.use(opened);
}

const connect = (tls: TlsIdentity | null, host = 'localhost') =>
  open.use(connectIngest(`dns:///${host}:${server.port}`, { tls }));

const item = () =>
  SendItem.fromPartial({
    credential: memory.key,
    send_message: SendMessageRequest.fromPartial({
      recipient: 'a@example.com',
      from: { email: 'billing@mail.shop.example' },
      subject: 's',
      text: 'x',
    }),
  });

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'packetboat-tls-'));
  open.defer(() => rm(folder, { recursive: true }));
  memory = await memoryIngest();
  const health = new Health({
    dependencies: [],
    log: { info: () => {}, warn: () => {} },
    metrics: { dependency: () => {} },
  });
  open.use(health);
  ofIngest = await identity('ingest', 'localhost');
  server = open.use(
    await serveGrpc(
      { host: '127.0.0.1', port: 0 },
      {
        services: ingestServices({ ...memory.calls, isGateway: namedPeers(['gateway.example']) }),
        health,
        descriptors: await readDescriptors(),
        tls: ofIngest,
      },
    ),
  );
});
afterAll(() => open.disposeAsync());

test('a gateway with its certificate hands messages over', async () => {
  const gateway = connect(await identity('gateway', 'gateway.example'));
  await vi.waitFor(() => gateway.check(), { timeout: 10_000 });
  const { results } = await gateway.sendMessages({ items: [item()] });
  expect(results).toMatchObject([{ accepted: { recipient: 'a@example.com' } }]);
});

describe('is not heard', () => {
  test.each([
    ['a plain caller', async () => connect(null)],
    [
      'a certificate of another authority',
      async () => connect(await identity('other', 'gateway.example', stranger)),
    ],
    [
      'an expired certificate',
      async () =>
        connect(
          await identity('expired', 'gateway.example', authority, { until: new Date(Date.now() - 60_000) }),
        ),
    ],
    [
      'a caller that does not trust ingest',
      async () => connect(await identity('wary', 'gateway.example', authority, { trusted: stranger })),
    ],
    [
      'a caller that looks for another name',
      async () => connect(await identity('lost', 'gateway.example'), '127.0.0.1'),
    ],
  ])('%s', async (_, make) => {
    const caller = await make();
    expect(
      await caller.admit(
        { credential: memory.key, client_address: '', scope: '', uncounted: false, requests: 1 },
        context.requestId,
      ),
    ).toMatchObject({
      refused: { grpc_code: status.UNAVAILABLE },
    });
    await expect(caller.check()).rejects.toThrow();
  });
});

test('another caller with a certificate may use the public API, and not the service for gateways', async () => {
  const caller = connect(await identity('service', 'billing.example'));
  await vi.waitFor(() => caller.check(), { timeout: 10_000 });
  expect(
    await caller.admit(
      { credential: memory.key, client_address: '', scope: '', uncounted: false, requests: 1 },
      context.requestId,
    ),
  ).toMatchObject({
    refused: { grpc_code: status.PERMISSION_DENIED },
  });
  expect(await caller.sendMessages({ items: [item()] })).toMatchObject({
    results: [{ refused: { grpc_code: status.PERMISSION_DENIED } }],
  });
  expect(
    await caller.uploadContent(
      { credential: memory.key, client_address: '' },
      (async function* () {})(),
      context.requestId,
    ),
  ).toMatchObject({
    refused: { grpc_code: status.PERMISSION_DENIED },
  });
  expect(
    await caller.call('/packetboat.v1.SendersService/ListSenders', memory.key, {}, context),
  ).toMatchObject({
    response: { senders: expect.anything() },
  });
});

test('ingest accepts the client address of a gateway, and ignores that of any other caller', async () => {
  const gateway = connect(await identity('proxying', 'gateway.example'));
  const posing = connect(await identity('posing', 'billing.example'));
  for (const caller of [gateway, posing]) await vi.waitFor(() => caller.check(), { timeout: 10_000 });
  let keys = 0;
  /** With a wrong key, another one each time. */
  const fail = (caller: GrpcIngest, clientAddress: string) =>
    caller.call(
      '/packetboat.v1.SendersService/ListSenders',
      `sk_live_${keys++}_${'w'.repeat(40)}`,
      {},
      { ...context, clientAddress },
    );
  const refused = { refused: { grpc_code: status.UNAUTHENTICATED } };
  const limited = {
    refused: { grpc_code: status.RESOURCE_EXHAUSTED, code: 'too_many_failed_authentications' },
  };

  for (let i = 0; i < accessLimits.failedAuthenticationsMax; i++)
    expect(await fail(gateway, '198.51.100.1')).toMatchObject(refused);
  expect(await fail(gateway, '198.51.100.1')).toMatchObject(limited);
  expect(await fail(gateway, '198.51.100.2')).toMatchObject(refused);

  // neither is it taken for whom it names, nor does a new name each time help it
  for (let i = 0; i < accessLimits.failedAuthenticationsMax; i++)
    expect(await fail(posing, i === 0 ? '198.51.100.1' : `203.0.113.${i}`)).toMatchObject(refused);
  expect(await fail(posing, '203.0.113.200')).toMatchObject(limited);
  expect(
    await posing.call('/packetboat.v1.SendersService/ListSenders', memory.key, {}, context),
  ).toMatchObject({
    response: { senders: expect.anything() },
  });
});

test.each([
  ['TLSv1.3', 'TLSv1.3'],
  ['TLSv1.2', 'TLSv1.2'],
  ['TLSv1.1', null],
] as const)('a client that speaks at most %s gets the version %s', async (version, spoken) => {
  const { cert, key } = authority.issue({ names: ['gateway.example'] });
  const { promise, resolve } = Promise.withResolvers<string | null>();
  const socket = connectTls({
    ...{ host: '127.0.0.1', port: server.port, servername: 'localhost', ALPNProtocols: ['h2'] },
    ...{ cert, key, ca: authority.cert, minVersion: version, maxVersion: version },
    // OpenSSL offers TLS 1.1 at this level only
    ...(spoken === null && { ciphers: 'DEFAULT@SECLEVEL=0' }),
  });
  socket.once('secureConnect', () => resolve(socket.getProtocol())).once('error', () => resolve(null));
  expect(await promise).toBe(spoken);
  socket.destroy();
});

/** The fingerprint of the certificate that ingest shows on a new connection. */
async function certificateShown(): Promise<string> {
  const { cert, key } = authority.issue({ names: ['gateway.example'] });
  const socket = connectTls({
    ...{ host: '127.0.0.1', port: server.port, servername: 'localhost', ALPNProtocols: ['h2'] },
    ...{ cert, key, ca: authority.cert },
  });
  await once(socket, 'secureConnect');
  const { fingerprint256 } = socket.getPeerCertificate();
  socket.destroy();
  return fingerprint256;
}

test('certificates of both sides are renewed under load, and no call fails', async () => {
  const ofGateway = await identity('busy', 'gateway.example');
  const ask = async (caller: GrpcIngest): Promise<void> => {
    const answer = await caller.sendMessages({ items: [item()] });
    expect(answer.results).toMatchObject([{ accepted: {} }]);
  };
  const lasting = connect(ofGateway);
  await vi.waitFor(() => lasting.check(), { timeout: 10_000 });
  let isOver = false;
  let calls = 0;
  const load = Array.from({ length: 8 }, async () => {
    while (!isOver) {
      await ask(lasting);
      calls += 1;
    }
  });
  for (let round = 0; round < 5; round += 1) {
    await Promise.all([write('ingest', 'localhost'), write('busy', 'gateway.example')]);
    await Promise.all([ofIngest.refresh(), ofGateway.refresh()]);
    const before = calls;
    const shown = await certificateShown();
    expect(shown).toBe(new X509Certificate(await readFile(join(folder, 'ingest.cert'))).fingerprint256);
    // a new connection, with the new certificates
    const late = connect(ofGateway);
    await late.check();
    await ask(late);
    await vi.waitUntil(() => calls > before + 8);
  }
  isOver = true;
  await Promise.all(load);
});

test('new connections get a new certificate, and open connections stay open', async () => {
  const early = connect(await identity('early', 'gateway.example'));
  await vi.waitFor(() => early.check(), { timeout: 10_000 });
  await write('ingest', 'elsewhere.example');
  await ofIngest.refresh();
  expect(
    await early.admit(
      { credential: memory.key, client_address: '', scope: '', uncounted: false, requests: 1 },
      context.requestId,
    ),
  ).toMatchObject({
    refused: undefined,
  });
  const late = connect(await identity('late', 'gateway.example'));
  await expect(late.check()).rejects.toThrow();
  await write('ingest', 'localhost');
  await ofIngest.refresh();
  await vi.waitFor(() => late.check(), { timeout: 10_000 });
});
