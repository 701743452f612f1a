// How the gateway reaches ingest. Two implementations: over gRPC (`grpc-ingest.ts`), and without a
// wire in embedded mode.
//
// Nothing here rejects for what a caller did, or because ingest is away: both are refusals, and a
// refusal is a value. What rejects is a bug.
//
// How a refusal travels over gRPC, for the rpcs that have no `Refusal` in their answer (all public
// ones, and UploadContent):
//
//   status code             Refusal.grpc_code (never 0)
//   status message          Refusal.message
//   `grpc-status-details-bin`, trailing metadata: one google.rpc.Status with the same code and message, and `details`, each an Any with
//   `type_url` "type.googleapis.com/" + full name:
//     google.rpc.ErrorInfo   always: reason = Refusal.code, domain = "packetboat.dev", metadata = {message_id} when it is set
//     google.rpc.BadRequest  when there are errors: field_violations, each {field, reason = code, description = message}
//     google.rpc.RetryInfo   when retry_after_ms > 0: retry_delay = {seconds, nanos}
//
// Details that gRPC itself could not keep below about 8 KiB of metadata are cut short by the
// server: it drops violations from the end. A status without ErrorInfo of our domain comes from
// gRPC and not from ingest: UNAVAILABLE, DEADLINE_EXCEEDED, CANCELLED become `unavailable` (503),
// everything else `internal` (500), and RESOURCE_EXHAUSTED (a message above 4 MB) is a bug of ours,
// never a 429.
//
// Metadata of a request:  `authorization: Bearer <credential>`, `x-request-id`, `traceparent`, `x-packetboat-client-address`.
// Metadata of an answer:  `x-ratelimit-limit`, `x-ratelimit-remaining`, `x-ratelimit-reset` (seconds since 1970), decimal, when a key was
//                         recognized. Sent as trailing metadata, so that one place serves answers and refusals; read from both.

import type {
  AdmitRequest,
  AdmitResponse,
  RateFigures,
  Refusal,
  SendMessagesRequest,
  SendMessagesResponse,
  UploadContentResponse,
  UploadHeader,
} from '../../proto/gen/packetboat/internal/v1/ingest.ts';

/** What ingest gets about a request besides its content. */
export interface CallContext {
  /** The gateway returns the id in `X-Request-Id`, ingest logs failures of its own under it. */
  readonly requestId: string;
  /** W3C `traceparent`, or empty. */
  readonly traceparent: string;
  /** IP address of the client; empty: not known. */
  readonly clientAddress: string;
}

export type CallAnswer = {
  /** Undefined when no key was recognized. */
  readonly rate: RateFigures | undefined;
} & (
  | {
      /** Of the rpc's response type in proto/gen. */
      readonly response: object;
    }
  | { readonly refused: Refusal }
);

export interface IngestClient {
  /** Sends the messages of one turn. Returns a result for each item, in order. */
  sendMessages(request: SendMessagesRequest): Promise<SendMessagesResponse>;

  /**
   * Whether a key is good, and its rate figures; counts as one request unless the question says
   * otherwise. `requestId`: of the request that asks, as in `CallContext`.
   */
  admit(request: AdmitRequest, requestId: string): Promise<AdmitResponse>;

  /**
   * Stores one part of a message's content before the message that refers to it, in chunks of at
   * most `ingestLimits.uploadChunkBytes`. Reads from `chunks` no faster than ingest accepts. If
   * `chunks` throws, nothing is stored and the promise rejects with the same error.
   */
  uploadContent(
    header: UploadHeader,
    chunks: AsyncIterable<Uint8Array>,
    requestId: string,
  ): Promise<Pick<UploadContentResponse, 'blob_id' | 'bytes'> | { readonly refused: Refusal }>;

  /**
   * Any public rpc other than SendMessage and SendEmail.
   * @param path as in the contract: `/packetboat.v1.MessagesService/GetMessage`
   * @param request of the rpc's request type in proto/gen, all fields set
   */
  call(path: string, credential: string, request: object, context: CallContext): Promise<CallAnswer>;
}
