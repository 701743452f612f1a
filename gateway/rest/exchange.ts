// A REST request in progress, and the parts of the gateway that handle it.

import type { IncomingMessage } from 'node:http';
import type { Method } from '../../services/runtime/contract.ts';
import type { Admission } from '../ingest/admission.ts';
import type { IngestClient } from '../ingest/ingest-client.ts';
import type { KnownKey, KnownKeys } from '../ingest/known-keys.ts';
import type { SendBatcher } from '../ingest/send-batcher.ts';
import type { ParserPool } from './parser-pool.ts';

/** The parts of the gateway that handling a request needs. */
export interface Door {
  readonly ingest: IngestClient;
  readonly keys: KnownKeys;
  readonly batcher: SendBatcher;
  readonly parsers: ParserPool;
  /** The folder for large bodies. */
  readonly folder: string;
  /** Called with the number of bytes that were read or parsed. */
  readonly bodyBytes: (what: 'buffered' | 'parsed', bytes: number) => void;
  /** Logs an error that is a bug, under the id of the request. */
  readonly report: (error: unknown, requestId: string) => void;
  /** Returns the IP address of the client. */
  readonly clientAddressOf: (request: IncomingMessage) => string;
}

export interface RestRequest {
  readonly id: string;
  readonly raw: IncomingMessage;
  /** Sends `100 Continue` to a client that waits for it before it sends its body. */
  readonly invite: () => void;
  /** Decoded parts of the path, by field. */
  readonly parts: Readonly<Record<string, string>>;
  /** The query after the `?`, still encoded. */
  readonly query: string;
}

/** A request in progress. */
export interface Exchange {
  readonly door: Door;
  readonly method: Method;
  readonly request: RestRequest;
  readonly admission: Admission;
  readonly key: KnownKey;
  /** Closed after the response. */
  readonly open: AsyncDisposableStack;
}
