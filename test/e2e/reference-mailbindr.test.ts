// The Python request that the reference document of Mailbindr shows, run by Python as printed but
// for host and key.

import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { expect, it } from 'vitest';
import { findFile } from '../support/need.ts';
import { readByMailparser, untilMailTo } from './mails.ts';
import { errorsOf } from './rest-client.ts';
import { onEachSubject } from './stage.ts';

const run = promisify(execFile);
const python = findFile('python3') ?? 'python3';

const PRINTED = `import requests
import json

url = "https://backend.mailbindr.app/email/send-email/"

payload = json.dumps({
  "identifier": "email_key",
  "receiver": "email@email.com",
  "language": "en",
  "environment": "draft",
  "context": {
    "some_variable": "some_value"
  }
})
headers = {
  'Content-Type': 'application/json',
  'X-Api-Token': 'my_api_key'
}

response = requests.request("POST", url, headers=headers, data=payload)
`;

/**
 * What `requests` would do, for machines without it: the standard library has nothing of the kind.
 */
const REQUESTS = `
import sys, types, urllib.request, urllib.error
class Response:
    def __init__(self, answer):
        self.status_code, self.text = answer.status, answer.read().decode()
def request(method, url, headers, data):
    try:
        return Response(urllib.request.urlopen(urllib.request.Request(url, data.encode(), headers, method=method)))
    except urllib.error.HTTPError as error:
        return Response(error)
try:
    import requests
except ImportError:
    sys.modules["requests"] = types.SimpleNamespace(request=request)
`;

onEachSubject('Mailbindr', {}, (stage) => {
  async function byPython(change: (program: string) => string = (program) => program) {
    const program = change(PRINTED)
      .replace('https://backend.mailbindr.app', stage.packetboat.url)
      .replace('my_api_key', stage.packetboat.key);
    const { stdout } = await run(
      python,
      ['-c', `${REQUESTS}\n${program}\nprint(response.status_code, response.text)`],
      {
        env: { ...process.env, NO_PROXY: '127.0.0.1', no_proxy: '127.0.0.1' },
      },
    );
    const [, status = '', text = ''] = /^(\d+) (.*)\n$/s.exec(stdout) ?? [];
    return { status: Number(status), body: JSON.parse(text) as Record<string, unknown> };
  }

  it('the printed request returns 200 with a message id, and the draft is delivered to the team', async () => {
    const answer = await byPython();
    expect(answer).toMatchObject({
      status: 200,
      body: {
        message_id: expect.stringMatching(/^msg_/),
        status: 'queued',
        recipient: 'email@email.com',
        created_at: expect.any(String),
      },
    });
    const read = await readByMailparser(await untilMailTo(stage.sink, 'email@email.com'));
    expect(read.subject).toBe('[Draft] Welcome to Harbour Shop: some_value');
    expect(read.text).toContain('some_value');
    expect(await stage.rest.until(String(answer.body.message_id), 'delivered')).toMatchObject({
      environment: 'draft',
      template: 'email_key@1',
      language: 'en',
    });
  });

  it('a draft may be sent to the team only; other recipients need testing or live', async () => {
    const toPublic = (environment: string) =>
      byPython((text) => text.replace('email@email.com', 'public@example.com').replace('draft', environment));
    const refused = await toPublic('draft');
    expect(refused.status).toBe(422);
    expect((refused.body.error as { errors: unknown }).errors).toEqual([
      { field: 'receiver', code: 'not_on_team', message: expect.stringContaining('use testing or live') },
    ]);
    expect((await toPublic('testing')).status).toBe(200);
    expect((await toPublic('live')).status).toBe(200);
    await untilMailTo(stage.sink, 'public@example.com', 2);
  });

  it.each([
    ['with a slash at its end', '/email/send-email/'],
    ['without', '/email/send-email'],
  ])('curl says the same, %s', async (_, path) => {
    const body =
      '{"identifier":"email_key","receiver":"email@email.com","language":"en","environment":"draft","context":{"some_variable":"x"}}';
    const { stdout } = await run('curl', [
      '-sS',
      '-w',
      ' %{http_code}',
      '-H',
      `X-Api-Token: ${stage.packetboat.key}`,
      '-d',
      body,
      stage.packetboat.url + path,
    ]);
    expect(stdout).toMatch(/"message_id":"msg_[\s\S]* 200$/);
  });

  it('errors use the field names of this format', async () => {
    const answer = await stage.rest.post('/email/send-email/', {
      identifier: 'nothing',
      receiver: 'nobody',
      context: { some_variable: 'x' },
    });
    expect(answer.status).toBe(422);
    expect(errorsOf(answer).map(({ field, code }) => [field, code])).toEqual([
      ['receiver', 'invalid_address'],
      ['identifier', 'unknown_template'],
    ]);
    const data = await stage.rest.post('/email/send-email/', {
      identifier: 'otp-code',
      receiver: 'user@example.com',
      context: { code: 1 },
    });
    expect(errorsOf(data).map(({ field }) => field)).toEqual(['context.code']);
  });

  it('a wrong token gets 401', async () => {
    expect((await byPython((text) => text.replace('my_api_key', 'not_the_key'))).status).toBe(401);
  });
});
