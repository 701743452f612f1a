// A gRPC client as users write it, with the generated code of the contract. Refusals are values,
// with their details and trailer decoded.

import {
  Client,
  credentials,
  Metadata,
  type MethodDefinition,
  type ServiceError,
  status,
} from '@grpc/grpc-js';
import {
  BadRequest,
  type BadRequest_FieldViolation,
  ErrorInfo,
  RetryInfo,
} from '../../proto/gen/google/rpc/error_details.ts';
import { Status } from '../../proto/gen/google/rpc/status.ts';

/** What the generated services hold of each rpc. */
export type Rpc<Request, Response> = Pick<
  MethodDefinition<Request, Response>,
  'path' | 'requestSerialize' | 'responseDeserialize'
>;

export interface GrpcAnswer<Response> {
  /** The gRPC status code; 0 is success. */
  readonly code: number;
  readonly message: string;
  readonly response: Response | null;
  readonly trailer: Metadata;
  /** The reason in google.rpc.ErrorInfo; empty without ErrorInfo. */
  readonly reason: string;
  readonly domain: string;
  /** The field violations in google.rpc.BadRequest. */
  readonly violations: readonly BadRequest_FieldViolation[];
  /** The delay in google.rpc.RetryInfo, in milliseconds; null without RetryInfo. */
  readonly retryDelayMs: number | null;
}

const CALL_MS = 60_000;

export class GrpcClient implements Disposable {
  readonly #client: Client;
  readonly #key: string | null;

  /** `address`: host:port. */
  constructor(address: string, key: string | null) {
    this.#client = new Client(address, credentials.createInsecure(), { 'grpc.max_send_message_length': -1 });
    this.#key = key;
  }

  call<Request, Response>(
    rpc: Rpc<Request, Response>,
    request: Request,
    metadata: Readonly<Record<string, string>> = {},
  ): Promise<GrpcAnswer<Response>> {
    return this.callRaw(rpc, rpc.requestSerialize(request), metadata);
  }

  /** Sends these bytes as the request, whatever they are. */
  callRaw<Response>(
    rpc: Pick<Rpc<never, Response>, 'path' | 'responseDeserialize'>,
    request: Buffer,
    metadata: Readonly<Record<string, string>> = {},
  ): Promise<GrpcAnswer<Response>> {
    const sent = new Metadata();
    if (this.#key !== null) sent.set('authorization', `Bearer ${this.#key}`);
    for (const [name, value] of Object.entries(metadata)) sent.set(name, value);
    return new Promise((resolve) => {
      let trailer = new Metadata();
      const call = this.#client.makeUnaryRequest(
        rpc.path,
        (bytes: Buffer) => bytes,
        rpc.responseDeserialize,
        request,
        sent,
        { deadline: Date.now() + CALL_MS },
        (error, response) => setImmediate(() => resolve(answerOf(error, response ?? null, trailer))),
      );
      call.on('status', (ended) => {
        trailer = ended.metadata;
      });
    });
  }

  [Symbol.dispose](): void {
    this.#client.close();
  }
}

function answerOf<Response>(
  error: ServiceError | null,
  response: Response | null,
  trailer: Metadata,
): GrpcAnswer<Response> {
  const [encoded] = trailer.get('grpc-status-details-bin');
  const details = Buffer.isBuffer(encoded) ? Status.decode(encoded).details : [];
  const detail = (name: string): Uint8Array | undefined =>
    details.find((any) => any.type_url === `type.googleapis.com/google.rpc.${name}`)?.value;
  const info = detail('ErrorInfo');
  const faults = detail('BadRequest');
  const retry = detail('RetryInfo');
  const delay = retry === undefined ? undefined : RetryInfo.decode(retry).retry_delay;
  const { reason, domain } = info === undefined ? { reason: '', domain: '' } : ErrorInfo.decode(info);
  return {
    code: error?.code ?? status.OK,
    message: error?.details ?? '',
    response,
    trailer,
    reason,
    domain,
    violations: faults === undefined ? [] : BadRequest.decode(faults).field_violations,
    retryDelayMs: delay === undefined ? null : delay.seconds * 1000 + delay.nanos / 1e6,
  };
}
