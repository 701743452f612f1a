// Handles one REST request: reads it strictly, calls ingest and returns the response. Routes
// differ only in their types; the two rpcs that send mail also upload content, and go to ingest in
// batches.

import { randomBytes } from 'node:crypto';
import type { IncomingMessage } from 'node:http';
import type { ContentRef, Refusal, SendItem } from '../../proto/gen/packetboat/internal/v1/ingest.ts';
import { ID_RANDOM_BYTES, messageId } from '../../services/core/ids.ts';
import { ingestLimits } from '../../services/core/limits/ingest.ts';
import type { HttpRoute, Method } from '../../services/runtime/contract.ts';
import { Admission } from '../ingest/admission.ts';
import type { IngestClient } from '../ingest/ingest-client.ts';
import type { KnownKey, KnownKeys } from '../ingest/known-keys.ts';
import type { SendBatcher } from '../ingest/send-batcher.ts';
import { malformed, unsupportedContentEncoding } from '../refusals.ts';
import { Faults } from './faults.ts';
import { decodeText, parseJson } from './parse.ts';
import type { ParserPool } from './parser-pool.ts';
import { encodedBytesOf, sendMethods, takeContent } from './parts-to-upload.ts';
import { readBody } from './read-body.ts';
import { emptyMessage, readMessage, type TypedMessage } from './read-message.ts';
import { readPath, readQuery } from './read-url.ts';
import { credentialOf, hasContentEncoding, idempotencyKeysOf, traceparentOf } from './request-headers.ts';
import { type HttpAnswer, refusedWith, succeeded } from './response.ts';
import type { Spool } from './spool.ts';

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
  /** Returns the IP address of the client. */
  readonly clientAddressOf: (request: IncomingMessage) => string;
}

interface RestRequest {
  readonly id: string;
  readonly raw: IncomingMessage;
  /** Sends `100 Continue` to a client that waits for it before it sends its body. */
  readonly invite: () => void;
  /** Decoded parts of the path, by field. */
  readonly parts: Readonly<Record<string, string>>;
  /** The query after the `?`, still encoded. */
  readonly query: string;
}

/** Rejects if the connection breaks while the body arrives, and for bugs. */
export async function handle(
  door: Door,
  method: Method,
  route: HttpRoute,
  request: RestRequest,
): Promise<HttpAnswer> {
  await using open = new AsyncDisposableStack();
  const form = sendMethods.get(method.path);
  const caller = {
    credential: credentialOf(request.raw.headers),
    clientAddress: door.clientAddressOf(request.raw),
    requestId: request.id,
  };
  const admission = new Admission(door.ingest, caller, {
    scope: method.rest.scope,
    isCountedByCall: form === undefined,
    requestId: request.id,
  });
  const key = door.keys.of(caller);
  const unknown = route.body === '' ? undefined : await key.judge();
  if (unknown !== undefined) return refusedWith(unknown, undefined, request.id);
  const exchange: Exchange = { door, method, request, admission, key, open };
  const read = await readRequest(exchange, route);
  if ('refused' in read) {
    const refused = await admission.refusal();
    key.answered(refused);
    return refusedWith(refused ?? read.refused, admission.rate, request.id);
  }
  // awaited here: the spooled content must stay open until it is uploaded
  if (form !== undefined) return await send(exchange, read, form);
  const context = {
    requestId: request.id,
    traceparent: traceparentOf(request.raw.headers),
    clientAddress: caller.clientAddress,
  };
  const answer = await door.ingest.call(method.path, caller.credential, read.message, context);
  key.answered('refused' in answer ? answer.refused : undefined);
  return 'refused' in answer
    ? refusedWith(answer.refused, answer.rate, request.id)
    : succeeded(method, answer.response, answer.rate);
}

/** A request in progress. */
interface Exchange {
  readonly door: Door;
  readonly method: Method;
  readonly request: RestRequest;
  readonly admission: Admission;
  readonly key: KnownKey;
  /** Closed after the response. */
  readonly open: AsyncDisposableStack;
}

/** Content to upload before the message. */
interface Part {
  readonly path: string;
  readonly chunks: () => AsyncIterable<Uint8Array>;
}

interface ReadRequest {
  readonly message: TypedMessage;
  readonly parts: readonly Part[];
  /** An upper bound of the message's size in a gRPC message. */
  readonly bytes: number;
}

type Reading = ReadRequest | { readonly refused: Refusal };

