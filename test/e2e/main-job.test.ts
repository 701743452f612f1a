// The main job, through public interfaces only: a message that is sent over REST is delivered to a
// real SMTP server, and its status and events show the delivery.

import { afterAll, beforeAll, expect, test } from 'vitest';
import type { Installation } from '../support/installation.ts';
import { type Sink, startSink } from '../support/smtp-sink.ts';
import { RestClient } from './rest-client.ts';
import { describeSubjects } from './subjects.ts';

describeSubjects('the main job', (subject) => {
  let sink: Sink;
  let packetboat: Installation;
  let rest: RestClient;

  beforeAll(async () => {
    sink = await startSink();
    packetboat = await subject.start({ relay: `smtp://127.0.0.1:${sink.port}` });
    rest = new RestClient(packetboat.url, packetboat.key);
  });

  afterAll(async () => {
    await packetboat?.[Symbol.asyncDispose]();
    await sink?.[Symbol.asyncDispose]();
  });

  test('the example request of Sendarix is delivered, and its timeline is queued, accepted, delivered', async () => {
    const sent = await rest.send({
      recipient: 'user@example.com',
      subject: 'Your verification code',
      template: 'otp-code',
      template_data: { code: '847291', expires_in: '5 minutes' },
      headers: { 'X-Idempotency-Key': 'uuid-v4-here' },
    });
    expect(sent).toMatchObject({
      status: 202,
      body: {
        message_id: expect.stringMatching(/^msg_/),
        status: 'queued',
        recipient: 'user@example.com',
        created_at: expect.any(String),
      },
    });

    await sink.until(({ mails }) => mails.length > 0);
    const [mail] = sink.mails;
    expect(mail?.to).toEqual(['user@example.com']);
    expect(mail?.raw?.toString()).toContain('Subject: Your verification code\r\n');
    expect(mail?.raw?.toString()).toContain('847291');
    expect(mail?.raw?.toString()).not.toContain('Idempotency');

    const id = String(sent.body.message_id);
    expect(await rest.until(id, 'delivered')).toMatchObject({
      recipient: 'user@example.com',
      deliveries: [{ recipient: 'user@example.com', status: 'delivered', attempts: 1 }],
    });
    expect(await rest.events(id)).toMatchObject([
      { type: 'queued', seq: 1 },
      { type: 'accepted', seq: 2 },
      { type: 'delivered', seq: 3, recipient: 'user@example.com' },
    ]);
  });

  test('a repeated request gets the same response, and no second mail is sent', async () => {
    const request = {
      recipient: 'once@example.com',
      template: 'otp-code',
      template_data: { code: '112233', expires_in: '1 minute' },
    };
    const headers = { 'Idempotency-Key': 'once' };
    const first = await rest.send(request, headers);
    const again = await rest.send(request, headers);
    expect([again.status, again.body]).toEqual([first.status, first.body]);
    expect(again.headers.get('idempotent-replayed')).toBe('true');
    await sink.until(({ mails }) => mails.some(({ to }) => to.includes('once@example.com')));
    expect(sink.mails.filter(({ to }) => to.includes('once@example.com'))).toHaveLength(1);
  });

  test('every program is ready and shows its metrics', async () => {
    for (const { operationsUrl } of packetboat.programs) {
      expect(await (await fetch(`${operationsUrl}/readyz`)).json()).toEqual({
        status: 'ready',
        lost: [],
        not_reached: [],
      });
      expect(await (await fetch(`${operationsUrl}/metrics`)).text()).toContain('packetboat_build_info');
    }
  });

  test('every program stops cleanly on SIGTERM', async () => {
    expect(await Promise.all(packetboat.programs.map((program) => program.stop()))).toEqual(
      packetboat.programs.map(() => 0),
    );
  });
});
