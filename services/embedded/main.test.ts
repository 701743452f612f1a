import { mkdir, mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pino } from 'pino';
import { afterEach, beforeEach, describe, expect, onTestFinished, test, vi } from 'vitest';
import { RestClient } from '../../test/e2e/rest-client.ts';
import { exampleCatalogDir, newKey } from '../../test/support/installation.ts';
import { startSink } from '../../test/support/smtp-sink.ts';
import { openDatabase } from '../adapters/sqlite/database.ts';
import { openMessageStore } from '../adapters/sqlite/message-store.ts';
import { systemClock } from '../adapters/system/clock.ts';
import type { MessageId } from '../core/ids.ts';
import { deliveryLimits } from '../core/limits/delivery.ts';
import { queueLimits } from '../core/limits/queue.ts';
import { createMetrics } from '../runtime/metrics.ts';
import { readConfig } from '../runtime/read-config.ts';
import { type EmbeddedProgram, start } from './main.ts';

let folder: string;

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'packetboat-embedded-'));
});

afterEach(() => rm(folder, { recursive: true, force: true }));

/** On free ports, in the test's own folder. */
async function begin(
  env: Readonly<Record<string, string>> = {},
  log = pino({ level: 'silent' }),
): Promise<EmbeddedProgram & { readonly key: string | null; readonly rest: RestClient }> {
  const config = readConfig('dev', {
    PACKETBOAT_HTTP_ADDR: '127.0.0.1:0',
    PACKETBOAT_GRPC_ADDR: '127.0.0.1:0',
    PACKETBOAT_METRICS_ADDR: '127.0.0.1:0',
    PACKETBOAT_DATA_DIR: join(folder, 'data'),
    ...env,
  });
  const about = { log, metrics: createMetrics({ program: 'dev', version: '0' }), exampleCatalogDir };
  const program = await start(config, about);
  const { key } = program.firstKey;
  return { ...program, key, rest: new RestClient(`http://127.0.0.1:${program.ports.http}`, key) };
}

const otp = {
  recipient: 'user@example.com',
  template: 'otp-code',
  template_data: { code: '847291', expires_in: '5 minutes' },
};

/**
 * What a kill leaves in the store: the first of two messages in the hands of the dispatcher, the
 * second in the queue.
 */
async function leaveUnfinished(ids: readonly string[]): Promise<void> {
  await using database = await openDatabase(join(folder, 'data'));
  const store = await openMessageStore(database, systemClock);
  const now = store.now();
  const until = now + deliveryLimits.leaseMs;
  const left = [
    { state: 'sending', phase: 'streaming', due: now, wakeAt: until, lease: { id: 'dead', until } },
    { state: 'queued', due: now, wakeAt: now + queueLimits.republishMs },
  ] as const;
  const found = await store.find(ids as readonly MessageId[]);
  const changes = found.map((message, i) => {
    const [version, set] = [message?.deliveries[0]?.version, left[i]];
    if (message === null || version === undefined || set === undefined) throw new Error('two are stored');
    return { message: message.id, delivery: 0, version, set, event: null };
  });
  expect(await store.apply(changes)).not.toContain(null);
}

const inboxOf = async (rest: RestClient): Promise<readonly unknown[]> =>
  (await rest.get('/inbox/messages')).body.messages as readonly unknown[];

