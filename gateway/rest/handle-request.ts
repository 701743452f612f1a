// Handles one REST request: reads it strictly, calls ingest and returns the response. Routes
// differ only in their types; the rpcs that send mail have handlers of their own
// (send-message.ts, send-batch.ts).

import type { Refusal } from '../../proto/gen/packetboat/internal/v1/ingest.ts';
import { ingestLimits } from '../../services/core/limits/ingest.ts';
import type { HttpRoute, Method } from '../../services/runtime/contract.ts';
import { Admission } from '../ingest/admission.ts';
import { malformed, unsupportedContentEncoding } from '../refusals.ts';
import { contentCodingOf } from './content-coding.ts';
import type { Door, Exchange, RestRequest } from './exchange.ts';
import { Faults } from './faults.ts';
import { decodeText, parseJson } from './parse.ts';
import { encodedBytesMost, encodedBytesOf, sendMethods, takeContent } from './parts-to-upload.ts';
import { readBody } from './read-body.ts';
import { readItems, rpcOfItems, SEND_MESSAGE_BATCH } from './read-items.ts';
import { emptyMessage, type TypedMessage } from './read-message.ts';
import { readPath, readQuery } from './read-url.ts';
import { credentialOf, traceparentOf } from './request-headers.ts';
import { type HttpAnswer, refusedWith, succeeded } from './response.ts';
import { sendBatch } from './send-batch.ts';
import { type ItemToSend, send } from './send-message.ts';
import type { Spool } from './spool.ts';

/** Rejects if the connection breaks while the body arrives, and for bugs. */
export async function handle(
  door: Door,
  method: Method,
  route: HttpRoute,
  request: RestRequest,
): Promise<HttpAnswer> {
  await using open = new AsyncDisposableStack();
  const form = sendMethods.get(method.path);
  const isBatch = method.path === SEND_MESSAGE_BATCH;
  const caller = {
    credential: credentialOf(request.raw.headers),
    clientAddress: door.clientAddressOf(request.raw),
    requestId: request.id,
  };
  const admission = new Admission(door.ingest, caller, {
    scope: method.rest.scope,
    isCountedLater: form === undefined && !isBatch,
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
  if (isBatch) return await sendBatch(exchange, read.items);
  const [item] = read.items;
  if (item === undefined) throw new Error('a request has one message');
  if ('refused' in item) throw new Error('the refusal of the only message refuses the request');
  if (form !== undefined) return await send(exchange, item, form);
  const context = {
    requestId: request.id,
    traceparent: traceparentOf(request.raw.headers),
    clientAddress: caller.clientAddress,
  };
  const answer = await door.ingest.call(method.path, caller.credential, item.message, context);
  key.answered('refused' in answer ? answer.refused : undefined);
  return 'refused' in answer
    ? refusedWith(answer.refused, answer.rate, request.id)
    : succeeded(method, answer.response, answer.rate);
}

type Reading = { readonly items: readonly ItemToSend[] } | { readonly refused: Refusal };

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
  const [only] = read.items;
  if (method.path !== SEND_MESSAGE_BATCH && only !== undefined && 'refused' in only) return only;
  return { items: read.items.map((item) => withFields(item, fromUrl)) };
}

const nothing = (method: Method): { readonly items: readonly ItemToSend[] } => ({
  items: [{ message: emptyMessage(method.requestType), parts: [], bytes: 0 }],
});

const withFields = (item: ItemToSend, fields: TypedMessage): ItemToSend =>
  'refused' in item ? item : { ...item, message: { ...item.message, ...fields } };

async function readBodyMessage(exchange: Exchange, faults: Faults): Promise<Reading> {
  const { door, method, request, admission, open } = exchange;
  const bound = new Set(Object.keys(request.parts));
  const coding = contentCodingOf(request.raw.headers);
  if (coding === undefined) return { refused: unsupportedContentEncoding() };
  const toRead = {
    stream: request.raw,
    coding,
    invite: request.invite,
    buffered: (bytes: number) => door.bodyBytes('buffered', bytes),
  };
  const body = await readBody(toRead, admission, door.folder);
  if ('refused' in body) return body;
  if ('spool' in body) return readSpooled(exchange, open.use(body.spool), bound, faults);
  door.bodyBytes('parsed', body.bytes.length);
  const parsed = parseJson(decodeText(body.bytes));
  if ('refused' in parsed) return parsed;
  const items = readItems(method, parsed, faults, bound);
  if (faults.list.length > 0) return { items: [] };
  const isBatch = method.path === SEND_MESSAGE_BATCH;
  const rpc = rpcOfItems(method.path);
  return {
    items: items.map((item): ItemToSend => {
      if ('refused' in item) return item;
      const { message } = item;
      const parts = [...takeContent(rpc, message, body.bytes.length)].map(({ path, bytes }) => ({
        path,
        chunks: () => pieces(bytes),
      }));
      const bytes = isBatch ? encodedBytesMost(rpc, message) : encodedBytesOf(body.bytes.length, message);
      return { message, parts, bytes };
    }),
  };
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
  return {
    items: result.items.map((item): ItemToSend => {
      if ('refused' in item) return item;
      const parts = item.parts.map(({ path, ...extent }) => ({ path, chunks: () => spool.read(extent) }));
      return { message: item.message, parts, bytes: item.encodedBytesMost };
    }),
  };
}

async function* pieces(bytes: Uint8Array): AsyncIterable<Uint8Array> {
  for (let at = 0; at < bytes.length; at += ingestLimits.uploadChunkBytes)
    yield bytes.subarray(at, at + ingestLimits.uploadChunkBytes);
}
