// Every request that the reference document of Sendarix shows, as printed except for host and
// key, and its statements about the responses.

import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { describe, expect, it } from 'vitest';
import { readByMailparser, untilMailTo } from './mails.ts';
import { codeOf, errorsOf } from './rest-client.ts';
import { onEachSubject } from './stage.ts';

/** Header lines, then the body, as printed. */
const SEND = `POST /v1/messages
Authorization: Bearer sk_live_...
Content-Type: application/json
{
"recipient": "user@example.com",
"subject": "Your verification code",
"template": "otp-code",
"template_data": {
"code": "847291",
"expires_in": "5 minutes"
},
"headers": {
"X-Idempotency-Key": "uuid-v4-here"
}
}`;
const LIST = 'GET /v1/messages?status=delivered&limit=25 Authorization: Bearer sk_live_...';
const GET = 'GET /v1/messages/msg_abc123xyz Authorization: Bearer sk_live_...';
const CANCEL = 'DELETE /v1/messages/msg_abc123xyz Authorization: Bearer sk_live_...';
/** Without a Content-Type, which the document leaves out here. */
const SUPPRESS = `POST /v1/suppressions
Authorization: Bearer sk_live_...
{
"recipient": "user@example.com",
"reason": "user_unsubscribed"
}`;

/** Takes a printed request apart: method, path, headers, body. */
function printed(text: string) {
  const [, method = '', path = '', rest = ''] = /^(\S+) (\S+)\s([\s\S]*)$/.exec(text) ?? [];
  const at = rest.indexOf('{');
  const headers = [...(at < 0 ? rest : rest.slice(0, at)).matchAll(/^([\w-]+): (.*)$/gm)].map(
    ([, name = '', value = '']) => [name, value],
  );
  return { method, path, headers: headers as [string, string][], body: at < 0 ? undefined : rest.slice(at) };
}

