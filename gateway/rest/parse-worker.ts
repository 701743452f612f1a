// Parses large bodies in a separate thread: reads the spooled file, checks the shape, and writes
// content behind the body in the same file, so that only a small request returns to the event loop.

import { readSync, writeSync } from 'node:fs';
import { parentPort, workerData } from 'node:worker_threads';
import type { Refusal } from '../../proto/gen/packetboat/internal/v1/ingest.ts';
import { ingestLimits } from '../../services/core/limits/ingest.ts';
import type { MessageType } from '../../services/runtime/contract.ts';
import { tooLarge } from '../refusals.ts';
import { Faults } from './faults.ts';
import { decodeText, parseJson } from './parse.ts';
import { encodedBytesMost, takeContent } from './parts-to-upload.ts';
import { type ReadItem, readItems, rpcOfItems } from './read-items.ts';
import type { TypedMessage } from './read-message.ts';
import type { Extent } from './spool.ts';

/** Request types by the path of their rpc, given when the thread starts. */
export type ParserTypes = ReadonlyMap<string, MessageType>;

export interface ParseJob {
  readonly fd: number;
  /** Of the body, from the start of the file. */
  readonly bytes: number;
  /** Path of the rpc, as in the contract. */
  readonly method: string;
  /** Fields that the URL says. */
  readonly bound: ReadonlySet<string>;
}

/** A message of the request. */
export type ParsedItem =
  | {
      readonly message: TypedMessage;
      /** By path; not inside `message` any more. */
      readonly parts: readonly (Extent & { readonly path: string })[];
      /** What is left of the message takes at most this as a gRPC message. */
      readonly encodedBytesMost: number;
    }
  | { readonly refused: Refusal };

export type ParseResult =
  | { readonly items: readonly ParsedItem[]; readonly faults: Faults['list'] }
  | { readonly refused: Refusal };

const types: ParserTypes = workerData;

function parse(job: ParseJob): ParseResult {
  const { fd, bytes, method } = job;
  const type = types.get(method);
  if (type === undefined) throw new Error(`there is no rpc ${method}`);
  const faults = new Faults();
  const read = readRequest(job, type, faults);
  if ('refused' in read) return read;
  if (faults.list.length > 0) return { items: [], faults: faults.list };
  const rpc = rpcOfItems(method);
  let end = bytes;
  const items = read.items.map((item): ParsedItem => {
    if ('refused' in item) return item;
    const parts: (Extent & { path: string })[] = [];
    for (const part of takeContent(rpc, item.message, bytes)) {
      writeAll(fd, part.bytes, end);
      parts.push({ path: part.path, offset: end, bytes: part.bytes.length });
      end += part.bytes.length;
    }
    const rest = encodedBytesMost(rpc, item.message);
    return rest > ingestLimits.turnBytesMax
      ? { refused: restIsTooLarge() }
      : { message: item.message, parts, encodedBytesMost: rest };
  });
  return { items, faults: [] };
}

const restIsTooLarge = (): Refusal =>
  tooLarge(
    'Only html, text, template data and the content of attachments may be large. The rest of this request is too large.',
  );

/**
 * Bytes, text and JSON each die with the function that makes the next: a body of 50 MiB is in
 * memory once or twice, not five times.
 */
function readRequest(
  { fd, bytes, bound, method }: ParseJob,
  type: MessageType,
  faults: Faults,
): { readonly items: readonly ReadItem[] } | { readonly refused: Refusal } {
  const parsed = parseJson(readText(fd, bytes));
  if ('refused' in parsed) return parsed;
  return { items: readItems({ path: method, requestType: type }, parsed, faults, bound) };
}

function readText(fd: number, bytes: number): string | null {
  const body = Buffer.allocUnsafeSlow(bytes);
  for (let at = 0; at < bytes; ) {
    const read = readSync(fd, body, at, bytes - at, at);
    if (read === 0) throw new Error('the spooled body is shorter than it was');
    at += read;
  }
  const text = decodeText(body);
  body.buffer.transfer(0); // gives the memory back now, not when a garbage collection comes
  return text;
}

function writeAll(fd: number, bytes: Uint8Array, offset: number): void {
  for (let done = 0; done < bytes.length; )
    done += writeSync(fd, bytes, done, bytes.length - done, offset + done);
}

parentPort?.on('message', (job: ParseJob) => parentPort?.postMessage(parse(job)));
