// Which content of a request stays inside the message, and which is stored as a blob beside it: the
// rule that a gateway follows when it uploads content ahead of a request, and ingest for callers of
// gRPC. Attachments are always blobs.

import { ingestLimits } from '../limits/ingest.ts';

/** html and text count together, since both are read whenever the message is. */
export const areTextsInline = (html: string, text: string): boolean =>
  Buffer.byteLength(html) + Buffer.byteLength(text) <= ingestLimits.contentInlineBytes;

/** @param json template data as JSON text */
export const isDataInline = (json: string): boolean =>
  Buffer.byteLength(json) <= ingestLimits.contentInlineBytes;
