// Sends canaries along every path, including failing ones: no log line, metric or document contains
// personal or secret data of a message, a key or a relay's login, and the store contains secrets
// only sealed (S11 and S19).

import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { MongoClient } from 'mongodb';
import { afterAll, beforeAll, expect, it, vi } from 'vitest';
import { MessagesServiceService, SendMessageRequest } from '../../proto/gen/packetboat/v1/messages.ts';
import { makeAuthority } from '../support/certificates.ts';
import type { Installation } from '../support/installation.ts';
import { type Sink, startSink } from '../support/smtp-sink.ts';
import { GrpcClient } from './grpc-client.ts';
import { mailsTo } from './mails.ts';
import { CatalogFolder, secret, sender, type TestObject, template } from './objects.ts';
import { type JsonObject, RestClient } from './rest-client.ts';
import { applyCatalog } from './stage.ts';
import { describeSubjects } from './subjects.ts';

const CANARY = 'c4nary';
const password = `${CANARY}-relay-password`;
const address = (name: string): string => `${CANARY}-${name}@example.com`;

describeSubjects('secrets', (subject) => {
  const open = new AsyncDisposableStack();
  let sink: Sink;
  let catalog: CatalogFolder;
  let packetboat: Installation;
  let rest: RestClient;
  /** Made over the API, unlike the first one, which embedded mode prints on purpose. */
  let key = '';

  function objects(more: JsonObject = {}): TestObject[] {
    const smtp = {
      host: '127.0.0.1',
      port: sink.port,
      tls: 'StartTLS',
      credentialsSecretRef: { name: 'login' },
      caSecretRef: { name: 'ca', key: 'ca.crt' },
    };
    return [
      secret('login', { username: 'packetboat', password }),
      secret('ca', { 'ca.crt': authority.cert }),
      sender('shop', {
        routes: [{ name: 'relay', smtp: { ...smtp, ...more } }],
        retry: { delaysSeconds: [1] },
        limits: { messagesPerSecond: 0 },
      }),
      template('otp', {
        senderRef: { name: 'shop' },
        variables: {
          type: 'object',
          required: ['code'],
          properties: { code: { type: 'string', writeOnly: true } },
        },
        sampleData: { code: '1' },
        locales: [{ locale: 'en', subject: 'Code {{code}}', text: '{{code}}' }],
      }),
    ];
  }
  const authority = makeAuthority();

  beforeAll(async () => {
    sink = open.use(
      await startSink({
        tls: 'starttls',
        certificate: authority.issue({ names: ['127.0.0.1'] }),
        auth: { user: 'packetboat', password },
        rules: [
          { at: 'rcpt', to: address('bounced'), reply: `550 5.1.1 <${address('bounced')}>: no such user` },
          {
            at: 'rcpt',
            to: address('deferred'),
            times: 1,
            reply: `451 4.7.1 <${address('deferred')}>: later`,
          },
          { at: 'dot', to: address('lost'), times: 1, drop: 'reset' },
          { at: 'data', to: address('dropped'), times: 1, drop: 'reset' },
        ],
      }),
    );
    catalog = open.use(await CatalogFolder.make(objects()));
    // in a cluster the sender's own route is used, with its login; embedded mail stays in the inbox
    packetboat = open.use(
      await subject.start(
        { catalogDir: catalog.path, env: { PACKETBOAT_LOG_LEVEL: 'trace' } },
        { gateways: 1, ingests: 1, dispatchers: 1, sweepers: 1 },
      ),
    );
    const first = new RestClient(packetboat.url, packetboat.key);
    key = String((await first.post('/v1/keys', { name: `${CANARY} key` })).body.secret);
    rest = first.withKey(key);
  });
  afterAll(() => open.disposeAsync(), 60_000);

  const content: JsonObject = {
    from: `"${CANARY} author" <${CANARY}@shop.shop.example>`,
    subject: `${CANARY} subject`,
    html: `<p>${CANARY} html</p>`,
    text: `${CANARY} text`,
    headers: { 'X-Note': `${CANARY} header` },
    attachments: [
      { filename: `${CANARY}.txt`, content: Buffer.from(`${CANARY} attachment`).toString('base64') },
    ],
    tags: { kind: `${CANARY} tag` },
    metadata: { note: `${CANARY} metadata` },
  };

  async function expectSilence(): Promise<void> {
    const needles = [
      CANARY,
      Buffer.from(CANARY).toString('base64').slice(0, 7),
      key.slice(8),
      Buffer.from(`\0packetboat\0${password}`).toString('base64'),
    ];
    const told = [
      ...packetboat.programs.map((program) => [`output of ${program.role}`, program.output()] as const),
      ...(await Promise.all(
        packetboat.programs.map(
          async ({ role, operationsUrl }) =>
            [`metrics of ${role}`, await (await fetch(`${operationsUrl}/metrics`)).text()] as const,
        ),
      )),
      ...(await Promise.all(
        ['/openapi.json', '/docs'].map(async (path) => [path, (await rest.get(path)).text] as const),
      )),
    ];
    expect(told.filter(([, text]) => text.length < 50)).toEqual([]); // something was said, and looked at
    const found = told.flatMap(([where, text]) =>
      needles
        .filter((needle) => text.toLowerCase().includes(needle.toLowerCase()))
        .map((needle) => `${where}: ${needle}`),
    );
    expect(found).toEqual([]);
  }

  it('mail that is delivered', async () => {
    const id = await rest.accepted(
      { ...content, to: [address('good')], cc: [address('cc')], bcc: [address('bcc')] },
      { 'Idempotency-Key': `${CANARY}-idempotency` },
    );
    await rest.until(id, 'delivered');
    const code = await rest.accepted({
      recipient: address('template'),
      template: 'otp',
      template_data: { code: CANARY },
    });
    await rest.until(code, 'delivered');
    if (subject.name === 'cluster') {
      expect(mailsTo(sink, address('good')).map(({ isTls, user }) => [isTls, user])).toEqual([
        [true, 'packetboat'],
      ]);
      expect(sink.anomalies).toEqual([]);
    }
    await expectSilence();
  });

  it('mail that is deferred, bounced, suppressed, or has an unknown outcome', async () => {
    for (const [name, status] of [
      ['bounced', 'bounced'],
      ['deferred', 'delivered'],
      ['dropped', 'delivered'],
      ['lost', 'delivered'],
    ] as const) {
      const id = await rest.accepted({ ...content, to: [address(name)] });
      await rest.until(id, subject.name === 'cluster' ? status : 'delivered');
    }
    await expectSilence();
  });

  it('requests that are rejected', async () => {
    const bodies = [
      `{"${CANARY}": `,
      CANARY,
      { ...content, to: [address('good'), `${CANARY} no address`], subject: `${CANARY}\r\n` },
      { ...content, to: [address('good')], [`${CANARY}_field`]: CANARY, priority: CANARY },
      { recipient: address('good'), template: 'otp', template_data: { code: { [CANARY]: CANARY } } },
      { ...content, to: [address('good')], text: `${CANARY} `.repeat(100_000), language: `${CANARY}!` },
    ];
    for (const body of bodies) expect((await rest.send(body)).status).toBeGreaterThanOrEqual(400);
    await rest.send({ ...content, to: [address('good')] }, { 'Idempotency-Key': `${CANARY}-idempotency` });
    await expectSilence();
  });

  it('wrong keys in each header', async () => {
    for (const wrong of [`sk_live_${CANARY}${'x'.repeat(30)}`, CANARY, `${key}${CANARY}`, key.slice(0, -1)]) {
      expect((await rest.withKey(wrong).send({ ...content, to: [address('good')] })).status).toBe(401);
      await rest
        .withKey(null)
        .request('GET', `/v1/messages?api_key=${wrong}`, { headers: { 'x-api-token': wrong } });
      using grpc = new GrpcClient(packetboat.grpcAddress, wrong);
      expect((await grpc.call(MessagesServiceService.getMessage, { message_id: wrong })).code).not.toBe(0);
    }
    await expectSilence();
  });

  it('addresses in URLs, and unknown headers', async () => {
    const headers = {
      'user-agent': CANARY,
      referer: `http://${CANARY}.example/`,
      cookie: CANARY,
      'x-request-id': CANARY,
      traceparent: CANARY,
    };
    for (const path of [
      `/v1/messages/${address('url')}`,
      `/${CANARY}`,
      `/v1/messages?recipient=${address('url')}&cursor=${CANARY}`,
      `/v1/keys/${CANARY}`,
      `/v1/messages/%${CANARY}`,
    ]) {
      for (const method of ['GET', 'DELETE', 'POST']) await rest.request(method, path, { headers });
    }
    await expectSilence();
  });

  it('the same over gRPC', async () => {
    using grpc = new GrpcClient(packetboat.grpcAddress, key);
    const good = SendMessageRequest.fromPartial({
      to: [{ email: address('grpc'), name: CANARY }],
      from: { email: `${CANARY}@shop.shop.example` },
      subject: CANARY,
      text: CANARY,
    });
    expect(
      (
        await grpc.call(MessagesServiceService.sendMessage, good, {
          'x-request-id': CANARY,
          traceparent: CANARY,
        })
      ).code,
    ).toBe(0);
    const bad = SendMessageRequest.fromPartial({
      recipient: CANARY,
      headers: { [CANARY]: CANARY },
      template: `${CANARY}!`,
    });
    expect((await grpc.call(MessagesServiceService.sendMessage, bad)).code).not.toBe(0);
    await grpc.callRaw(MessagesServiceService.sendMessage, Buffer.from(`\xff${CANARY}`, 'latin1'));
    await expectSilence();
  });

  it('suppressions, which contain no address', async () => {
    await rest.post('/v1/suppressions', { recipient: address('never-written-to'), reason: 'manual' });
    await expectSilence();
    expect(await everythingStored(packetboat)).not.toContain(address('never-written-to'));
  });

  it('the store contains neither keys nor the login of a relay in plain text', async () => {
    const stored = await everythingStored(packetboat);
    expect(stored).toContain('shop.shop.example'); // it is the store that was looked at
    expect(stored).not.toContain(password);
    expect(stored).not.toContain(Buffer.from(password).toString('base64'));
    expect(stored).not.toContain(key.slice(8));
  });

  it('a login that the relay rejects, and a catalog with secrets in the wrong fields', async () => {
    sink.setRules([{ at: 'auth', reply: '535 5.7.8 wrong' }]);
    await catalog.write('wrong.yaml', [
      sender('wrong', {
        routes: [{ name: 'relay', smtp: { host: 'relay.example.net', password: CANARY } }],
        [CANARY]: CANARY,
        dkim: CANARY,
      }),
      secret('empty', { pass: CANARY }),
      template('wrong', {
        locales: [{ locale: 'en', subject: `{{#if ${CANARY}}`, text: CANARY }],
        sampleData: { [CANARY]: CANARY },
      }),
    ]);
    const applied = subject.name === 'cluster' ? await applyCatalog(packetboat, catalog.path, true) : '';
    const id = await rest.accepted({ ...content, to: [address('refused')] });
    if (subject.name === 'cluster')
      await rest.untilMessage(
        id,
        ({ deliveries }) => deliveries[0]?.hold === 'route' || deliveries[0]?.status !== 'queued',
        'be held',
      );
    else await rest.until(id, 'delivered');
    const said = () => applied + packetboat.programs.map((program) => program.output()).join('');
    await vi.waitFor(() => expect(said()).toContain('wrong.yaml'));
    expect(said()).not.toContain(password);
    // the path of a field may be named, its content may not
    expect(said().replaceAll(`spec.${CANARY}`, '')).not.toContain(CANARY);
  });

  it('stopping', async () => {
    for (const program of packetboat.programs) await program.stop();
    const said = packetboat.programs.map((program) => program.output()).join('');
    expect(said).not.toContain(password);
    expect(said).not.toContain(key.slice(8));
  });
});

/** The data folder, or the whole database, as text. */
async function everythingStored({ programs, env }: Installation): Promise<string> {
  if (env.MONGODB_URL === undefined) {
    const folder = join(programs[0]?.folder ?? '', '.packetboat');
    const entries = await readdir(folder, { recursive: true, withFileTypes: true });
    const files = entries.filter((entry) => entry.isFile());
    return (
      await Promise.all(files.map((file) => readFile(join(file.parentPath, file.name), 'latin1')))
    ).join('\n');
  }
  await using client = await MongoClient.connect(env.MONGODB_URL);
  const names = (await client.db().listCollections({}, { nameOnly: true }).toArray()).map(({ name }) => name);
  const documents = await Promise.all(names.map((name) => client.db().collection(name).find().toArray()));
  return JSON.stringify(documents);
}
