// Ingest's gRPC services: the public ones of the contract, and the internal one for the gateway.
// The key, the request id, the trace and, from a gateway, the client's address come as metadata;
// rate figures go back in the trailer.

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
  type SendMessageRequest,
} from '../../proto/gen/packetboat/v1/messages.ts';
import { SendersServiceService } from '../../proto/gen/packetboat/v1/senders.ts';
import { SuppressionsServiceService } from '../../proto/gen/packetboat/v1/suppressions.ts';
import { TemplatesServiceService } from '../../proto/gen/packetboat/v1/templates.ts';
import { accessRuleOf } from '../core/access/access-rules.ts';
import { keyTextOf } from '../core/access/key-text.ts';
import { Failure, type FieldError } from '../core/failure.ts';
import type { GrpcService } from '../runtime/grpc-server.ts';
import { type JudgeLostNames, lostNamesJudge } from '../runtime/lost-names.ts';
import type { PresentedCredential } from './failed-authentications.ts';
import { toStatus, toTrailer } from './grpc-status.ts';
import { admit, call, type RpcContext, send, sendTurn, upload } from './handle-calls.ts';
import type { RateLimitStatus } from './ingest.ts';
import { rpcs } from './rpcs.ts';
import { toSendMessageResponse } from './to-proto.ts';

const PUBLIC: readonly ServiceDefinition[] = [
  MessagesServiceService,
  EventsServiceService,
  SuppressionsServiceService,
  SendersServiceService,
  TemplatesServiceService,
  KeysServiceService,
];

/** What a handler of ours comes to: a response, or a failure, with the figures of the trailer. */
type HandledCall = { readonly rate: RateLimitStatus; readonly replayed?: boolean } & (
  | { readonly response: object }
  | { readonly failure: Failure }
);

/** Of a call: what says who makes it. */
type Incoming = Pick<ServerUnaryCall<unknown, unknown>, 'metadata' | 'getPeer' | 'getAuthContext'>;
type Handle = (incoming: Incoming, request: never) => Promise<HandledCall>;

/** A request, and what its message cannot hold. */
interface Decoded<Request> {
  readonly request: Request;
  readonly faults: readonly FieldError[];
}

export function ingestServices(calls: RpcContext): readonly GrpcService[] {
  const judgeLostNames = lostNamesJudge();
  const senders: Readonly<Record<string, Handle>> = {
    [MessagesServiceService.sendMessage.path]: (incoming, { request, faults }: Decoded<SendMessageRequest>) =>
      sendPublic(calls, itemOf(calls, incoming, { send_message: request }), faults),
    [MessagesServiceService.sendEmail.path]: (incoming, { request, faults }: Decoded<SendEmailRequest>) =>
      sendPublic(calls, itemOf(calls, incoming, { send_email: request }), faults),
  };
  const publicServices = PUBLIC.map((definition): GrpcService => {
    const handlers = Object.entries(definition).map(([name, { path }]) => {
      const handle =
        senders[path] ??
        (rpcs[path] === undefined
          ? null
          : (incoming: Incoming, decoded: Decoded<object>) =>
              callPublic(calls, path, presentedBy(calls, incoming), decoded));
      if (handle === null || accessRuleOf(path) === null)
        throw new Error(`${path} has no handler, or no access rule`);
      return [name, unary(calls, path, handle)];
    });
    return {
      definition: decodingStrictly(definition, judgeLostNames),
      implementation: Object.fromEntries(handlers) as UntypedServiceImplementation,
    };
  });
  return [...publicServices, { definition: IngestServiceService, implementation: internalService(calls) }];
}

/** The same service, whose handlers get requests as `Decoded`. */
function decodingStrictly(definition: ServiceDefinition, judge: JudgeLostNames): ServiceDefinition {
  const methods = Object.entries(definition).map(([name, method]) => {
    const requestDeserialize = (bytes: Buffer): Decoded<unknown> => ({
      request: method.requestDeserialize(bytes),
      faults: judge(method.path, bytes),
    });
    return [name, { ...method, requestDeserialize }];
  });
  return Object.fromEntries(methods) as ServiceDefinition;
}

function internalService(calls: RpcContext): UntypedServiceImplementation {
  const { sendMessages, admit: admitRpc, uploadContent } = IngestServiceService;
  const guarded =
    <Call extends Pick<ServerReadableStream<never, never>, 'getAuthContext'>>(
      handle: (call: Call, respond: sendUnaryData<object>) => void,
    ) =>
    (incoming: Call, respond: sendUnaryData<object>): void => {
      if (isFromGateway(calls, incoming)) handle(incoming, respond);
      else
        respond(
          toStatus(
            new Failure('forbidden', 'This service is for gateways, and the certificate is not that of one.'),
            null,
          ),
        );
    };
  return {
    sendMessages: guarded(
      unary(calls, sendMessages.path, async (_, request: SendMessagesRequest) => ({
        rate: null,
        response: await sendTurn(calls, request),
      })),
    ),
    admit: guarded(
      unary(calls, admitRpc.path, async (_, request: AdmitRequest) => ({
        rate: null,
        response: await admit(calls, request),
      })),
    ),
    uploadContent: guarded(
      (
        stream: ServerReadableStream<UploadContentRequest, UploadContentResponse>,
        respond: sendUnaryData<object>,
      ) => respondWith(calls, uploadContent.path, respond, receive(calls, stream)),
    ),
  };
}

