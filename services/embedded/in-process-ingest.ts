// How the gateway reaches ingest when both are one process: the same calls without a wire.

import type { CallAnswer, IngestClient } from '../../gateway/ingest/ingest-client.ts';
import { Failure } from '../core/failure.ts';
import { toRateFigures, toRefusal } from '../ingest/grpc-status.ts';
import { admit, call, type RpcContext, sendTurn, upload } from '../ingest/handle-calls.ts';

export function inProcessIngest(calls: RpcContext): IngestClient {
  return {
    sendMessages: (request) => sendTurn(calls, request),

    admit: (request) => admit(calls, request),

    async uploadContent(header, chunks) {
      const stored = await upload(calls, header, chunks);
      return stored instanceof Failure ? { refused: toRefusal(stored) } : stored;
    },

    async call(path, credential, request, { clientAddress }): Promise<CallAnswer> {
      const { clock } = calls.ingest;
      const startedAt = clock.monotonic();
      const answered = await call(calls, path, { credential, address: clientAddress }, request);
      const rate = toRateFigures(answered.rate);
      const result: CallAnswer =
        'failure' in answered
          ? { rate, refused: toRefusal(answered.failure) }
          : { rate, response: answered.response };
      calls.metrics.rpc(
        path,
        'refused' in result ? result.refused.grpc_code : 0,
        clock.monotonic() - startedAt,
      );
      return result;
    },
  };
}