/** Reads body and URL separately, so that the response lists the faults of both. */
async function readRequest(exchange: Exchange, route: HttpRoute): Promise<Reading> {
  const { method, request } = exchange;
  const faults = new Faults();
  const fields = new Map(route.body === '' ? method.requestType.fields : []);
  for (const name of Object.keys(request.parts)) fields.delete(name);
  const fromUrl: TypedMessage = {};
  readPath(method.requestType, request.parts, fromUrl, faults);
  readQuery(fields, request.query, fromUrl, faults);

  const read = route.body === '' ? nothing(method) : await readBodyMessage(exchange, faults);
  if ('refused' in read) return read;
  if (faults.list.length > 0) return { refused: malformed(faults.list) };
  return { ...read, message: { ...read.message, ...fromUrl } };
}

const nothing = (method: Method): ReadRequest => ({
  message: emptyMessage(method.requestType),
  parts: [],
  bytes: 0,
});

async function readBodyMessage(exchange: Exchange, faults: Faults): Promise<Reading> {
  const { door, method, request, admission, open } = exchange;
  const bound = new Set(Object.keys(request.parts));
  if (hasContentEncoding(request.raw.headers)) return { refused: unsupportedContentEncoding() };
  const toRead = {
    stream: request.raw,
    invite: request.invite,
    buffered: (bytes: number) => door.bodyBytes('buffered', bytes),
  };
  const body = await readBody(toRead, admission, door.folder);
  if ('refused' in body) return body;
  if ('spool' in body) return readSpooled(exchange, open.use(body.spool), bound, faults);
  door.bodyBytes('parsed', body.bytes.length);
  const parsed = parseJson(decodeText(body.bytes));
  if ('refused' in parsed) return parsed;
  const message = readMessage(method.requestType, parsed.json, faults, bound);
  if (faults.list.length > 0) return { message, parts: [], bytes: 0 };
  const parts = [...takeContent(method.path, message, body.bytes.length)].map(({ path, bytes }) => ({
    path,
    chunks: () => pieces(bytes),
  }));
  return { message, parts, bytes: encodedBytesOf(body.bytes.length, message) };
}

async function readSpooled(
  { door, method }: Exchange,
  spool: Spool,
  bound: ReadonlySet<string>,
  faults: Faults,
): Promise<Reading> {
  door.bodyBytes('parsed', spool.bytes);
  const result = await door.parsers.parse({ fd: spool.fd, bytes: spool.bytes, method: method.path, bound });
  if ('refused' in result) return result;
  faults.list.push(...result.faults);
  const parts = result.parts.map(({ path, ...extent }) => ({ path, chunks: () => spool.read(extent) }));
  return { message: result.request, parts, bytes: result.encodedBytesMost };
}

async function* pieces(bytes: Uint8Array): AsyncIterable<Uint8Array> {
  for (let at = 0; at < bytes.length; at += ingestLimits.uploadChunkBytes)
    yield bytes.subarray(at, at + ingestLimits.uploadChunkBytes);
}

/** Uploads the content part by part, and then sends the message that refers to it. */
async function send(
  { door, method, request, admission, key }: Exchange,
  { message, parts, bytes }: ReadRequest,
  form: 'send_message' | 'send_email',
): Promise<HttpAnswer> {
  const refuse = (refused: Refusal): HttpAnswer => refusedWith(refused, admission.rate, request.id);
  const content: ContentRef[] = [];
  if (parts.length > 0) {
    const refused = await admission.refusal();
    if (refused !== undefined) return refuse(refused);
  }
  for (const { path, chunks } of parts) {
    const stored = await door.ingest.uploadContent(
      { credential: admission.credential, client_address: admission.clientAddress },
      chunks(),
      request.id,
    );
    if ('refused' in stored) return refuse(stored.refused);
    content.push({ path, blob_id: stored.blob_id });
  }
  const item: SendItem = {
    credential: admission.credential,
    client_address: admission.clientAddress,
    idempotency_keys: idempotencyKeysOf(request.raw),
    traceparent: traceparentOf(request.raw.headers),
    request_id: request.id,
    message_id: messageId(Date.now(), randomBytes(ID_RANDOM_BYTES)),
    admitted: admission.isCounted,
    content,
    [form]: message,
  };
  const result = await door.batcher.send(item, bytes);
  key.answered(result.refused);
  const rate = result.rate ?? admission.rate;
  if (result.accepted !== undefined) return succeeded(method, result.accepted, rate, result.replayed);
  if (result.refused !== undefined) return refusedWith(result.refused, rate, request.id);
  throw new Error('ingest neither accepted nor refused an item');
}
