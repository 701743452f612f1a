import { describe, expect, test } from 'vitest';
import { type FieldRules, judgeFields } from '../core/accept/field-rules.ts';
import { parseTemplateName } from '../core/accept/send-request.ts';
import { scopes } from '../core/access/principal.ts';
import { SCOPE_ALL } from '../core/access/suppression.ts';
import type { HoldReason } from '../core/delivery/delivery.ts';
import type { EventType } from '../core/delivery/event.ts';
import type { Attachment } from '../core/delivery/message.ts';
import type { Stage } from '../core/delivery/reply.ts';
import { acceptLimits } from '../core/limits/accept.ts';
import { accessLimits } from '../core/limits/access.ts';
import { addressLimits } from '../core/limits/address.ts';
import { deliveryLimits } from '../core/limits/delivery.ts';
import { parseContentType } from '../core/mail/mime/content-type.ts';
import { loadContract } from './contract.ts';
import { readFieldRules } from './field-options.ts';
import { judgedFieldsOf } from './judged-fields.ts';

const contract = loadContract();
const loaded = readFieldRules(contract.root);
const rules = new Map([...loaded].map(([name, of]) => [name.slice('packetboat.v1.'.length), of]));

/** Each number of the proto, and the limit that is the reason for it. */
const numbers: Readonly<Record<string, number>> = {
  'Address.email maxLength': addressLimits.addressOctetsMax,
  'Address.name maxLength': addressLimits.displayNameCharsMax,
  'Attachment.filename maxLength': acceptLimits.filenameCharsMax,
  'CreateKeyRequest.name maxLength': accessLimits.keyNameCharsMax,
  'CreateKeyRequest.requests_per_minute max': accessLimits.requestsPerMinuteMax,
  'CreateKeyRequest.requests_per_minute min': 1,
  'CreateKeyRequest.scopes maxItems': accessLimits.keyScopesMax,
  'CreateKeyRequest.senders maxItems': accessLimits.keySendersMax,
  'CreateSuppressionRequest.recipient maxLength': addressLimits.addressOctetsMax,
  'Delivery.hold_message maxLength': deliveryLimits.replyCharsMax,
  'LastReply.text maxLength': deliveryLimits.replyCharsMax,
  'ListMessagesRequest.cursor maxLength': acceptLimits.cursorCharsMax,
  'ListMessagesRequest.limit max': acceptLimits.listLimitMax,
  'ListMessagesRequest.limit min': 1,
  'ListMessagesRequest.recipient maxLength': addressLimits.addressOctetsMax,
  'SendEmailRequest.receiver maxLength': addressLimits.mailboxCharsMax,
  'SendMessageBatchRequest.messages maxItems': acceptLimits.batchItemsMax,
  'SendMessageRequest.attachments maxItems': acceptLimits.attachmentsMax,
  'SendMessageRequest.bcc maxItems': acceptLimits.recipientsMax,
  'SendMessageRequest.cc maxItems': acceptLimits.recipientsMax,
  'SendMessageRequest.headers maxProperties': acceptLimits.headersMax,
  'SendMessageRequest.recipient maxLength': addressLimits.mailboxCharsMax,
  'SendMessageRequest.idempotency_key maxLength': acceptLimits.idempotencyKeyCharsMax,
  'SendMessageRequest.reply_to maxItems': acceptLimits.replyToMax,
  'SendMessageRequest.subject maxLength': acceptLimits.subjectCharsMax,
  'SendMessageRequest.tags each.maxLength': acceptLimits.tagCharsMax,
  'SendMessageRequest.tags maxProperties': acceptLimits.tagsMax,
  'SendMessageRequest.to maxItems': acceptLimits.recipientsMax,
};

const allOf = <Word extends string>(words: Readonly<Record<Word, true>>): string[] =>
  Object.keys(words).toSorted();

/**
 * Each closed set of the proto, and the type that it is the words of: a type that grows does not
 * compile here.
 */
const sets: Readonly<Record<string, readonly string[]>> = {
  'Attachment.disposition': allOf<Attachment['disposition']>({
    attachment: true,
    inline: true,
    alternative: true,
  }),
  'CreateKeyRequest.scopes': scopes.toSorted(),
  'CreateSuppressionResponse.scope': [SCOPE_ALL],
  'Delivery.hold': allOf<HoldReason>({ budget: true, suspended: true, unverified: true, route: true }),
  'Event.type': allOf<EventType>({
    queued: true,
    scheduled: true,
    accepted: true,
    deferred: true,
    delivered: true,
    bounced: true,
    suppressed: true,
    cancelled: true,
    expired: true,
    unknown: true,
    dead: true,
  }),
  'LastReply.stage': allOf<Stage | 'render'>({
    dial: true,
    tls: true,
    greeting: true,
    ehlo: true,
    starttls: true,
    auth: true,
    mail: true,
    rcpt: true,
    data: true,
    body: true,
    dot: true,
    render: true,
  }),
};

