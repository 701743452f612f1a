// From an item of `SendMessages`, or a request of a gRPC client, to what is judged: content that
// came inline and is large or a file goes to the BlobStore, and what was uploaded ahead is looked
// up there.

import type { ContentRef } from '../../proto/gen/packetboat/internal/v1/ingest.ts';
import type { SendEmailRequest, SendMessageRequest } from '../../proto/gen/packetboat/v1/messages.ts';
import type { SendRequest, Uploaded } from '../core/accept/send-request.ts';
import type { Principal } from '../core/access/principal.ts';
import { type Failure, validationFailed } from '../core/failure.ts';
import { parseBlobId } from '../core/ids.ts';
import { acceptLimits } from '../core/limits/accept.ts';
import { ingestLimits } from '../core/limits/ingest.ts';
import { fromSendEmail, fromSendMessage } from './from-proto.ts';
import type { Ingest } from './ingest.ts';
import { uploadContent } from './upload-content.ts';

export async function readSendMessage(
  ingest: Ingest,
  principal: Principal,
  request: SendMessageRequest,
  refs: readonly ContentRef[],
): Promise<SendRequest> {
  const uploaded = new Map(await lookUp(ingest, principal, refs));
  const put = async (path: string, bytes: Uint8Array): Promise<void> => {
    if (uploaded.has(path)) return;
    const info = await uploadContent(ingest, principal, one(bytes));
    uploaded.set(path, { blob: info.id, bytes: info.bytes, sha256: info.sha256 });
  };
  const isLarge =
    Buffer.byteLength(request.html ?? '') + Buffer.byteLength(request.text ?? '') >
    ingestLimits.contentInlineBytes;
  if (isLarge && request.html !== undefined) await put('html', Buffer.from(request.html));
  if (isLarge && request.text !== undefined) await put('text', Buffer.from(request.text));
  for (const [i, attachment] of request.attachments.slice(0, acceptLimits.attachmentsMax).entries()) {
    if (attachment.content.length > 0) await put(`attachments[${i}].content`, attachment.content);
  }
  const data = await readTemplateData(ingest, uploaded.get('template_data'), 'template_data');
  const read = fromSendMessage(request, uploaded, data);
  if (read.templateDataBlob !== null || read.templateData === null) return read;
  const text = JSON.stringify(read.templateData);
  if (
    Buffer.byteLength(text) <= ingestLimits.contentInlineBytes ||
    Buffer.byteLength(text) > acceptLimits.templateDataBytesMax
  )
    return read;
  await put('template_data', Buffer.from(text));
  return { ...read, templateDataBlob: uploaded.get('template_data') ?? null };
}

export async function readSendEmail(
  ingest: Ingest,
  principal: Principal,
  request: SendEmailRequest,
  refs: readonly ContentRef[],
): Promise<SendRequest> {
  const uploaded = new Map(await lookUp(ingest, principal, refs));
  return fromSendEmail(request, uploaded, await readTemplateData(ingest, uploaded.get('context'), 'context'));
}

async function* one(bytes: Uint8Array): AsyncIterable<Uint8Array> {
  yield bytes;
}

/** Blobs of the same tenant only; anything else was not uploaded by this caller. */
async function lookUp(
  ingest: Ingest,
  principal: Principal,
  refs: readonly ContentRef[],
): Promise<[string, Uploaded][]> {
  if (refs.length === 0) return [];
  const infos = await ingest.blobs.stat(refs.map((ref) => parseBlobId(ref.blob_id)));
  return refs.map((ref, i) => {
    const info = infos[i];
    if (info == null || info.tenant !== principal.tenant)
      throw refused(ref.path, 'unknown_content', 'This content was not uploaded, or is no longer kept.');
    return [ref.path, { blob: info.id, bytes: info.bytes, sha256: info.sha256 }];
  });
}

const refused = (field: string, code: string, message: string): Failure =>
  validationFailed([{ field, code, message }]);

/**
 * Template data is needed to judge the request, so what was uploaded is read back; it is bounded.
 */
async function readTemplateData(
  ingest: Ingest,
  blob: Uploaded | undefined,
  field: string,
): Promise<Readonly<Record<string, unknown>> | null> {
  if (blob === undefined) return null;
  if (blob.bytes > acceptLimits.templateDataBytesMax)
    throw refused(
      field,
      'too_large',
      `Template data has at most ${acceptLimits.templateDataBytesMax} bytes.`,
    );
  const data: unknown = JSON.parse(
    Buffer.concat(await Array.fromAsync(ingest.blobs.get(blob.blob))).toString(),
  );
  if (typeof data !== 'object' || data === null || Array.isArray(data))
    throw refused(field, 'invalid', 'Template data is a JSON object.');
  return data as Readonly<Record<string, unknown>>;
}
