// Connects the gateway to an ingest in the same process: the same calls, without gRPC.

import type { CallAnswer, IngestClient } from '../../gateway/ingest/ingest-client.ts';
import { Failure } from '../core/failure.ts';
import { parseRequestId } from '../core/trace.ts';
import { toRateFigures, toRefusal } from '../ingest/grpc-status.ts';
import { admit, call, type RpcContext, sendTurn, upload } from '../ingest/receive-calls.ts';

export function inProcessIngest(context: RpcContext): IngestClient {
  return {
    sendMessages: (request) => sendTurn(context, request),

    admit: (request, requestId) => admit(context, request, parseRequestId(requestId)),

    async uploadContent(header, chunks, requestId) {
      const stored = await upload(context, header, chunks, parseRequestId(requestId));
      return stored instanceof Failure ? { refused: toRefusal(stored) } : stored;
    },

    async call(path, credential, request, { clientAddress, requestId }): Promise<CallAnswer> {
      const { clock } = context.ingest;
      const startedAt = clock.monotonic();
      const origin = { credential, address: clientAddress, requestId: parseRequestId(requestId) };
      const answered = await call(context, path, origin, { request, faults: [] });
      const rate = toRateFigures(answered.rate);
      const result: CallAnswer =
        'failure' in answered
          ? { rate, refused: toRefusal(answered.failure) }
          : { rate, response: answered.response };
      context.metrics.rpc(
        path,
        'refused' in result ? result.refused.grpc_code : 0,
        clock.monotonic() - startedAt,
      );
      return result;
    },
  };
}
