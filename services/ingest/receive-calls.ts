// Where calls come into ingest, over gRPC (`grpc-services.ts`) or from a gateway in the same
// process. Translates messages of the contract, and passes requests to send to `send-messages.ts`
// and all other calls to `rpc-handlers.ts`. Nothing here rejects because of a caller or a
// dependency; both become a `Failure` in the answer.

import type {
  AdmitRequest,
  AdmitResponse,
  SendItem,
  SendMessagesRequest,
  SendMessagesResponse,
  SendResult,
  UploadContentResponse,
  UploadHeader,
} from '../../proto/gen/packetboat/internal/v1/ingest.ts';
import { type JudgedField, judgeFields } from '../core/accept/field-rules.ts';
import { accessRuleOf, accessRules } from '../core/access/access-rules.ts';
import type { Principal } from '../core/access/principal.ts';
import { Failure, type FieldError, validationFailed } from '../core/failure.ts';
import { parseMessageId } from '../core/ids.ts';
import { ingestLimits } from '../core/limits/ingest.ts';
import { parseRequestId, type RequestId } from '../core/trace.ts';
import type { JudgeLostNames } from '../runtime/lost-names.ts';
import { authenticateCaller } from './authenticate.ts';
import { toRateFigures, toRefusal } from './grpc-status.ts';
import {
  type CallOrigin,
  type CallResult,
  enter,
  failureForCaller,
  handleCall,
  requireScope,
} from './handle-call.ts';
import type { Ingest } from './ingest-parts.ts';
import { readSendEmail, readSendMessage } from './read-item.ts';
import { rpcHandlers } from './rpc-handlers.ts';
import { type AnsweredSend, type IncomingSend, sendMessages } from './send-messages.ts';
import { toSendMessageResponse } from './to-proto.ts';
import { uploadContent } from './upload-content.ts';

/** The counters of calls; `runtime/metrics.ts` declares the metrics. */
interface CallMetrics {
  /** `queued`, `scheduled`, `suppressed`, `replayed`, `refused` or `failed`. */
  message(result: string): void;
  /** `status`: the gRPC code. */
  rpc(path: string, status: number, ms: number): void;
}

const SEND_MESSAGE = '/packetboat.v1.MessagesService/SendMessage';
const SEND_EMAIL = '/packetboat.v1.MessagesService/SendEmail';

export interface RpcContext {
  readonly ingest: Ingest;
  /** The rules of a request's fields, by the gRPC path of its rpc. */
  readonly judgedFields: ReadonlyMap<string, readonly JudgedField[]>;
  /** Finds the map entries that decoding a request loses. */
  readonly judgeLostNames: JudgeLostNames;
  readonly metrics: CallMetrics;
  /**
   * Whether a caller with this certificate (DER) is a gateway. Absent without TLS: then every
   * caller counts as a gateway, and a NetworkPolicy must exclude others.
   */
  readonly isGateway?: ((certificate: Uint8Array, fingerprint: string) => boolean) | undefined;
}

/**
 * Sends one message that did not come from a gateway.
 * @param faults faults that were found while the request was decoded
 */
export async function send(
  context: RpcContext,
  item: SendItem,
  faults: readonly FieldError[] = [],
): Promise<AnsweredSend> {
  const [result] = await sendAll(context, [fromItem(context, item, faults)]);
  return result ?? { rate: null, failure: new Failure('internal', 'the request has no result') };
}

/**
 * Sends the messages of one turn of a gateway. A turn with too many items is refused as a whole.
 */
export async function sendTurn(
  context: RpcContext,
  { items }: SendMessagesRequest,
): Promise<SendMessagesResponse> {
  if (items.length > ingestLimits.turnItemsMax) {
    const failure = new Failure('invalid', `A batch has at most ${ingestLimits.turnItemsMax} items.`);
    return { results: items.map(() => toResult({ rate: null, failure })) };
  }
  return {
    results: await sendItems(
      context,
      items.map((item) => ({ item, faults: [] })),
    ),
  };
}

/**
 * Sends up to `ingestLimits.turnItemsMax` items with one insert.
 * @param items each with the faults that were found while it was decoded
 */
export async function sendItems(
  context: RpcContext,
  items: readonly { readonly item: SendItem; readonly faults: readonly FieldError[] }[],
): Promise<SendResult[]> {
  const read = items.map(({ item, faults }) => fromItem(context, item, faults));
  return (await sendAll(context, read)).map(toResult);
}

async function sendAll(
  { ingest, metrics }: RpcContext,
  items: readonly IncomingSend[],
): Promise<readonly AnsweredSend[]> {
  const results = await sendMessages(ingest, items);
  for (const result of results) metrics.message(wordOf(result));
  return results;
}

