// Ingest's gRPC services: the public ones of the contract, and the internal one for gateways. The
// metadata contains the key, the traceparent and, from a gateway, the request id and the client's
// address. The trailer contains the request id and the rate figures.

import { randomUUID } from 'node:crypto';
import type {
  handleUnaryCall,
  Metadata,
  ServerReadableStream,
  ServerUnaryCall,
  ServiceDefinition,
  sendUnaryData,
  UntypedServiceImplementation,
} from '@grpc/grpc-js';
import {
  type AdmitRequest,
  IngestServiceService,
  type SendItem,
  type SendMessagesRequest,
  type UploadContentRequest,
  type UploadContentResponse,
} from '../../proto/gen/packetboat/internal/v1/ingest.ts';
import { EventsServiceService } from '../../proto/gen/packetboat/v1/events.ts';
import { KeysServiceService } from '../../proto/gen/packetboat/v1/keys.ts';
import {
  MessagesServiceService,
  type SendEmailRequest,
  type SendMessageBatchRequest,
  type SendMessageRequest,
} from '../../proto/gen/packetboat/v1/messages.ts';
import { SendersServiceService } from '../../proto/gen/packetboat/v1/senders.ts';
import { SuppressionsServiceService } from '../../proto/gen/packetboat/v1/suppressions.ts';
import { TemplatesServiceService } from '../../proto/gen/packetboat/v1/templates.ts';
import { accessRuleOf } from '../core/access/access-rules.ts';
import { keyTextOf } from '../core/access/key-text.ts';
import { Failure, type FieldError } from '../core/failure.ts';
import { parseRequestId, type RequestId, requestIdOf } from '../core/trace.ts';
import type { GrpcService } from '../runtime/grpc-server.ts';
import type { JudgeLostNames } from '../runtime/lost-names.ts';
import { toStatus, toTrailer } from './grpc-status.ts';
import type { CallOrigin, RateLimitStatus } from './handle-call.ts';
import {
  admit,
  call,
  type DecodedRequest,
  type RpcContext,
  send,
  sendTurn,
  upload,
} from './receive-calls.ts';
import { rpcHandlers } from './rpc-handlers.ts';
import { sendBatch } from './send-batch.ts';
import { toSendMessageResponse } from './to-proto.ts';

const PUBLIC: readonly ServiceDefinition[] = [
  MessagesServiceService,
  EventsServiceService,
  SuppressionsServiceService,
  SendersServiceService,
  TemplatesServiceService,
  KeysServiceService,
];

/** The result of a call: a response or a failure, with the rate figures of the trailer. */
type HandledCall = { readonly rate: RateLimitStatus; readonly replayed?: boolean } & (
  | { readonly response: object }
  | { readonly failure: Failure }
);

/** The part of a call that identifies its caller. */
type Incoming = Pick<ServerUnaryCall<unknown, unknown>, 'metadata' | 'getPeer' | 'getAuthContext'>;
type Handle = (origin: CallOrigin, request: never, metadata: Metadata) => Promise<HandledCall>;

export function ingestServices(context: RpcContext): readonly GrpcService[] {
  const senders: Readonly<Record<string, Handle>> = {
    [MessagesServiceService.sendMessage.path]: (
      origin,
      { request, faults }: DecodedRequest<SendMessageRequest>,
      metadata,
    ) => sendPublic(context, itemOf(origin, metadata, { send_message: request }), faults),
    [MessagesServiceService.sendMessageBatch.path]: (
      origin,
      decoded: DecodedRequest<SendMessageBatchRequest>,
      metadata,
    ) => sendBatch(context, itemOf(origin, metadata, {}), origin, decoded),
    [MessagesServiceService.sendEmail.path]: (
      origin,
      { request, faults }: DecodedRequest<SendEmailRequest>,
      metadata,
    ) => sendPublic(context, itemOf(origin, metadata, { send_email: request }), faults),
  };
  const publicServices = PUBLIC.map((definition): GrpcService => {
    const handlers = Object.entries(definition).map(([name, { path }]) => {
      const handle =
        senders[path] ??
        (rpcHandlers[path] === undefined
          ? null
          : (origin: CallOrigin, decoded: DecodedRequest<object>) => call(context, path, origin, decoded));
      if (handle === null || accessRuleOf(path) === null)
        throw new Error(`${path} has no handler, or no access rule`);
      return [name, publicRpc(context, path, handle)];
    });
    return {
      definition: decodingStrictly(definition, context.judgeLostNames),
      implementation: Object.fromEntries(handlers) as UntypedServiceImplementation,
    };
  });
  return [...publicServices, { definition: IngestServiceService, implementation: internalService(context) }];
}

