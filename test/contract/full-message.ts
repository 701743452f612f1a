// A message that uses every field, with values that a careless store would change.

import type { NewMessage, Tier } from '../../services/core/delivery/message.ts';
import { newBlobId, sampleMessage } from './sample-message.ts';
import { missing } from './store-in-test.ts';

/**
 * Keys that mean something to one database or another, and to JavaScript; own properties only by
 * way of JSON.
 */
const oddKeys =
  '{"$set":"$unset","a.b":"c.d","":"empty","__proto__":"own","constructor":"own","{\\"$gt\\":\\"\\"}":"{\\"$gt\\":\\"\\"}","\\u0000":"\\u0000","ключ":"🔑"}';
const odd: Readonly<Record<string, string>> = JSON.parse(oddKeys);

export function fullMessage(createdAt: number): NewMessage {
  const mailbox = (name: string | null, text: string) => ({
    name,
    address: sampleMessage({ createdAt, deliveries: [{ to: text }] }).deliveries[0]?.recipient ?? missing(),
  });
  const tier: Tier = 'bulk';
  return sampleMessage({
    createdAt,
    tenant: 'acme.live',
    keyId: 'key_Ω',
    environment: 'testing',
    sender: 'acme.main',
    from: mailbox('Ärger & Söhne "GmbH"', 'hello@acme.example'),
    replyTo: [mailbox(null, 'reply@acme.example'), mailbox('Support', 'support@acme.example')],
    to: [mailbox('Ana', 'ana@example.com')],
    cc: [mailbox('$where', 'ben@example.org')],
    subject: 'Größe 👩‍👩‍👧 \u2028 {"$gt":""}',
    content: {
      template: { identifier: 'otp-code', revision: 7, language: 'de-AT' },
      templateData: { inline: '{"code":1}' },
      subject: null,
      html: { blob: newBlobId(createdAt), bytes: 70_000 },
      text: { inline: 'line\r\nline\u0000' },
      headers: odd,
      attachments: [
        {
          filename: 'Rechnung ü.pdf',
          contentType: 'application/pdf',
          contentId: null,
          disposition: 'attachment',
          blob: newBlobId(createdAt),
          bytes: 50 * 1024 * 1024,
        },
        {
          filename: 'logo.png',
          contentType: 'image/png',
          contentId: 'logo',
          disposition: 'inline',
          blob: newBlobId(createdAt),
          bytes: 0,
        },
      ],
    },
    tier,
    copies: 'at_most_once',
    scheduledAt: createdAt + 86_400_000,
    expiresAt: createdAt + 2 * 86_400_000,
    tags: odd,
    metadata: {
      ...odd,
      nested: { list: [1, -1.5, 1e21, null, true, [], {}, odd], $oid: 'x', $date: 0 },
      big: Number.MAX_SAFE_INTEGER,
      none: null,
    },
    trace: '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01',
    idempotency: { key: '{"$gt":""}', fingerprint: 'f'.repeat(64) },
    acceptedAs: 'scheduled',
    deliveries: [
      {
        to: 'ana@example.com',
        state: 'scheduled',
        due: createdAt + 86_400_000,
        wakeAt: createdAt + 86_400_000,
      },
      {
        to: 'ben@example.org',
        state: 'sending',
        phase: 'committing',
        attempt: 6,
        tries: 11,
        lease: { id: 'lease', until: createdAt + 1 },
        lapses: 4,
        maybeSent: true,
        cancelWanted: true,
        hold: { reason: 'route', message: 'main: the server offers no AUTH' },
        takenUp: true,
        route: 'main',
        destination: 'mx.example',
        source: '2001:db8::1',
        lastReply: { stage: 'data', code: null, enhanced: null, text: 'später $set' },
      },
    ],
    events: [
      { type: 'scheduled', data: odd, delivery: 0 },
      { type: 'queued', data: { a: null, b: true, c: -0.5, d: '' }, delivery: 1 },
    ],
  });
}
