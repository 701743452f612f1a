// Decides which content of a request is stored in the message and which as a blob. Gateways follow
// this rule when they upload content before a request, and ingest for gRPC callers. Attachments are
// always blobs.

import { ingestLimits } from '../limits/ingest.ts';

/** The sizes of html and text are added, since both are read together with the message. */
export const areTextsInline = (html: string, text: string): boolean =>
  Buffer.byteLength(html) + Buffer.byteLength(text) <= ingestLimits.contentInlineBytes;

/** @param json template data as JSON text */
export const isDataInline = (json: string): boolean =>
  Buffer.byteLength(json) <= ingestLimits.contentInlineBytes;
