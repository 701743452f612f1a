// Calls ingest over gRPC, round robin over all instances that the target names. The encoding of
// refusals and rate figures is described in `ingest-client.ts`.

import { once } from 'node:events';
import {
  Client,
  type ClientWritableStream,
  credentials,
  experimental,
  status as Grpc,
  logVerbosity,
  Metadata,
  type MethodDefinition,
  type ServiceDefinition,
  type StatusObject,
  setLogVerbosity,
} from '@grpc/grpc-js';
import { service as health } from 'grpc-health-check';
import { BadRequest, ErrorInfo, RetryInfo } from '../../proto/gen/google/rpc/error_details.ts';
import { Status } from '../../proto/gen/google/rpc/status.ts';
import {
  IngestServiceService,
  type RateFigures,
  type Refusal,
  type SendItem,
  type SendResult,
  type UploadContentRequest,
  type UploadContentResponse,
  type UploadHeader,
} from '../../proto/gen/packetboat/internal/v1/ingest.ts';
import { EventsServiceService } from '../../proto/gen/packetboat/v1/events.ts';
import { KeysServiceService } from '../../proto/gen/packetboat/v1/keys.ts';
import { MessagesServiceService } from '../../proto/gen/packetboat/v1/messages.ts';
import { SendersServiceService } from '../../proto/gen/packetboat/v1/senders.ts';
import { SuppressionsServiceService } from '../../proto/gen/packetboat/v1/suppressions.ts';
import { TemplatesServiceService } from '../../proto/gen/packetboat/v1/templates.ts';
import { connectionLimits } from '../../services/core/limits/connection.ts';
import { ingestLimits } from '../../services/core/limits/ingest.ts';
import { runningLimits } from '../../services/core/limits/running.ts';
import type { TlsIdentity } from '../../services/runtime/tls.ts';
import { internal, refusal, unavailable } from '../refusals.ts';
import type { CallContext, IngestClient } from './ingest-client.ts';

/** Every service of the contract; a test compares it with the proto. */
const services: readonly ServiceDefinition[] = [
  EventsServiceService,
  KeysServiceService,
  MessagesServiceService,
  SendersServiceService,
  SuppressionsServiceService,
  TemplatesServiceService,
];

export interface GrpcIngest extends IngestClient, Disposable {
  /**
   * For readiness. Rejects if no instance of ingest replies. Tries a second instance if the first
   * does not reply, because one of several may be frozen.
   */
  check(): Promise<void>;
}

/**
 * @param target `host:port`, `dns:///name:port` or `ipv4:a:port,b:port`
 * @param tls the gateway's certificate and the authorities that it trusts; ingest's certificate must
 * contain the name in the target. Null: no TLS
 * @param callMs how long a caller waits for ingest, in milliseconds
 */
