// Reads the body of a request whose key ingest knows: a small body into memory; a larger one onto
// the disk once ingest has admitted the request, while its bytes and tokens are counted. A refusal
// is answered at once, and `discard.ts` reads the rest.

import type { IncomingMessage } from 'node:http';
import type { Refusal } from '../../proto/gen/packetboat/internal/v1/ingest.ts';
import { doorLimits } from '../../services/core/limits/door.ts';
import type { Admission } from '../ingest/admission.ts';
import { malformed, tooLarge, unavailable } from '../refusals.ts';
import { BrokenCoding, type contentCodingOf, decompressed } from './content-coding.ts';
import { JsonScan } from './json-scan.ts';
import { Spool } from './spool.ts';

interface BodyToRead {
  readonly stream: IncomingMessage;
  /** How the body is compressed; null: not at all. All limits apply to the decompressed body. */
  readonly coding: Exclude<ReturnType<typeof contentCodingOf>, undefined>;
  /** Sends `100 Continue` to a client that waits for it. */
  readonly invite: () => void;
  /** Called with the number of bytes that are written to memory or disk. */
  readonly buffered: (bytes: number) => void;
}

type RequestBody = { readonly bytes: Buffer } | { readonly spool: Spool } | { readonly refused: Refusal };

/** Rejects when the connection breaks. The caller disposes of the spool. */
export async function readBody(body: BodyToRead, admission: Admission, folder: string): Promise<RequestBody> {
  try {
    return await readDecompressed(body, admission, folder);
  } catch (error) {
    if (!(error instanceof BrokenCoding)) throw error;
    return { refused: malformed([], `The body is not valid ${error.message}.`) };
  }
}

async function readDecompressed(
  { stream, coding, invite, buffered }: BodyToRead,
  admission: Admission,
  folder: string,
): Promise<RequestBody> {
  const announced = Number(stream.headers['content-length'] ?? 0);
  if (announced > doorLimits.bodyBytesMax) return { refused: beyondMax() };
  if (announced > doorLimits.bodyInMemoryBytes) {
    const refused = await admission.refusalOfLarge();
    if (refused !== undefined) return { refused };
  }
  invite();
  const head: Buffer[] = [];
  let bytes = 0;
  // Leaving the loop must not destroy the stream: its connection is still to carry the answer.
  const chunks: AsyncIterator<Buffer> =
    coding === null ? stream.iterator({ destroyOnReturn: false }) : decompressed(stream, coding);
  for (let next = await chunks.next(); ; next = await chunks.next()) {
    if (next.done === true)
      return { bytes: head.length === 1 && head[0] !== undefined ? head[0] : Buffer.concat(head) };
    head.push(next.value);
    bytes += next.value.length;
    buffered(next.value.length);
    if (bytes > doorLimits.bodyInMemoryBytes) break;
  }
  const refused = announced > doorLimits.bodyInMemoryBytes ? undefined : await admission.refusalOfLarge();
  const body = refused === undefined ? await spoolRest(head, chunks, { folder, buffered }) : { refused };
  if ('refused' in body) await chunks.return?.();
  return body;
}

async function spoolRest(
  head: Buffer[],
  chunks: AsyncIterator<Buffer>,
  { folder, buffered }: Pick<BodyToRead, 'buffered'> & { readonly folder: string },
): Promise<RequestBody> {
  let spool: Spool | null = null;
  try {
    spool = await Spool.create(folder);
    const refused = await fill(spool, head, chunks, buffered);
    if (refused === null) return { spool };
    await spool[Symbol.asyncDispose]();
    return { refused };
  } catch (error) {
    await spool?.[Symbol.asyncDispose]();
    if (isDiskFault(error))
      return { refused: unavailable('There is no room for large requests now; try again soon.') };
    throw error;
  }
}

async function fill(
  spool: Spool,
  head: Buffer[],
  chunks: AsyncIterator<Buffer>,
  buffered: BodyToRead['buffered'],
): Promise<Refusal | null> {
  const scan = new JsonScan();
  const take = async (chunk: Buffer): Promise<Refusal | null> => {
    if (spool.bytes + chunk.length > doorLimits.bodyBytesMax) return beyondMax();
    const verdict = scan.scan(chunk);
    if (verdict === 'too_deep')
      return malformed([], `JSON may be nested at most ${doorLimits.jsonDepthMax} levels deep.`);
    if (verdict === 'too_many_tokens')
      return malformed([], `JSON may have at most ${doorLimits.jsonTokensMax} brackets, commas and colons.`);
    await spool.append(chunk);
    return null;
  };
  const first = await take(Buffer.concat(head.splice(0)));
  if (first !== null) return first;
  for (let next = await chunks.next(); next.done !== true; next = await chunks.next()) {
    buffered(next.value.length);
    const refused = await take(next.value);
    if (refused !== null) return refused;
  }
  return null;
}

const beyondMax = (): Refusal => tooLarge(`A request may have at most ${doorLimits.bodyBytesMax} bytes.`);

const isDiskFault = (error: unknown): boolean =>
  error instanceof Error &&
  'code' in error &&
  ['ENOSPC', 'EDQUOT', 'EMFILE', 'ENFILE', 'EROFS', 'EIO'].includes(String(error.code));