test.each([
  ['application/pdf', true],
  ['text/calendar; method=REQUEST; charset="UTF-8"', true],
  ['text/csv;header="a;\\" b"', true],
  [`a/b; c=${'v'.repeat(200)}`, true],
  [`a/b; c=${'v'.repeat(201)}`, false],
  [`a/b; c="${'v'.repeat(201)}"`, false],
  ['a/b; c=d e', false],
  ['a/b; c', false],
  ['a/b; c="ü"', false],
  [`a/b${Array.from({ length: 11 }, (_, i) => `; a${i}=b`).join('')}`, false],
  ['a', false],
])('the pattern of content types and the parser agree about %j', (contentType, isValid) => {
  const pattern = new RegExp(rules.get('Attachment.content_type')?.pattern ?? '', 'u');
  expect([pattern.test(contentType), !('fault' in parseContentType(contentType))]).toEqual([
    isValid,
    isValid,
  ]);
});

describe('the rules of the proto', () => {
  test('use the numbers of the limits, and no others', () => {
    const numbersOf = (place: string, of: FieldRules): [string, number][] =>
      Object.entries(of).flatMap(([rule, value]) =>
        typeof value === 'number'
          ? [[`${place}${rule}`, value]]
          : rule === 'each' || rule === 'names'
            ? numbersOf(`${place}${rule}.`, value as FieldRules)
            : [],
      );
    expect(
      Object.fromEntries([...rules].flatMap(([name, of]) => numbersOf(`${name} `, of)).toSorted()),
    ).toEqual(numbers);
  });

  test('use the words of the core, and no others', () => {
    const given = [...rules].flatMap(([name, of]) => {
      const values = of.values ?? of.each?.values;
      return values === undefined ? [] : [[name, values.toSorted()] as const];
    });
    expect(Object.fromEntries(given.toSorted())).toEqual(sets);
  });

  test('have patterns that compile and match whole texts, each with a message', () => {
    const patterns = [...rules].flatMap(([name, of]) =>
      [of, of.names, of.each].flatMap((r) => (r?.pattern === undefined ? [] : [{ name, ...r }])),
    );
    expect(patterns.length).toBeGreaterThan(5);
    for (const { name, pattern, message } of patterns) {
      expect(pattern, name).toMatch(/^\^.*\$$/);
      expect(() => new RegExp(pattern ?? '', 'u'), name).not.toThrow();
      expect(message, name).toMatch(/^[A-Z].*\.$/);
    }
  });

  test('match the template names that the parser accepts', () => {
    const pattern = new RegExp(rules.get('SendMessageRequest.template')?.pattern ?? '', 'u');
    for (const text of [
      'a',
      'otp-code',
      'a.b@1',
      'x'.repeat(128),
      'x'.repeat(129),
      '-a',
      'a@',
      'a@0',
      'a@01',
      'a@1@2',
      'a@9999999999',
      'é',
      'a\n',
    ])
      expect([text, pattern.test(text)]).toEqual([text, parseTemplateName(text) !== null]);
  });
});

describe('the table with which ingest validates requests', () => {
  const judged = judgedFieldsOf(contract);
  test('has every public rpc', () => {
    expect([...judged.keys()]).toEqual(contract.methods.map(({ path }) => path));
  });

  test('has the rules of a request and of its nested messages', () => {
    const fields = judged.get('/packetboat.v1.MessagesService/SendMessage') ?? [];
    const attachments = fields.find(({ name }) => name === 'attachments');
    expect(attachments).toMatchObject({
      shape: 'list',
      kind: 'message',
      rules: { maxItems: acceptLimits.attachmentsMax },
    });
    expect(attachments?.fields.map(({ name }) => name)).toEqual([
      'filename',
      'content',
      'content_type',
      'content_id',
      'disposition',
    ]);
    expect(fields.find(({ name }) => name === 'html')).toBeUndefined();
  });

  test('validates values that only a gRPC client can send', () => {
    const fields = judged.get('/packetboat.v1.KeysService/CreateKey') ?? [];
    const request = {
      name: '',
      scopes: [],
      environment: 'UNRECOGNIZED',
      senders: [],
      expires_at: { seconds: 1e12, nanos: 0 },
    };
    expect(judgeFields(fields, request).map(({ field, code }) => `${field} ${code}`)).toEqual([
      'name missing',
      'environment invalid_value',
      'expires_at out_of_range',
    ]);
  });
});
