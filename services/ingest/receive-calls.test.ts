import { expect, test } from 'vitest';
import { SendItem } from '../../proto/gen/packetboat/internal/v1/ingest.ts';
import { SendMessageRequest } from '../../proto/gen/packetboat/v1/messages.ts';
import { sampleMessage } from '../../test/contract/sample-message.ts';
import { memoryIngest } from '../../test/support/memory-ingest.ts';
import { ingestLimits } from '../core/limits/ingest.ts';
import { sendTurn } from './receive-calls.ts';

async function turnOf(count: number) {
  const { calls, key } = await memoryIngest();
  const template_data = { code: '847291', expires_in: '5 minutes' };
  const send_message = SendMessageRequest.fromPartial({
    recipient: 'user@example.com',
    template: 'otp-code',
    template_data,
  });
  const item = {
    credential: key,
    client_address: '',
    idempotency_keys: [],
    traceparent: '',
    request_id: '',
    admitted: true,
    message_id: '',
    content: [],
    send_message,
    send_email: undefined,
  };
  return (await sendTurn(calls, { items: Array.from({ length: count }, () => item) })).results;
}

test('a turn is as long as a gateway may make it', async () => {
  const results = await turnOf(ingestLimits.turnItemsMax);
  expect(results.filter((r) => r.accepted !== undefined)).toHaveLength(ingestLimits.turnItemsMax);
});

test('one item more and each of them is refused', async () => {
  const results = await turnOf(ingestLimits.turnItemsMax + 1);
  expect(results).toHaveLength(ingestLimits.turnItemsMax + 1);
  expect(results.every((r) => r.refused?.grpc_code === 3)).toBe(true);
});

test('an id that another tenant has is refused, and says nothing of its message', async () => {
  const { calls, ingest, key } = await memoryIngest();
  const foreign = sampleMessage({
    createdAt: ingest.messages.now(),
    tenant: 'other',
    deliveries: [{ to: 'secret@example.org' }],
  });
  await ingest.messages.insert([foreign]);
  const template_data = { code: '847291', expires_in: '5 minutes' };
  const send_message = SendMessageRequest.fromPartial({
    recipient: 'user@example.com',
    template: 'otp-code',
    template_data,
  });
  const item = SendItem.fromPartial({ credential: key, send_message, message_id: foreign.id });
  const { results } = await sendTurn(calls, { items: [item] });
  expect(results).toMatchObject([
    { accepted: undefined, refused: { grpc_code: 10, code: 'conflict', message_id: '' } },
  ]);
  expect(JSON.stringify(results)).not.toContain('secret');
});
