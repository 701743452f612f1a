// A composed mail as one buffer, its blobs put in their places in chunks of any size: what a
// dispatcher does with streams.

import { contentEncoder } from '../../services/core/mail/mime/content-encoder.ts';
import type { MailPart } from '../../services/core/mail/mime/mail.ts';

export function mailBytes(
  parts: readonly MailPart[],
  blobs: ReadonlyMap<string, Uint8Array>,
  chunkBytes = 1_000,
): Buffer {
  const out: Uint8Array[] = [];
  for (const part of parts) {
    if (part instanceof Uint8Array) {
      out.push(part);
      continue;
    }
    const content = blobs.get(part.blob);
    if (content === undefined) throw new Error(`no blob ${part.blob}`);
    const encoder = contentEncoder(part.encoding);
    for (let start = 0; start < content.length; start += chunkBytes)
      out.push(encoder.push(content.subarray(start, start + chunkBytes)));
    out.push(encoder.end());
  }
  return Buffer.concat(out);
}