const unary =
  <Request>(
    calls: RpcContext,
    path: string,
    handle: (incoming: Incoming, request: Request) => Promise<HandledCall>,
  ): handleUnaryCall<Request, object> =>
  (incoming, respond) =>
    respondWith(calls, path, respond, handle(incoming, incoming.request));

function isFromGateway({ isGateway }: RpcContext, incoming: Pick<Incoming, 'getAuthContext'>): boolean {
  if (isGateway === undefined) return true;
  const peer = incoming.getAuthContext().sslPeerCertificate;
  return peer !== undefined && isGateway(peer.raw, peer.fingerprint256);
}

/** A rejection is a bug: it is told to nobody, reported, and stops nothing but this call. */
function respondWith(
  { ingest, metrics }: RpcContext,
  path: string,
  respond: sendUnaryData<object>,
  outcome: Promise<HandledCall>,
): void {
  const startedAt = ingest.clock.monotonic();
  const done = (status: number): void => metrics.rpc(path, status, ingest.clock.monotonic() - startedAt);
  const refuse = (failure: Failure, rate: RateLimitStatus): void => {
    const refusal = toStatus(failure, rate);
    respond(refusal);
    done(refusal.code);
  };
  outcome.then(
    (settled) => {
      if ('failure' in settled) return refuse(settled.failure, settled.rate);
      const trailer = toTrailer(settled.rate);
      if (settled.replayed) trailer.set('idempotent-replayed', 'true');
      respond(null, settled.response, trailer);
      done(0);
    },
    (error: unknown) => {
      ingest.report('a call failed', error);
      refuse(new Failure('internal', 'Something went wrong on our side.'), null);
    },
  );
}

async function callPublic(
  calls: RpcContext,
  path: string,
  presented: PresentedCredential,
  { request, faults }: Decoded<object>,
): Promise<HandledCall> {
  return call(calls, path, presented, request, faults);
}

async function sendPublic(
  calls: RpcContext,
  item: SendItem,
  faults: readonly FieldError[],
): Promise<HandledCall> {
  const result = await send(calls, item, faults);
  return 'failure' in result
    ? result
    : { rate: result.rate, replayed: result.replayed, response: toSendMessageResponse(result.message) };
}

function itemOf(
  calls: RpcContext,
  incoming: Incoming,
  request: Pick<SendItem, 'send_message' | 'send_email'>,
): SendItem {
  const { metadata } = incoming;
  const { credential, address } = presentedBy(calls, incoming);
  return {
    credential,
    client_address: address,
    idempotency_keys: ['idempotency-key', 'x-idempotency-key'].flatMap((name) =>
      metadata.get(name).map(String),
    ),
    traceparent: first(metadata, 'traceparent'),
    request_id: first(metadata, 'x-request-id'),
    admitted: false,
    message_id: '',
    content: [],
    ...request,
  };
}

const first = (metadata: Metadata, name: string): string => String(metadata.get(name)[0] ?? '');

/** A gateway says whose call it passes on; everybody else calls for themselves. */
function presentedBy(calls: RpcContext, incoming: Incoming): PresentedCredential {
  const told = first(incoming.metadata, 'x-packetboat-client-address');
  const address = told !== '' && isFromGateway(calls, incoming) ? told : hostOf(incoming.getPeer());
  return { credential: credentialOf(incoming.metadata), address };
}

/** `127.0.0.1:4711` or `::1:4711`, as the gRPC library writes a peer. */
const hostOf = (peer: string): string => peer.replace(/:\d+$/, '');

/** As in HTTP: `authorization: Bearer …`, or `x-api-token: …`. */
function credentialOf(metadata: Metadata): string {
  return keyTextOf(first(metadata, 'authorization'), first(metadata, 'x-api-token'));
}

/** A header, then chunks. The stream is read no faster than the BlobStore takes it. */
async function receive(
  calls: RpcContext,
  stream: ServerReadableStream<UploadContentRequest, UploadContentResponse>,
): Promise<HandledCall> {
  const parts = stream[Symbol.asyncIterator]() as AsyncIterator<UploadContentRequest>;
  async function* chunks(): AsyncIterable<Uint8Array> {
    for (let part = await parts.next(); !part.done; part = await parts.next()) {
      if (part.value.chunk === undefined)
        throw new Failure('invalid', 'After its header an upload has chunks only.');
      yield part.value.chunk;
    }
    // a call that was cut off ends its stream like a whole one: what came is not all there is
    if (stream.cancelled) throw new Failure('conflict', 'The upload was cut off.');
  }
  try {
    const opening = await parts.next();
    const header = opening.done ? undefined : opening.value.header;
    if (header === undefined) throw new Failure('invalid', 'An upload begins with its header.');
    const stored = await upload(calls, header, chunks());
    return stored instanceof Failure ? { rate: null, failure: stored } : { rate: null, response: stored };
  } catch (error) {
    return {
      rate: null,
      failure:
        error instanceof Failure
          ? error
          : new Failure('conflict', 'The upload was cut off.', { cause: error }),
    };
  } finally {
    void discardRest(parts);
  }
}

/**
 * What is not wanted any more is read and thrown away: a stream that nobody reads keeps its
 * connection open after the answer.
 */
async function discardRest(parts: AsyncIterator<unknown>): Promise<void> {
  try {
    while (!(await parts.next()).done);
  } catch {
    // cut off: there is no rest
  }
}