/** The same service, whose handlers get each request as a `DecodedRequest`. */
function decodingStrictly(definition: ServiceDefinition, judge: JudgeLostNames): ServiceDefinition {
  const methods = Object.entries(definition).map(([name, method]) => {
    const requestDeserialize = (bytes: Buffer): DecodedRequest<unknown> => ({
      request: method.requestDeserialize(bytes),
      faults: judge(method.path, bytes),
    });
    return [name, { ...method, requestDeserialize }];
  });
  return Object.fromEntries(methods) as ServiceDefinition;
}

function internalService(context: RpcContext): UntypedServiceImplementation {
  const { sendMessages, admit: admitRpc, uploadContent } = IngestServiceService;
  const guarded =
    <Call extends Pick<ServerReadableStream<never, never>, 'getAuthContext'>>(
      handle: (call: Call, respond: sendUnaryData<object>) => void,
    ) =>
    (incoming: Call, respond: sendUnaryData<object>): void => {
      if (isFromGateway(context, incoming)) handle(incoming, respond);
      else
        respond(
          toStatus(
            new Failure(
              'forbidden',
              'Only gateways may call this service, and this certificate does not belong to a gateway.',
            ),
            null,
          ),
        );
    };
  const internalRpc =
    <Call extends Pick<Incoming, 'getAuthContext'>>(
      path: string,
      handle: (call: Call) => Promise<HandledCall>,
    ) =>
    (incoming: Call, respond: sendUnaryData<object>): void =>
      respondWith(context, path, respond, { outcome: handle(incoming), requestId: null });
  return {
    sendMessages: guarded(
      internalRpc(sendMessages.path, async ({ request }: ServerUnaryCall<SendMessagesRequest, object>) => ({
        rate: null,
        response: await sendTurn(context, request),
      })),
    ),
    admit: guarded(
      internalRpc(admitRpc.path, async ({ request, metadata }: ServerUnaryCall<AdmitRequest, object>) => ({
        rate: null,
        response: await admit(context, request, requestIdIn(metadata)),
      })),
    ),
    uploadContent: guarded(
      internalRpc(
        uploadContent.path,
        (stream: ServerReadableStream<UploadContentRequest, UploadContentResponse>) =>
          receive(context, stream),
      ),
    ),
  };
}

/** Returns the request id with every response and refusal, so that the caller can report it. */
const publicRpc =
  (context: RpcContext, path: string, handle: Handle): handleUnaryCall<never, object> =>
  (incoming, respond) => {
    const origin = originOf(context, incoming);
    const outcome = handle(origin, incoming.request, incoming.metadata);
    respondWith(context, path, respond, { outcome, requestId: origin.requestId });
  };

function isFromGateway({ isGateway }: RpcContext, incoming: Pick<Incoming, 'getAuthContext'>): boolean {
  if (isGateway === undefined) return true;
  const peer = incoming.getAuthContext().sslPeerCertificate;
  return peer !== undefined && isGateway(peer.raw, peer.fingerprint256);
}

/** A rejection is a bug. It is logged, and the caller gets `internal` without details. */
function respondWith(
  { ingest, metrics }: RpcContext,
  path: string,
  respond: sendUnaryData<object>,
  { outcome, requestId }: { readonly outcome: Promise<HandledCall>; readonly requestId: RequestId | null },
): void {
  const startedAt = ingest.clock.monotonic();
  const done = (status: number): void => metrics.rpc(path, status, ingest.clock.monotonic() - startedAt);
  const refuse = (failure: Failure, rate: RateLimitStatus): void => {
    const refusal = toStatus(failure, rate, requestId);
    respond(refusal);
    done(refusal.code);
  };
  outcome.then(
    (settled) => {
      if ('failure' in settled) return refuse(settled.failure, settled.rate);
      const trailer = toTrailer(settled.rate, requestId);
      if (settled.replayed) trailer.set('idempotent-replayed', 'true');
      respond(null, settled.response, trailer);
      done(0);
    },
    (error: unknown) => {
      ingest.report('a call failed', error, requestId);
      refuse(new Failure('internal', 'Something went wrong on our side.'), null);
    },
  );
}

