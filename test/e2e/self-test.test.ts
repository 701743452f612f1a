// `packetboat self-test` against a whole installation, as a process: its output when the test
// succeeds and when it fails.

import { execFile } from 'node:child_process';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { freePort } from '../support/free-port.ts';
import { command, type Installation, newKey } from '../support/installation.ts';
import { startSink } from '../support/smtp-sink.ts';
import { startEmbedded } from '../support/start-embedded.ts';

describe('packetboat self-test', () => {
  const open = new AsyncDisposableStack();
  let installation: Installation;
  let smtpPort: number;

  beforeAll(async () => {
    smtpPort = await freePort();
    installation = open.use(await startEmbedded({ relay: `smtp://127.0.0.1:${smtpPort}` }));
  }, 30_000);
  afterAll(() => open.disposeAsync());

  const selfTest = (env: Readonly<Record<string, string>>) =>
    new Promise<{ readonly code: number; readonly output: string }>((resolve) => {
      const told = {
        PACKETBOAT_URL: installation.url,
        PACKETBOAT_API_KEY: installation.key,
        PACKETBOAT_WAIT_SECONDS: '3',
      };
      const own = {
        PATH: process.env.PATH,
        PACKETBOAT_SENDER: 'accounts',
        PACKETBOAT_SMTP_ADDR: '127.0.0.1:0',
        ...told,
        ...env,
      };
      const child = execFile(process.execPath, [command, 'self-test'], { env: own }, (_, out, complaint) =>
        resolve({ code: child.exitCode ?? -1, output: out + complaint }),
      );
    });

  it('succeeds once it has received its mail', async () => {
    const { code, output } = await selfTest({
      PACKETBOAT_SMTP_ADDR: `127.0.0.1:${smtpPort}`,
      PACKETBOAT_WAIT_SECONDS: '20',
    });
    expect([code, output]).toEqual([0, expect.stringContaining('"msg":"delivered"')]);
    expect(output).not.toContain(installation.key);
  });

  it.each([
    ['a sender that is none', { PACKETBOAT_SENDER: 'nobody' }, /The message was not sent: 422 .*sender: /],
    [
      'a route that leads nowhere',
      {},
      /The message was not delivered: status deferred, .*ECONNREFUSED|status queued, route/,
    ],
    ['a text that is not a key', { PACKETBOAT_API_KEY: newKey() }, /The gateway rejected the API key: 401/],
    [
      'a gateway that is not there',
      { PACKETBOAT_URL: 'http://127.0.0.1:1' },
      /The message was not sent: the gateway is unreachable/,
    ],
    [
      'settings that are missing',
      { PACKETBOAT_API_KEY: '' },
      /PACKETBOAT_API_KEY is required, and is not set/,
    ],
  ])('fails on %s, and says so', async (_, env, reason) => {
    const { code, output } = await selfTest(env);
    expect([code, output]).toEqual([1, expect.stringMatching(reason)]);
  });

  it('fails if another receiver got the mail', async () => {
    await using _elsewhere = await startSink({ port: smtpPort });
    const { code, output } = await selfTest({ PACKETBOAT_WAIT_SECONDS: '30' });
    expect([code, output]).toEqual([1, expect.stringContaining('delivered elsewhere')]);
  });
});