export function connectIngest(
  target: string,
  {
    tls = null,
    callMs = ingestLimits.ingestCallMs,
  }: { readonly tls?: TlsIdentity | null; readonly callMs?: number } = {},
): GrpcIngest {
  // The library would log to standard error, with texts of other programs.
  setLogVerbosity(logVerbosity.NONE);
  const channel =
    tls === null
      ? credentials.createInsecure()
      : experimental.createCertificateProviderChannelCredentials(tls, tls);
  const client = new Client(target, channel, {
    'grpc.service_config': JSON.stringify({ loadBalancingConfig: [{ round_robin: {} }] }),
    'grpc.max_receive_message_length': ingestLimits.grpcMessageBytesMax,
    'grpc.max_send_message_length': ingestLimits.grpcMessageBytesMax,
    'grpc.keepalive_time_ms': runningLimits.grpcKeepaliveMs,
    'grpc.keepalive_timeout_ms': runningLimits.grpcKeepaliveTimeoutMs,
    'grpc.max_reconnect_backoff_ms': connectionLimits.connectMs,
    'grpc.initial_reconnect_backoff_ms': connectionLimits.reconnectMs,
  });
  const methods = new Map(
    services.flatMap((service) => Object.values(service).map((method) => [method.path, method] as const)),
  );
  const { sendMessages, admit } = IngestServiceService;

  return {
    async sendMessages(request) {
      const deadline = Date.now() + callMs;
      const call = { request, metadata: new Metadata(), deadline };
      const first = await unary(client, sendMessages, call);
      // An instance died during the call. The items have ids, so repeating the call at another
      // instance creates no second message. Both calls share one deadline: the caller waits for one
      // frozen instance, not for two.
      const isRepeated = isAway(first) && Date.now() < deadline;
      const outcome = isRepeated ? await unary(client, sendMessages, call) : first;
      const results =
        'response' in outcome
          ? outcome.response.results
          : request.items.map(() => ({
              accepted: undefined,
              refused: outcome.refused,
              replayed: false,
              rate: outcome.rate,
            }));
      if ('response' in outcome && !isRepeated) return { results };
      // The lost call may have stored the items, so each refusal names its message (P2).
      const named = (result: SendResult, item: SendItem | undefined): SendResult =>
        result.refused === undefined || (!isRepeated && isJudged(result.refused))
          ? result
          : { ...result, refused: { ...result.refused, message_id: item?.message_id ?? '' } };
      return { results: results.map((result, i) => named(result, request.items[i])) };
    },

    async admit(request, requestId) {
      const outcome = await unary(client, admit, {
        request,
        metadata: requestIdOnly(requestId),
        deadline: Date.now() + callMs,
      });
      return 'response' in outcome ? outcome.response : outcome;
    },

    async uploadContent(header, chunks, requestId) {
      const outcome = await upload(client, header, chunks, requestIdOnly(requestId));
      return 'response' in outcome ? outcome.response : outcome;
    },

    async call(path, credential, request, context) {
      const method = methods.get(path);
      if (method === undefined) throw new Error(`there is no rpc ${path}`);
      return unary<object, object>(client, method, {
        request,
        metadata: metadataOf(credential, context),
        deadline: Date.now() + callMs,
      });
    },

    check: () => askHealth(client).catch(() => askHealth(client)),

    [Symbol.dispose]() {
      client.close();
    },
  };
}

const isAway = (outcome: CallOutcome<unknown>): boolean =>
  'refused' in outcome && outcome.refused.grpc_code === Grpc.UNAVAILABLE;
/** Whether ingest refused the whole call before it read an item. */
const isJudged = ({ grpc_code }: Refusal): boolean =>
  grpc_code !== Grpc.UNAVAILABLE && grpc_code !== Grpc.INTERNAL;

const identity = (bytes: Buffer): Buffer => bytes;
const healthCheck = health.Check as unknown as MethodDefinition<object, object>;
const isServing = (answer: object | undefined): boolean =>
  answer !== undefined && 'status' in answer && answer.status === 'SERVING';

/**
 * Calls the standard health service; an empty request means the whole server. Waits until the
 * channel is connected. An instance of ingest that is starting, draining or without its store
 * reports NOT_SERVING and counts as unreachable.
 */
function askHealth(client: Client): Promise<void> {
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  const metadata = new Metadata({ waitForReady: true });
  const deadline = Date.now() + ingestLimits.ingestCheckMs;
  const { path, responseDeserialize } = healthCheck;
  client.makeUnaryRequest(
    path,
    identity,
    responseDeserialize,
    Buffer.alloc(0),
    metadata,
    { deadline },
    (error, answer) => {
      if (error !== null) reject(Object.assign(error, { code: Grpc[error.code] }));
      else if (isServing(answer)) resolve();
      else reject(Object.assign(new Error('ingest reports that it is not serving'), { code: 'NOT_SERVING' }));
    },
  );
  return promise;
}

type CallOutcome<Response> = { readonly rate: RateFigures | undefined } & (
  | { readonly response: Response }
  | { readonly refused: Refusal }
);

function unary<Request, Response>(
  client: Client,
  {
    path,
    requestSerialize,
    responseDeserialize,
  }: Pick<MethodDefinition<Request, Response>, 'path' | 'requestSerialize' | 'responseDeserialize'>,
  {
    request,
    metadata,
    deadline,
  }: {
    readonly request: Request;
    readonly metadata: Metadata;
    /** Milliseconds since 1970. */
    readonly deadline: number;
  },
): Promise<CallOutcome<Response>> {
  return new Promise((resolve) => {
    let response: Response | null = null;
    client
      .makeUnaryRequest(
        path,
        requestSerialize,
        responseDeserialize,
        request,
        metadata,
        { deadline },
        (_error, value) => {
          response = value ?? null;
        },
      )
      // emitted right after the callback, with the trailer of a response or an error
      .on('status', (status) => resolve(outcomeOf(status, response)));
  });
}