describe('embedded mode', () => {
  test('delivers into its inbox', async () => {
    await using program = await begin();
    const id = await program.rest.accepted(otp);
    await program.rest.until(id, 'delivered');
    expect(await inboxOf(program.rest)).toMatchObject([{ rcpt_to: ['user@example.com'] }]);
  });

  test.each([
    ['forward and back', 3_600_000, -3_600_000],
    ['back and forward', -3_600_000, 3_600_000],
  ])('a clock that is set an hour %s sends no scheduled mail early and stops none', async (_, ...steps) => {
    vi.useFakeTimers({ toFake: ['Date'], now: Date.now() });
    onTestFinished(() => void vi.useRealTimers());
    const start = Date.now() - performance.now();
    let stepped = 0;
    // the fake clock stands still, so it is set again and again
    const setClock = (): void => void vi.setSystemTime(start + performance.now() + stepped);
    const running = setInterval(setClock, 5);
    onTestFinished(() => clearInterval(running));
    await using program = await begin();
    const inMs = (ms: number): string => new Date(start + performance.now() + ms).toISOString();
    const late = await program.rest.accepted({ ...otp, scheduled_time: inMs(1_800_000) });
    for (const step of steps) {
      const soon = await program.rest.accepted({ ...otp, scheduled_time: inMs(1_500) });
      stepped += step;
      setClock();
      // the sweeper has looked at all scheduled mail when this one has left
      await program.rest.until(soon, 'delivered');
      expect((await program.rest.get(`/v1/messages/${late}`)).body).toMatchObject({ status: 'scheduled' });
    }
  });

  test('has all data after a restart', async () => {
    const first = await begin();
    const id = await first.rest.accepted(otp);
    await first.rest.until(id, 'delivered');
    await first[Symbol.asyncDispose]();

    await using second = await begin();
    expect(second.key).toBe(first.key);
    expect(await second.rest.message(id)).toMatchObject({ status: 'delivered' });
    expect(await inboxOf(second.rest)).toHaveLength(1);
  });

  test('delivers after a restart what it had accepted before', async () => {
    await using sink = await startSink();
    const relay = { PACKETBOAT_RELAY: `smtp://127.0.0.1:${sink.port}` };
    const first = await begin(relay);
    const id = await first.rest.accepted({
      ...otp,
      scheduled_time: new Date(Date.now() + 1_500).toISOString(),
    });
    expect(await first.rest.message(id)).toMatchObject({ status: 'scheduled' });
    await first[Symbol.asyncDispose]();
    expect(sink.counts.connections).toBe(0);

    await using second = await begin(relay);
    await second.rest.until(id, 'delivered');
    expect(sink.mails).toHaveLength(1);
  });

  test('sends at once after a restart what the previous process had in hand or in its queue', async () => {
    await using sink = await startSink();
    const relay = { PACKETBOAT_RELAY: `smtp://127.0.0.1:${sink.port}` };
    const first = await begin(relay);
    const later = { ...otp, scheduled_time: new Date(Date.now() + 3_600_000).toISOString() };
    const ids = [await first.rest.accepted(later), await first.rest.accepted(later)];
    await first[Symbol.asyncDispose]();
    await leaveUnfinished(ids);

    const lines: object[] = [];
    const log = pino({ level: 'info' }, { write: (line: string) => void lines.push(JSON.parse(line)) });
    await using second = await begin(relay, log);
    // with the lease and the entry of the previous process each would take a minute
    for (const id of ids) await second.rest.until(id, 'delivered');
    expect(sink.mails).toHaveLength(2);
    expect(lines).toContainEqual(expect.objectContaining({ in_hand: 1, in_queue: 1 }));
    const metrics = await (await fetch(`http://127.0.0.1:${second.ports.metrics}/metrics`)).text();
    expect(metrics).toContain('packetboat_swept_total{what="lapsed"} 1\n');
  });

  test('sends all mail to the configured relay, and none to the inbox', async () => {
    await using sink = await startSink();
    await using program = await begin({ PACKETBOAT_RELAY: `smtp://127.0.0.1:${sink.port}` });
    await program.rest.accepted(otp);
    await sink.until(({ mails }) => mails.length === 1);
    expect(await inboxOf(program.rest)).toEqual([]);
  });

  test('stores its key and keyring readable by their owner only', async () => {
    await using program = await begin();
    for (const name of ['key', 'keyring.json'])
      expect((await stat(join(folder, 'data', name))).mode & 0o777).toBe(0o600);
    expect((await readFile(join(folder, 'data', 'key'), 'utf8')).trim()).toBe(program.key);
  });

  test('creates the chosen key, once', async () => {
    const chosen = newKey();
    const first = await begin({ PACKETBOAT_BOOTSTRAP_KEY: chosen });
    expect(first.key).toBe(chosen);
    await first.rest.accepted(otp);
    await first[Symbol.asyncDispose]();
    await using second = await begin({ PACKETBOAT_BOOTSTRAP_KEY: newKey() });
    expect(second.firstKey).toEqual({ key: null, reason: expect.stringContaining('already has other keys') });
  });

  test('prints a new key after the printed key was revoked', async () => {
    const first = await begin();
    const { key } = first;
    const { keys } = (await first.rest.get('/v1/keys')).body as {
      readonly keys: readonly { readonly key_id: string }[];
    };
    expect((await first.rest.delete(`/v1/keys/${keys[0]?.key_id}`)).status).toBe(409);
    expect((await first.rest.delete(`/v1/keys/${keys[0]?.key_id}?force=true`)).status).toBe(200);
    await first[Symbol.asyncDispose]();

    await using second = await begin();
    expect(second.key).not.toBe(key);
    await second.rest.accepted(otp);
    expect((await second.rest.withKey(key).send(otp)).status).toBe(401);
  });

  test('creates a first key for each tenant', async () => {
    const first = await begin();
    await first[Symbol.asyncDispose]();
    await using second = await begin({
      PACKETBOAT_BOOTSTRAP_TENANT: 'other',
      PACKETBOAT_BOOTSTRAP_REQUESTS_PER_MINUTE: '7',
    });
    expect((await second.rest.get('/v1/senders')).body.senders).toEqual([]);
    expect((await second.rest.get('/v1/keys')).body.keys).toMatchObject([{ requests_per_minute: 7 }]);
    expect((await second.rest.withKey(first.key).get('/v1/keys')).body.keys).toHaveLength(1);
  });

  test('rejects a second process in its data folder, with a reason', async () => {
    await using _first = await begin();
    await expect(begin()).rejects.toThrow(/another process is using the data folder .*data; stop it first/);
  });

  test('reports that its data folder cannot be created', async () => {
    const file = join(folder, 'file');
    await writeFile(file, '');
    await expect(begin({ PACKETBOAT_DATA_DIR: file })).rejects.toThrow(
      /^The data folder .*file cannot be created \(EEXIST\)/,
    );
    await expect(begin({ PACKETBOAT_DATA_DIR: join(file, 'data') })).rejects.toThrow(
      /\(ENOTDIR\)\. Set PACKETBOAT_DATA_DIR/,
    );
  });

  test('reports that its database cannot be opened, and which permissions it needs', async () => {
    await mkdir(join(folder, 'data', 'packetboat.db'), { recursive: true });
    await expect(begin()).rejects.toThrow(
      /^cannot open the database in .*data: .*\. The process must be able to read and write the folder\./,
    );
  });

  test('logs a fault of its catalog with object and path only if the fault has them', async () => {
    const catalog = join(folder, 'catalog');
    await mkdir(catalog);
    await writeFile(join(catalog, 'a.yaml'), 'x: [');
    await writeFile(
      join(catalog, 'b.yaml'),
      'apiVersion: packetboat.dev/v1alpha1\nkind: Sender\nmetadata: {name: a}\nspec: []',
    );
    const lines: object[] = [];
    const log = pino({ level: 'warn' }, { write: (line: string) => void lines.push(JSON.parse(line)) });
    await using _program = await begin({ PACKETBOAT_CATALOG_DIR: catalog }, log);
    const [noObject = {}, ofObject = {}] = lines;
    expect(noObject).toMatchObject({ place: expect.stringMatching(/^a\.yaml:/), reason: 'InvalidSpec' });
    expect(Object.keys(noObject)).not.toEqual(expect.arrayContaining(['object']));
    expect(Object.keys(noObject)).not.toEqual(expect.arrayContaining(['path']));
    expect(ofObject).toMatchObject({
      place: expect.stringMatching(/^b\.yaml:/),
      object: 'Sender default/a',
      path: 'spec',
    });
  });

  test('reports an address that is in use, and closes what it opened', async () => {
    const first = await begin();
    await expect(
      begin({
        PACKETBOAT_DATA_DIR: join(folder, 'other'),
        PACKETBOAT_HTTP_ADDR: `127.0.0.1:${first.ports.http}`,
      }),
    ).rejects.toThrow('another process uses the address. Set PACKETBOAT_HTTP_ADDR to another address.');
    await first[Symbol.asyncDispose]();
    await using _again = await begin({ PACKETBOAT_DATA_DIR: join(folder, 'other') });
  });

  test('uses a changed template within a second', async () => {
    const catalog = join(folder, 'catalog');
    await mkdir(catalog);
    const sender = await readFile(join(exampleCatalogDir, 'senders.yaml'), 'utf8');
    await writeFile(join(catalog, 'senders.yaml'), sender);
    await using program = await begin({ PACKETBOAT_CATALOG_DIR: catalog });
    expect((await program.rest.send(otp)).status).toBe(422);
    const template = await readFile(join(exampleCatalogDir, 'otp-code.yaml'), 'utf8');
    await writeFile(join(catalog, 'otp-code.yaml'), template);
    await vi.waitFor(() => program.rest.accepted(otp), { timeout: 2_000 });
  });

  test('serves health and metrics on their own address, and health on the REST address too', async () => {
    await using program = await begin();
    await program.rest.accepted(otp);
    const metrics = await (await fetch(`http://127.0.0.1:${program.ports.metrics}/metrics`)).text();
    expect(metrics).toContain(
      'packetboat_http_requests_total{method="POST",route="/v1/messages",status="202"} 1\n',
    );
    expect(metrics).toContain('packetboat_messages_total{result="queued"} 1\n');
    expect(metrics).toContain('packetboat_dependency_up{dependency="store"} 1\n');
    expect(await (await fetch(`${program.rest.url}/readyz`)).json()).toEqual({
      status: 'ready',
      lost: [],
      not_reached: [],
    });
    expect((await fetch(`${program.rest.url}/metrics`)).status).toBe(404);
  });
});
