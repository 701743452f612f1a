// Streams one part of a message's content into the BlobStore, before the message that refers to it.

import type { Principal } from '../core/access/principal.ts';
import { Failure } from '../core/failure.ts';
import { blobId, ID_RANDOM_BYTES } from '../core/ids.ts';
import { doorLimits } from '../core/limits/door.ts';
import type { BlobInfo } from '../ports/blob-store.ts';
import { requireScope } from './handle-call.ts';
import type { Ingest } from './ingest-parts.ts';

/** The ports that storing content takes. */
export type ContentPorts = Pick<Ingest, 'messages' | 'random' | 'blobs'>;

/** Throws `too_large` beyond `doorLimits.bodyBytesMax`; then nothing can be read under the id. */
export async function uploadContent(
  { messages, random, blobs }: ContentPorts,
  principal: Principal,
  chunks: AsyncIterable<Uint8Array>,
): Promise<BlobInfo> {
  requireScope(principal, 'messages:send');
  const id = blobId(messages.now(), random.bytes(ID_RANDOM_BYTES));
  return blobs.put(id, principal.tenant, bounded(chunks));
}

async function* bounded(chunks: AsyncIterable<Uint8Array>): AsyncIterable<Uint8Array> {
  let bytes = 0;
  for await (const chunk of chunks) {
    bytes += chunk.length;
    if (bytes > doorLimits.bodyBytesMax)
      throw new Failure('too_large', `Content has at most ${doorLimits.bodyBytesMax} bytes.`);
    yield chunk;
  }
}
