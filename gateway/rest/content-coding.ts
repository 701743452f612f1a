// Decompresses the body of a request (RFC 9110 8.4.1, 8878 and 9659). The decoder works no faster
// than its output is read, so a small body that would become huge costs no more than the part that
// the limits allow.

import type { IncomingHttpHeaders, IncomingMessage } from 'node:http';
import type { Duplex } from 'node:stream';
import { constants, createBrotliDecompress, createGunzip, createZstdDecompress } from 'node:zlib';
import { doorLimits } from '../../services/core/limits/door.ts';

type ContentCoding = 'gzip' | 'br' | 'zstd';

const decoders: Readonly<Record<ContentCoding, () => Duplex>> = {
  gzip: () => createGunzip(),
  br: () => createBrotliDecompress(),
  zstd: () =>
    createZstdDecompress({ params: { [constants.ZSTD_d_windowLogMax]: doorLimits.zstdWindowLogMax } }),
};

/** For `Accept-Encoding`. */
export const contentCodings = Object.keys(decoders).join(', ');

/** The coding of the body; null: none; undefined: one that is not supported, or several. */
export function contentCodingOf(headers: IncomingHttpHeaders): ContentCoding | null | undefined {
  const coding = headers['content-encoding']?.trim().toLowerCase() ?? '';
  if (coding === '' || coding === 'identity') return null;
  if (coding === 'x-gzip') return 'gzip';
  return Object.hasOwn(decoders, coding) ? (coding as ContentCoding) : undefined;
}

/** The body does not have the form of its coding, or ends before its end. */
export class BrokenCoding extends Error {}

/**
 * Yields the decompressed body. Throws `BrokenCoding`, or the error of the connection. If the
 * iteration ends early, the rest of the stream stays to be read.
 */
export async function* decompressed(stream: IncomingMessage, coding: ContentCoding): AsyncGenerator<Buffer> {
  const decoder = decoders[coding]();
  let lost: unknown = null;
  const fail = (error: unknown): void => {
    lost = error;
    decoder.destroy(new Error('the connection broke'));
  };
  // `pipe` does not tell the decoder that the connection broke
  const close = (): void => {
    if (!stream.complete) fail(new Error('the connection broke while the body arrived'));
  };
  stream.once('error', fail).once('close', close);
  try {
    yield* stream.pipe(decoder) as AsyncIterable<Buffer>;
  } catch {
    throw lost ?? new BrokenCoding(coding);
  } finally {
    stream.off('error', fail).off('close', close);
    stream.unpipe(decoder);
    decoder.destroy();
  }
}