async function sendPublic(
  context: RpcContext,
  item: SendItem,
  faults: readonly FieldError[],
): Promise<HandledCall> {
  const result = await send(context, item, faults);
  return 'failure' in result
    ? result
    : { rate: result.rate, replayed: result.replayed, response: toSendMessageResponse(result.message) };
}

function itemOf(
  { credential, address, requestId }: CallOrigin,
  metadata: Metadata,
  request: Pick<SendItem, 'send_message' | 'send_email'>,
): SendItem {
  return {
    credential,
    client_address: address,
    idempotency_keys: ['idempotency-key', 'x-idempotency-key'].flatMap((name) =>
      metadata.get(name).map(String),
    ),
    traceparent: first(metadata, 'traceparent'),
    request_id: requestId ?? '',
    admitted: false,
    message_id: '',
    content: [],
    ...request,
  };
}

const first = (metadata: Metadata, name: string): string => String(metadata.get(name)[0] ?? '');

const requestIdIn = (metadata: Metadata): RequestId | null => parseRequestId(first(metadata, 'x-request-id'));

/**
 * A gateway forwards calls together with the client's address and the request id. For any other
 * caller, ingest uses the caller's own address and makes the id, since a caller could use one id
 * for many calls.
 */
function originOf(context: RpcContext, incoming: Incoming): CallOrigin {
  const { metadata } = incoming;
  const isPassedOn = isFromGateway(context, incoming);
  const told = isPassedOn ? first(metadata, 'x-packetboat-client-address') : '';
  return {
    credential: credentialOf(metadata),
    address: told === '' ? hostOf(incoming.getPeer()) : told,
    requestId: (isPassedOn ? requestIdIn(metadata) : null) ?? requestIdOf(randomUUID()),
  };
}

/** `127.0.0.1:4711` or `::1:4711`, the gRPC library's format of a peer. */
const hostOf = (peer: string): string => peer.replace(/:\d+$/, '');

/** As in HTTP: `authorization: Bearer …`, or `x-api-token: …`. */
function credentialOf(metadata: Metadata): string {
  return keyTextOf(first(metadata, 'authorization'), first(metadata, 'x-api-token'));
}

/** A header, then chunks. The stream is read no faster than the BlobStore takes it. */
async function receive(
  context: RpcContext,
  stream: ServerReadableStream<UploadContentRequest, UploadContentResponse>,
): Promise<HandledCall> {
  const parts = stream[Symbol.asyncIterator]() as AsyncIterator<UploadContentRequest>;
  async function* chunks(): AsyncIterable<Uint8Array> {
    for (let part = await parts.next(); !part.done; part = await parts.next()) {
      if (part.value.chunk === undefined)
        throw new Failure('invalid', 'After its header, an upload may have only chunks.');
      yield part.value.chunk;
    }
    // The stream of a cancelled call ends like a complete one, but content is missing.
    if (stream.cancelled) throw new Failure('conflict', 'The upload was interrupted.');
  }
  try {
    const opening = await parts.next();
    const header = opening.done ? undefined : opening.value.header;
    if (header === undefined) throw new Failure('invalid', 'An upload begins with its header.');
    const stored = await upload(context, header, chunks(), requestIdIn(stream.metadata));
    return stored instanceof Failure ? { rate: null, failure: stored } : { rate: null, response: stored };
  } catch (error) {
    return {
      rate: null,
      failure:
        error instanceof Failure
          ? error
          : new Failure('conflict', 'The upload was interrupted.', { cause: error }),
    };
  } finally {
    void discardRest(parts);
  }
}

/** Reads and discards the rest of a stream: an unread stream keeps its connection open. */
async function discardRest(parts: AsyncIterator<unknown>): Promise<void> {
  try {
    while (!(await parts.next()).done);
  } catch {
    // The call was cancelled, so there is no rest.
  }
}
