// The gateway's interface to ingest. Two implementations: over gRPC (`grpc-ingest.ts`), and in the
// same process for embedded mode.
//
// A fault of the caller and an unreachable ingest are refusals, which are values. A promise rejects
// only for a bug.
//
// The encoding of a refusal in gRPC, for rpcs without a `Refusal` in their response (all public
// rpcs, and UploadContent):
//
//   status code             Refusal.grpc_code (never 0)
//   status message          Refusal.message
//   `grpc-status-details-bin`, trailing metadata: one google.rpc.Status with the same code and message, and `details`, each an Any with
//   `type_url` "type.googleapis.com/" + full name:
//     google.rpc.ErrorInfo   always: reason = Refusal.code, domain = "packetboat.dev", metadata = {message_id} when it is set
//     google.rpc.BadRequest  when there are errors: field_violations, each {field, reason = code, description = message}
//     google.rpc.RetryInfo   when retry_after_ms > 0: retry_delay = {seconds, nanos}
//
// gRPC implementations carry about 8 KiB of metadata, so the server drops violations from the end
// until the details fit. A status without ErrorInfo of our domain comes from the gRPC library:
// UNAVAILABLE, DEADLINE_EXCEEDED and CANCELLED become `unavailable` (503), every other code becomes
// `internal` (500). RESOURCE_EXHAUSTED from the library (a message above 4 MiB) is a bug, never a
// 429.
//
// Metadata of a request:  `authorization: Bearer <credential>`, `x-request-id`, `traceparent`, `x-packetboat-client-address`.
// Metadata of a response: `x-ratelimit-limit`, `x-ratelimit-remaining`, `x-ratelimit-reset` (seconds since 1970), decimal, when a key was
//                         recognized. Sent as trailing metadata, for responses and refusals alike.

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

/** What a call says about its request besides the content. */
export interface CallContext {
  /** The gateway returns the id in `X-Request-Id`; ingest logs the id with its failures. */
  readonly requestId: string;
  /** W3C `traceparent`, or empty. */
  readonly traceparent: string;
  /** IP address of the client; empty: unknown. */
  readonly clientAddress: string;
}

export type CallAnswer = {
  /** Undefined when no key was recognized. */
  readonly rate: RateFigures | undefined;
} & (
  | {
      /** Has the rpc's response type in proto/gen. */
      readonly response: object;
    }
  | { readonly refused: Refusal }
);

export interface IngestClient {
  /** Sends the messages of one turn. Returns a result for each item, in order. */
  sendMessages(request: SendMessagesRequest): Promise<SendMessagesResponse>;

  /**
   * Returns whether a key is valid, and its rate figures. Counts as one request unless `request`
   * says otherwise. `requestId` as in `CallContext`.
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
   * @param request has the rpc's request type in proto/gen, with all fields set
   */
  call(path: string, credential: string, request: object, context: CallContext): Promise<CallAnswer>;
}
