// Sends the messages of a batch, each as a message of its own. The response has one result for each
// item, in order.

import type { Refusal, SendResult } from '../../proto/gen/packetboat/internal/v1/ingest.ts';
import type { BatchResult, SendMessageBatchResponse } from '../../proto/gen/packetboat/v1/messages.ts';
import { faultOfBatch, resultOfItem } from '../../services/core/accept/batch-items.ts';
import { doorLimits } from '../../services/core/limits/door.ts';
import { internal, malformed, validationFailed } from '../refusals.ts';
import type { Exchange } from './exchange.ts';
import { idempotencyKeysOf } from './request-headers.ts';
import { type HttpAnswer, refusedWith, succeeded } from './response.ts';
import { type ItemToSend, sendItem } from './send-message.ts';

export async function sendBatch(exchange: Exchange, items: readonly ItemToSend[]): Promise<HttpAnswer> {
  const { method, request, admission } = exchange;
  const fault = refusalOf(exchange, items.length);
  const refused = (await admission.refusal(fault === null ? items.length : 1)) ?? fault;
  if (refused !== null) return refusedWith(refused, admission.rate, request.id);
  const results = new Array<BatchResult>(items.length);
  const queue = items.entries();
  // each worker takes the next item from the same iterator
  const work = async (): Promise<void> => {
    for (const [i, item] of queue) results[i] = resultOfItem(await resultOf(exchange, item));
  };
  await Promise.all(Array.from({ length: doorLimits.batchItemsInFlightMax }, work));
  const response: SendMessageBatchResponse = { results };
  return succeeded(method, response, admission.rate);
}

/** The fault of the batch as a whole. */
function refusalOf({ request }: Exchange, items: number): Refusal | null {
  const fault = faultOfBatch(idempotencyKeysOf(request.raw), items);
  if (fault === null) return null;
  return fault.isMalformed ? malformed([fault.error], fault.message) : validationFailed([fault.error]);
}

/** Never rejects: other items may have been stored. */
async function resultOf(exchange: Exchange, item: ItemToSend): Promise<SendResult> {
  if ('refused' in item) return refusedItem(item.refused);
  try {
    // ingest reads the key of the item itself
    return await sendItem(exchange, item, 'send_message', []);
  } catch (error) {
    exchange.door.report(error, exchange.request.id);
    return refusedItem(internal());
  }
}

const refusedItem = (refused: Refusal): SendResult => ({
  refused,
  accepted: undefined,
  replayed: false,
  rate: undefined,
});