/** Writes no faster than ingest reads. Rejects only with the error that `chunks` throws. */
async function upload(
  client: Client,
  header: UploadHeader,
  chunks: AsyncIterable<Uint8Array>,
  metadata: Metadata,
): Promise<CallOutcome<UploadContentResponse>> {
  const { path, requestSerialize, responseDeserialize } = IngestServiceService.uploadContent;
  const ended = Promise.withResolvers<CallOutcome<UploadContentResponse>>();
  let response: UploadContentResponse | null = null;
  const options = { deadline: Date.now() + ingestLimits.uploadMs };
  const call: ClientWritableStream<UploadContentRequest> = client.makeClientStreamRequest(
    path,
    requestSerialize,
    responseDeserialize,
    metadata,
    options,
    (_error, value) => {
      response = value ?? null;
    },
  );
  // emitted when the gateway writes to a call that ingest has already ended
  call.on('error', () => {});
  let hasEnded = false;
  call.on('status', (status) => {
    hasEnded = true;
    ended.resolve(outcomeOf(status, response));
  });
  const write = async (part: UploadContentRequest): Promise<void> => {
    if (!call.write(part)) await Promise.race([once(call, 'drain'), ended.promise]);
  };
  try {
    await write({ header });
    for await (const chunk of chunks) {
      if (hasEnded) break;
      await write({ chunk: Buffer.from(chunk.buffer, chunk.byteOffset, chunk.byteLength) });
    }
  } catch (error) {
    call.cancel();
    throw error;
  }
  call.end();
  return ended.promise;
}

function outcomeOf<Response>(status: StatusObject, response: Response | null): CallOutcome<Response> {
  const rate = rateOf(status.metadata);
  if (status.code === Grpc.OK && response !== null) return { rate, response };
  return { rate, refused: refusalOf(status) };
}

function metadataOf(credential: string, { requestId, traceparent, clientAddress }: CallContext): Metadata {
  const metadata = new Metadata();
  metadata.set('authorization', `Bearer ${credential}`);
  metadata.set('x-request-id', requestId);
  if (clientAddress !== '') metadata.set('x-packetboat-client-address', clientAddress);
  if (traceparent !== '') metadata.set('traceparent', traceparent);
  return metadata;
}

/** For the internal rpcs, whose messages contain everything else. */
function requestIdOnly(requestId: string): Metadata {
  const metadata = new Metadata();
  metadata.set('x-request-id', requestId);
  return metadata;
}

function rateOf(metadata: Metadata): RateFigures | undefined {
  const figure = (name: string): number => Number(metadata.get(`x-ratelimit-${name}`)[0] ?? Number.NaN);
  const rate = { limit: figure('limit'), remaining: figure('remaining'), reset: figure('reset') };
  return Number.isNaN(rate.limit) ? undefined : rate;
}

const DOMAIN = 'packetboat.dev';

/**
 * The refusal that ingest sent; for an error of the gRPC library, the refusal that fits its code.
 */
export function refusalOf({ code, details, metadata }: StatusObject): Refusal {
  const [bytes] = metadata.get('grpc-status-details-bin');
  const found = Buffer.isBuffer(bytes) ? Status.decode(bytes).details : [];
  const detail = (name: string): Uint8Array | undefined =>
    found.find((any) => any.type_url === `type.googleapis.com/google.rpc.${name}`)?.value;

  const infoBytes = detail('ErrorInfo');
  const info = infoBytes === undefined ? null : ErrorInfo.decode(infoBytes);
  if (info?.domain !== DOMAIN) return ofGrpcItself(code);
  const badRequest = detail('BadRequest');
  const retryInfo = detail('RetryInfo');
  const delay = retryInfo === undefined ? undefined : RetryInfo.decode(retryInfo).retry_delay;
  return refusal(code, info.reason, details, {
    errors:
      badRequest === undefined
        ? []
        : BadRequest.decode(badRequest).field_violations.map(({ field, reason, description }) => ({
            field,
            code: reason,
            message: description,
          })),
    retry_after_ms: delay === undefined ? 0 : delay.seconds * 1000 + Math.ceil(delay.nanos / 1e6),
    message_id: info.metadata.message_id ?? '',
  });
}

function ofGrpcItself(code: number): Refusal {
  const isAway = code === Grpc.UNAVAILABLE || code === Grpc.DEADLINE_EXCEEDED || code === Grpc.CANCELLED;
  return isAway
    ? unavailable('The service did not reply. Repeat the request with the same idempotency key.')
    : internal();
}