onEachSubject('Sendarix', {}, (stage) => {
  /** By curl, which adds nothing of its own that would make a body easier to understand. */
  async function perform(text: string) {
    const { method, path, headers, body } = printed(text);
    const isTyped = headers.some(([name]) => name === 'Content-Type');
    const args = [
      ...['--silent', '--show-error', '--include', '--request', method],
      ...headers.flatMap(([name, value]) => [
        '--header',
        `${name}: ${value.replace('sk_live_...', stage.packetboat.key)}`,
      ]),
      ...(body === undefined ? [] : ['--data-binary', body]),
      ...(body === undefined || isTyped ? [] : ['--header', 'Content-Type:']),
      stage.packetboat.url + path,
    ];
    const { stdout } = await promisify(execFile)('curl', args);
    const [, status = '', head = '', answer = ''] =
      /^HTTP\/1\.1 (?:100 [\s\S]*?\r\n\r\nHTTP\/1\.1 )?(\d+)([\s\S]*?)\r\n\r\n([\s\S]*)$/.exec(stdout) ?? [];
    return {
      status: Number(status),
      head,
      text: answer,
      body: JSON.parse(answer) as Record<string, unknown>,
    };
  }

  it('POST /v1/messages: accepted, the response has its four fields, delivered', async () => {
    const answer = await perform(SEND);
    expect(answer.status).toBe(202);
    expect(answer.body).toEqual({
      message_id: expect.stringMatching(/^msg_[a-z0-9]+$/),
      status: 'queued',
      recipient: 'user@example.com',
      created_at: expect.stringMatching(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d+)?Z$/),
    });
    const read = await readByMailparser(await untilMailTo(stage.sink, 'user@example.com'));
    expect(read.subject).toBe('Your verification code');
    expect(read.text).toContain('847291');
    expect(read.text).toContain('5 minutes');
    expect(read.html).toContain('847291');
  });

  it('a retry returns the original message and sends no second mail', async () => {
    const [first, again] = [await perform(SEND), await perform(SEND)];
    expect(again.text).toBe(first.text);
    expect(again.status).toBe(202);
    expect(stage.sink.mails).toHaveLength(1);
  });

  it('Idempotency-Key as a header does the same', async () => {
    const text = SEND.replace(
      'Content-Type',
      'Idempotency-Key: 3f0c6d0e-6f7a-4e7e-9a39-0d2c1a5b7c11\nContent-Type',
    )
      .replace('uuid-v4-here', '3f0c6d0e-6f7a-4e7e-9a39-0d2c1a5b7c11')
      .replace('user@example.com', 'header@example.com');
    const [first, again] = [await perform(text), await perform(text)];
    expect(first.status).toBe(202);
    expect(again.text).toBe(first.text);
  });

  it('GET /v1/messages?status=delivered&limit=25 lists it', async () => {
    const sent = await perform(SEND);
    await stage.rest.until(String(sent.body.message_id), 'delivered');
    const { status, body } = await perform(LIST);
    expect(status).toBe(200);
    expect(body.messages).toContainEqual(
      expect.objectContaining({
        message_id: sent.body.message_id,
        status: 'delivered',
        recipient: 'user@example.com',
        template: 'otp-code@1',
      }),
    );
  });

  it('GET /v1/messages/{message_id} returns state, times, recipient and outcome', async () => {
    const sent = await perform(SEND);
    await stage.rest.until(String(sent.body.message_id), 'delivered');
    const { status, body } = await perform(GET.replace('msg_abc123xyz', String(sent.body.message_id)));
    expect(status).toBe(200);
    expect(body).toMatchObject({
      message_id: sent.body.message_id,
      status: 'delivered',
      recipient: 'user@example.com',
      created_at: sent.body.created_at,
      deliveries: [{ recipient: 'user@example.com', status: 'delivered' }],
    });
  });

  it('its timeline is queued, accepted, delivered', async () => {
    const sent = await perform(SEND);
    await stage.rest.until(String(sent.body.message_id), 'delivered');
    const { body } = await perform(GET.replace('msg_abc123xyz', `${sent.body.message_id}/events`));
    expect((body.events as { type: string }[]).map(({ type }) => type)).toEqual([
      'queued',
      'accepted',
      'delivered',
    ]);
  });

  it.each([
    ['GET', GET],
    ['DELETE', CANCEL],
  ])('%s of the printed id, which nobody was given, is 404', async (_, text) => {
    const { status, body } = await perform(text);
    expect(status).toBe(404);
    expect(body).toEqual({
      error: { code: 'not_found', message: expect.stringMatching(/^[A-Z].*\.$/), errors: [] },
      request_id: expect.any(String),
    });
  });

  it('DELETE /v1/messages/{message_id} cancels a scheduled message; for a sent message it returns 404', async () => {
    const later = SEND.replace('"headers"', '"scheduled_time": "2099-01-01T00:00:00Z",\n"headers"').replace(
      'uuid-v4-here',
      'later',
    );
    const tooFar = await perform(later);
    expect(tooFar.status).toBe(422);
    const inAnHour = new Date(Date.now() + 3_600_000).toISOString().replace(/\.\d+Z$/, 'Z');
    const scheduled = await perform(later.replace('2099-01-01T00:00:00Z', inAnHour));
    expect(scheduled.body.status).toBe('scheduled');
    const cancelled = await perform(CANCEL.replace('msg_abc123xyz', String(scheduled.body.message_id)));
    expect(cancelled).toMatchObject({
      status: 200,
      body: { message_id: scheduled.body.message_id, status: 'cancelled' },
    });

    const sent = await perform(SEND);
    await stage.rest.until(String(sent.body.message_id), 'delivered');
    expect((await perform(CANCEL.replace('msg_abc123xyz', String(sent.body.message_id)))).status).toBe(404);
  });

  describe('errors', () => {
    it('400: the body is not JSON', async () => {
      expect((await perform(SEND.replace('"recipient":', '"recipient"'))).status).toBe(400);
    });

    it('401: the key is not valid', async () => {
      expect((await perform(SEND.replace('sk_live_...', 'sk_live_wrong'))).status).toBe(401);
    });

    it('422: one response lists every field at fault', async () => {
      const answer = await stage.rest.send({
        recipient: 'not an address',
        template: 'otp-code',
        template_data: {},
        headers: { Bcc: 'x@example.com' },
      });
      expect(answer.status).toBe(422);
      expect(codeOf(answer)).toBe('validation_failed');
      expect(errorsOf(answer).map(({ field }) => field)).toEqual([
        'recipient',
        'headers.Bcc',
        'template_data.code',
      ]);
    });

    it('every response has the limit, the remaining requests and the time of the reset', async () => {
      for (const text of [LIST, GET, SEND.replace('"recipient":', '"recipient"')]) {
        const { head } = await perform(text);
        for (const name of [
          'X-RateLimit-Limit',
          'X-RateLimit-Remaining',
          'X-RateLimit-Reset',
          'X-Request-Id',
        ])
          expect(head).toMatch(new RegExp(`^${name}: \\S+`, 'im'));
      }
    });
  });

  // last, since the document's recipient is suppressed from here on
  it('POST /v1/suppressions: 201, then 200; no mail is sent to the address afterwards', async () => {
    const first = await perform(SUPPRESS);
    expect(first).toMatchObject({
      status: 201,
      body: { recipient: 'user@example.com', reason: 'user_unsubscribed' },
    });
    expect((await perform(SUPPRESS)).status).toBe(200);
    const sent = await perform(SEND.replace('uuid-v4-here', 'another'));
    expect(sent).toMatchObject({ status: 202, body: { status: 'suppressed' } });
  });
});