function fromItem(
  { ingest, judgedFields }: RpcContext,
  item: SendItem,
  faults: readonly FieldError[],
): IncomingSend {
  return {
    origin: {
      credential: item.credential,
      address: item.client_address,
      requestId: parseRequestId(item.request_id),
    },
    idempotencyKeys: item.idempotency_keys,
    traceparent: item.traceparent,
    isCounted: item.admitted,
    messageId: parseMessageId(item.message_id),
    rule: accessRules[item.send_email === undefined ? SEND_MESSAGE : SEND_EMAIL],
    judge: () => {
      const uploaded = new Set(item.content.map(({ path }) => path));
      const [path, request] =
        item.send_message === undefined
          ? [SEND_EMAIL, item.send_email ?? {}]
          : [SEND_MESSAGE, item.send_message];
      const fields = judgedFields.get(path);
      if (fields === undefined) throw new Error(`${path} is not in the contract`);
      return [...faults, ...judgeFields(fields, request, uploaded)];
    },
    read: async (caller, noteBlob) => {
      const ports = { blobs: ingest.blobs, messages: ingest.messages, random: ingest.random, noteBlob };
      if (item.send_message !== undefined)
        return readSendMessage(ports, caller, item.send_message, item.content);
      if (item.send_email !== undefined) return readSendEmail(ports, caller, item.send_email, item.content);
      throw new Failure('invalid', 'The item has no request.');
    },
  };
}

function wordOf(result: AnsweredSend): string {
  if ('failure' in result)
    return result.failure.kind === 'unavailable' || result.failure.kind === 'internal' ? 'failed' : 'refused';
  return result.replayed ? 'replayed' : result.message.acceptedAs;
}

function toResult(result: AnsweredSend): SendResult {
  const rate = toRateFigures(result.rate);
  if ('failure' in result)
    return { refused: toRefusal(result.failure), accepted: undefined, replayed: false, rate };
  return {
    accepted: toSendMessageResponse(result.message),
    refused: undefined,
    replayed: result.replayed,
    rate,
  };
}

export async function admit(
  { ingest }: RpcContext,
  { credential, client_address, scope, uncounted, requests }: AdmitRequest,
  requestId: RequestId | null,
): Promise<AdmitResponse> {
  const origin = { credential, address: client_address, requestId };
  if (uncounted) return { refused: await judgeKey(ingest, origin, scope), rate: undefined };
  const judge = async (principal: Principal): Promise<object> => {
    requireScope(principal, scope);
    return {};
  };
  const answered = await handleCall(ingest, origin, judge, Math.max(requests, 1));
  return {
    refused: 'failure' in answered ? toRefusal(answered.failure) : undefined,
    rate: toRateFigures(answered.rate),
  };
}

async function judgeKey(
  ingest: Pick<Ingest, 'keyCache' | 'failedAuthentications' | 'report'>,
  origin: CallOrigin,
  scope: string,
): Promise<AdmitResponse['refused']> {
  try {
    requireScope(await authenticateCaller(ingest, origin), scope);
    return undefined;
  } catch (error) {
    return toRefusal(failureForCaller(ingest, error, origin.requestId));
  }
}

/**
 * Stores one part of the content of a request. Does not count a request, because `Admit` has
 * counted it. Rejects only with the error that `chunks` throws, which means a broken connection.
 */
export async function upload(
  { ingest }: RpcContext,
  { credential, client_address: address }: UploadHeader,
  chunks: AsyncIterable<Uint8Array>,
  requestId: RequestId | null,
): Promise<UploadContentResponse | Failure> {
  let broken: { readonly error: unknown } | null = null;
  async function* watched(): AsyncIterable<Uint8Array> {
    try {
      yield* chunks;
    } catch (error) {
      broken = { error };
      throw error;
    }
  }
  try {
    const principal = await authenticateCaller(ingest, { credential, address });
    const { id, bytes } = await uploadContent(ingest, principal, watched());
    return { blob_id: id, bytes };
  } catch (error) {
    if (broken !== null) throw (broken as { readonly error: unknown }).error;
    return failureForCaller(ingest, error, requestId);
  }
}

/** A request, and faults in its bytes that decoding has hidden. */
export interface DecodedRequest<Request> {
  readonly request: Request;
  readonly faults: readonly FieldError[];
}

/**
 * Handles any public rpc that does not send. A path that is not in the contract is a bug of the
 * caller.
 */
export function call(
  { ingest, judgedFields }: RpcContext,
  path: string,
  origin: CallOrigin,
  { request, faults: found }: DecodedRequest<object>,
): Promise<CallResult<object>> {
  const handle = rpcHandlers[path];
  const rule = accessRuleOf(path);
  const fields = judgedFields.get(path);
  if (handle === undefined || rule === null || fields === undefined) {
    throw new Error(`${path} has no handler, no access rule, or is not in the contract`);
  }
  return handleCall(ingest, origin, async (principal) => {
    const caller = enter(principal, rule);
    const faults = [...found, ...judgeFields(fields, request)];
    if ('judging' in handle) return handle.judging(ingest, caller, request as never, faults);
    if (faults.length > 0) throw validationFailed(faults);
    return handle(ingest, caller, request as never);
  });
}
