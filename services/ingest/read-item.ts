// Converts a request of the contract to a `SendRequest`. Attachments and large content in the
// request are stored as blobs; content that a gateway has uploaded is looked up.

import type { ContentRef } from '../../proto/gen/packetboat/internal/v1/ingest.ts';
import type { SendEmailRequest, SendMessageRequest } from '../../proto/gen/packetboat/v1/messages.ts';
import { isDataInline, textsBeside } from '../core/accept/inline-content.ts';
import {
  type SendRequest,
  type TemplateData,
  templateDataOf,
  type Uploaded,
} from '../core/accept/send-request.ts';
import type { Principal } from '../core/access/principal.ts';
import { type Failure, validationFailed } from '../core/failure.ts';
import { type BlobId, parseBlobId } from '../core/ids.ts';
import { acceptLimits } from '../core/limits/accept.ts';
import { ingestLimits } from '../core/limits/ingest.ts';
import { fromSendEmail, fromSendMessage } from './from-proto.ts';
import { type ContentPorts, uploadContent } from './upload-content.ts';

interface ReadPorts extends ContentPorts {
  /** Is told each blob of the request, so that the caller can delete the blobs of a refused one. */
  noteBlob(id: BlobId): void;
}

export async function readSendMessage(
  ports: ReadPorts,
  principal: Principal,
  request: SendMessageRequest,
  refs: readonly ContentRef[],
): Promise<SendRequest> {
  const uploaded = new Map(await lookUp(ports, principal, refs));
  const put = async (path: string, bytes: Uint8Array): Promise<void> => {
    if (!uploaded.has(path)) uploaded.set(path, await storePart(ports, principal, bytes));
  };
  const beside = textsBeside(request.html ?? '', request.text ?? '');
  if (beside !== null) {
    if (beside.html !== null) await put('html', Buffer.from(beside.html));
    if (beside.text !== null) await put('text', Buffer.from(beside.text));
  }
  // attachments beyond the limit are refused later and need not be stored
  for (const [i, { content }] of request.attachments.slice(0, acceptLimits.attachmentsMax).entries()) {
    if (content !== undefined) await put(`attachments[${i}].content`, content);
  }
  const data =
    (await uploadedData(ports, uploaded.get('template_data'), 'template_data')) ??
    (await givenData(ports, principal, request.template_data));
  return fromSendMessage(request, uploaded, data);
}

export async function readSendEmail(
  ports: ReadPorts,
  principal: Principal,
  request: SendEmailRequest,
  refs: readonly ContentRef[],
): Promise<SendRequest> {
  const uploaded = new Map(await lookUp(ports, principal, refs));
  const data =
    (await uploadedData(ports, uploaded.get('context'), 'context')) ??
    (await givenData(ports, principal, request.context));
  return fromSendEmail(request, data);
}

async function storePart(ports: ReadPorts, principal: Principal, bytes: Uint8Array): Promise<Uploaded> {
  const { id, bytes: size, sha256 } = await uploadContent(ports, principal, inOnePiece(bytes));
  ports.noteBlob(id);
  return { blob: id, bytes: size, sha256 };
}

async function* inOnePiece(bytes: Uint8Array): AsyncIterable<Uint8Array> {
  yield bytes;
}

/** Throws the same error for a blob of another tenant as for an unknown blob (P16). */
async function lookUp(
  ports: ReadPorts,
  principal: Principal,
  refs: readonly ContentRef[],
): Promise<[string, Uploaded][]> {
  if (refs.length === 0) return [];
  const infos = await ports.blobs.stat(refs.map((ref) => parseBlobId(ref.blob_id)));
  const oldest = ports.messages.now() - ingestLimits.uploadUsableMs;
  return refs.map((ref, i) => {
    const info = infos[i];
    if (info == null || info.tenant !== principal.tenant || info.createdAt < oldest)
      throw refused(ref.path, 'unknown_content', 'The content was not uploaded, or has been deleted.');
    ports.noteBlob(info.id);
    return [ref.path, { blob: info.id, bytes: info.bytes, sha256: info.sha256 }];
  });
}

const refused = (field: string, code: string, message: string): Failure =>
  validationFailed([{ field, code, message }]);

/**
 * Reads template data in the request. Data beyond the limit is not stored, since it is refused
 * later.
 */
async function givenData(
  ports: ReadPorts,
  principal: Principal,
  values: Readonly<Record<string, unknown>> | undefined,
): Promise<TemplateData | null> {
  if (values === undefined) return null;
  const data = templateDataOf(values);
  if (isDataInline(data.json) || Buffer.byteLength(data.json) > acceptLimits.templateDataBytesMax)
    return data;
  return { ...data, blob: await storePart(ports, principal, Buffer.from(data.json)) };
}

/**
 * Reads template data that was uploaded before the request, since the template needs the values;
 * null: no data was uploaded. The size is limited.
 */
async function uploadedData(
  ports: ReadPorts,
  blob: Uploaded | undefined,
  field: string,
): Promise<TemplateData | null> {
  if (blob === undefined) return null;
  if (blob.bytes > acceptLimits.templateDataBytesMax)
    throw refused(
      field,
      'too_large',
      `Template data has at most ${acceptLimits.templateDataBytesMax} bytes.`,
    );
  const json = Buffer.concat(await Array.fromAsync(ports.blobs.get(blob.blob))).toString();
  const values: unknown = JSON.parse(json);
  if (typeof values !== 'object' || values === null || Array.isArray(values))
    throw refused(field, 'invalid', 'Template data must be a JSON object.');
  return { values: values as Readonly<Record<string, unknown>>, json, blob };
}
