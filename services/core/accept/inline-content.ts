// Decides which content of a request is stored in the message and which as a blob. Gateways follow
// this rule when they upload content before a request, and ingest for gRPC callers. Attachments are
// always blobs.

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
