// Sends the messages of a batch that came over gRPC. A batch over REST is taken apart by its
// gateway, and its messages arrive as items of a turn.

import type { SendItem, SendResult } from '../../proto/gen/packetboat/internal/v1/ingest.ts';
import type {
  SendMessageBatchRequest,
  SendMessageBatchResponse,
} from '../../proto/gen/packetboat/v1/messages.ts';
import { faultOfBatch, itemOfPath, pathInItem, resultOfItem } from '../core/accept/batch-items.ts';
import { accessRules } from '../core/access/access-rules.ts';
import { Failure, type FieldError, validationFailed } from '../core/failure.ts';
import { ingestLimits } from '../core/limits/ingest.ts';
import { type CallOrigin, type CallResult, enter, handleCall } from './handle-call.ts';
import { type DecodedRequest, type RpcContext, sendItems } from './receive-calls.ts';

/** `call`: what the call says about all items; it has no message. */
export function sendBatch(
  context: RpcContext,
  call: SendItem,
  origin: CallOrigin,
  { request: { messages }, faults }: DecodedRequest<SendMessageBatchRequest>,
): Promise<CallResult<SendMessageBatchResponse>> {
  const fault = failureOf(call, messages.length);
  const send = async (): Promise<SendMessageBatchResponse> => {
    const ofItems = Map.groupBy(faults, ({ field }) => itemOfPath(field));
    const results: SendResult[] = [];
    for (let at = 0; at < messages.length; at += ingestLimits.turnItemsMax) {
      const items = messages.slice(at, at + ingestLimits.turnItemsMax).map((message, i) => ({
        item: { ...call, admitted: true, send_message: message },
        faults: inItem(ofItems.get(at + i) ?? []),
      }));
      results.push(...(await sendItems(context, items)));
    }
    return { results: results.map(resultOfItem) };
  };
  return handleCall(
    context.ingest,
    origin,
    async (principal) => {
      enter(principal, accessRules['/packetboat.v1.MessagesService/SendMessageBatch']);
      if (fault !== null) throw fault;
      return send();
    },
    fault === null ? messages.length : 1,
  );
}

const inItem = (faults: readonly FieldError[]): FieldError[] =>
  faults.map((fault) => ({ ...fault, field: pathInItem(fault.field) }));

/** The fault of the batch as a whole. */
function failureOf({ idempotency_keys }: SendItem, items: number): Failure | null {
  const fault = faultOfBatch(idempotency_keys, items);
  if (fault === null) return null;
  return fault.isMalformed
    ? new Failure('invalid', fault.message, { errors: [fault.error] })
    : validationFailed([fault.error]);
}
