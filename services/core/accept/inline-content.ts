// Which content of a request stays inside the message, and which is stored as a blob beside it: the
// rule that a gateway follows when it uploads content ahead of a request, and ingest for callers of
// gRPC. Attachments are always blobs.

import { ingestLimits } from '../limits/ingest.ts';
import { presentPart } from '../template/blank.ts';

/**
 * The texts of a request that are stored as blobs, and null for both if they stay inside the
 * message. They count together, because both are read whenever the message is. A blank text is
 * absent, and never stored.
 */
export function textsBeside(
  html: string,
  text: string,
): { readonly html: string | null; readonly text: string | null } | null {
  return Buffer.byteLength(html) + Buffer.byteLength(text) <= ingestLimits.contentInlineBytes
    ? null
    : { html: presentPart(html), text: presentPart(text) };
}

/** @param json template data as JSON text */
export const isDataInline = (json: string): boolean =>
  Buffer.byteLength(json) <= ingestLimits.contentInlineBytes;
