import { mkdir, mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pino } from 'pino';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { call, eventually, type HttpAnswer } from '../../test/e2e/http.ts';
import { exampleCatalogDir, newKey } from '../../test/support/installation.ts';
import { startSink } from '../../test/support/smtp-sink.ts';
import { readConfig } from '../runtime/config.ts';
import { createMetrics } from '../runtime/metrics.ts';
import { type EmbeddedProgram, start } from './main.ts';

let folder: string;

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'packetboat-embedded-'));
});

afterEach(() => rm(folder, { recursive: true, force: true }));

/** On free ports, in the test's own folder. */
async function begin(env: Readonly<Record<string, string>> = {}): Promise<EmbeddedProgram & { readonly url: string }> {
  const config = readConfig('dev', {
    PACKETBOAT_HTTP_ADDR: '127.0.0.1:0',
    PACKETBOAT_GRPC_ADDR: '127.0.0.1:0',
    PACKETBOAT_METRICS_ADDR: '127.0.0.1:0',
    PACKETBOAT_DATA_DIR: join(folder, 'data'),
    ...env,
  });
  const about = { log: pino({ level: 'silent' }), metrics: createMetrics({ program: 'dev', version: '0' }), exampleCatalogDir };
  const program = await start(config, about);
  return { ...program, url: `http://127.0.0.1:${program.ports.http}` };
}

const keyOf = ({ key }: EmbeddedProgram): string => key ?? '';
const otp = { recipient: 'user@example.com', template: 'otp-code', template_data: { code: '847291', expires_in: '5 minutes' } };

const send = (program: EmbeddedProgram & { readonly url: string }, body: object = otp): Promise<HttpAnswer> =>
  call({ url: program.url, key: keyOf(program) }, 'POST', '/v1/messages', body);

const statusOf = async (program: EmbeddedProgram & { readonly url: string }, id: string): Promise<string> =>
  (await call({ url: program.url, key: keyOf(program) }, 'GET', `/v1/messages/${id}`)).body.status;

describe('embedded mode', () => {
  test('delivers into its inbox', async () => {
    await using program = await begin();
    const { status, body } = await send(program);
    expect(status).toBe(202);
    const inbox = () => call({ url: program.url, key: '' }, 'GET', '/inbox/messages');
    const { messages } = (await eventually(inbox, (answer) => answer.body.messages.length > 0)).body;
    expect(messages).toMatchObject([{ rcpt_to: ['user@example.com'] }]);
    await eventually(
      () => statusOf(program, body.message_id),
      (s) => s === 'delivered',
    );
  });

  test('finds everything as it was at its second start', async () => {
    const first = await begin();
    const { body } = await send(first);
    await eventually(
      () => statusOf(first, body.message_id),
      (s) => s === 'delivered',
    );
    await first[Symbol.asyncDispose]();

    await using second = await begin();
    expect(second.key).toBe(first.key);
    expect(await statusOf(second, body.message_id)).toBe('delivered');
    expect((await call({ url: second.url, key: '' }, 'GET', '/inbox/messages')).body.messages).toHaveLength(1);
  });

  test('goes on with what it had accepted and not delivered', async () => {
    await using sink = await startSink();
    const relay = { PACKETBOAT_RELAY: `smtp://127.0.0.1:${sink.port}` };
    const first = await begin(relay);
    const { body } = await send(first, { ...otp, scheduled_time: new Date(Date.now() + 1_500).toISOString() });
    expect(body.status).toBe('scheduled');
    await first[Symbol.asyncDispose]();

    expect(sink.counts.connections).toBe(0);
    await using second = await begin(relay);
    await sink.until(({ mails }) => mails.length === 1);
    await eventually(
      () => statusOf(second, body.message_id),
      (s) => s === 'delivered',
    );
  });

  test('sends all mail to the relay that is named, and none to the inbox', async () => {
    await using sink = await startSink();
    await using program = await begin({ PACKETBOAT_RELAY: `smtp://127.0.0.1:${sink.port}` });
    await send(program);
    await sink.until(({ mails }) => mails.length === 1);
    expect((await call({ url: program.url, key: '' }, 'GET', '/inbox/messages')).body.messages).toEqual([]);
  });

  test('keeps its key and keyring from others', async () => {
    await using program = await begin();
    for (const name of ['key', 'keyring.json']) expect((await stat(join(folder, 'data', name))).mode & 0o777).toBe(0o600);
    expect((await readFile(join(folder, 'data', 'key'), 'utf8')).trim()).toBe(program.key);
  });

  test('makes the key that it is given, once', async () => {
    const chosen = newKey();
    const first = await begin({ PACKETBOAT_BOOTSTRAP_KEY: chosen });
    expect(first.key).toBe(chosen);
    expect((await send(first)).status).toBe(202);
    await first[Symbol.asyncDispose]();
    await using second = await begin({ PACKETBOAT_BOOTSTRAP_KEY: newKey() });
    expect(second.key).toBeNull();
  });

  test('keeps a second process out of its data folder, and says why', async () => {
    await using _first = await begin();
    await expect(begin()).rejects.toThrow(/another process is using the data folder .*data; stop it first/);
  });

  test('says which address is taken, and leaves nothing open', async () => {
    const first = await begin();
    await expect(
      begin({ PACKETBOAT_DATA_DIR: join(folder, 'other'), PACKETBOAT_HTTP_ADDR: `127.0.0.1:${first.ports.http}` }),
    ).rejects.toThrow('another process listens there. Set PACKETBOAT_HTTP_ADDR to another address.');
    await first[Symbol.asyncDispose]();
    await using _again = await begin({ PACKETBOAT_DATA_DIR: join(folder, 'other') });
  });

  test('takes a changed template within a second', async () => {
    const catalog = join(folder, 'catalog');
    await mkdir(catalog);
    const sender = await readFile(join(exampleCatalogDir, 'senders.yaml'), 'utf8');
    await writeFile(join(catalog, 'senders.yaml'), sender);
    await using program = await begin({ PACKETBOAT_CATALOG_DIR: catalog });
    expect((await send(program)).status).toBe(422);
    const template = await readFile(join(exampleCatalogDir, 'otp-code.yaml'), 'utf8');
    await writeFile(join(catalog, 'otp-code.yaml'), template);
    await eventually(
      () => send(program),
      ({ status }) => status === 202,
      2_000,
    );
  });

  test('shows health and metrics on an address of their own, and health on HTTP too', async () => {
    await using program = await begin();
    await send(program);
    const metrics = await (await fetch(`http://127.0.0.1:${program.ports.metrics}/metrics`)).text();
    expect(metrics).toContain('packetboat_http_requests_total{route="/v1/messages",status="202"} 1\n');
    expect(metrics).toContain('packetboat_messages_total{result="queued"} 1\n');
    expect(metrics).toContain('packetboat_dependency_up{dependency="store"} 1\n');
    expect(await (await fetch(`${program.url}/readyz`)).json()).toEqual({ status: 'ready', lost: [] });
    expect((await fetch(`${program.url}/metrics`)).status).toBe(404);
  });
});
