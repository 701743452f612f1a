// Decides which parts of a send request are uploaded as blobs instead of being part of the gRPC
// message: every attachment, html and text if they are large together, and large template data. The
// paths are those of `ContentRef`.

import { Buffer } from 'node:buffer';
import type { SendEmailRequest, SendMessageRequest } from '../../proto/gen/packetboat/v1/messages.ts';
import { isDataInline, textsBeside } from '../../services/core/accept/inline-content.ts';
import { ingestLimits } from '../../services/core/limits/ingest.ts';
import type { TypedMessage } from './read-message.ts';

/** The two rpcs that send messages, and the item of `SendMessages` that each becomes. */
export const sendMethods: ReadonlyMap<string, 'send_message' | 'send_email'> = new Map([
  ['/packetboat.v1.MessagesService/SendMessage', 'send_message'],
  ['/packetboat.v1.MessagesService/SendEmail', 'send_email'],
]);

export interface ContentPart {
  readonly path: string;
  readonly bytes: Uint8Array;
}

/**
 * Removes the content from a request and yields it part by part. `bodyBytes`: size of the request's
 * JSON. A small body contains no large text, so its text is not measured and its data not
 * serialized. Data with numbers that JSON.stringify writes longer than the caller did (`1e20`) may
 * then stay in the request; ingest applies the same rule and stores such data as a blob.
 */
export function* takeContent(
  method: string,
  request: TypedMessage,
  bodyBytes: number,
): Generator<ContentPart> {
  const isSmall = bodyBytes <= ingestLimits.contentInlineBytes;
  if (sendMethods.get(method) === 'send_message')
    yield* takeFromMessage(request as unknown as SendMessageRequest, isSmall);
  if (sendMethods.get(method) === 'send_email' && !isSmall)
    yield* takeFromEmail(request as unknown as SendEmailRequest);
}

function* takeFromMessage(request: SendMessageRequest, isSmall: boolean): Generator<ContentPart> {
  for (const [i, attachment] of request.attachments.entries()) {
    const { content } = attachment;
    // ingest itself stores the content of an empty file
    if (content === undefined || content.length === 0) continue;
    attachment.content = undefined;
    yield { path: `attachments[${i}].content`, bytes: content };
  }
  if (isSmall) return;
  const beside = textsBeside(request.html ?? '', request.text ?? '');
  if (beside !== null) {
    const { html, text } = beside;
    request.html = undefined;
    request.text = undefined;
    if (html !== null) yield { path: 'html', bytes: Buffer.from(html) };
    if (text !== null) yield { path: 'text', bytes: Buffer.from(text) };
  }
  const data = largeData(request.template_data);
  if (data === null) return;
  request.template_data = undefined;
  yield { path: 'template_data', bytes: data };
}

function* takeFromEmail(request: SendEmailRequest): Generator<ContentPart> {
  const data = largeData(request.context);
  if (data === null) return;
  request.context = undefined;
  yield { path: 'context', bytes: data };
}

function largeData(data: object | undefined): Buffer | null {
  if (data === undefined) return null;
  const json = JSON.stringify(data);
  return isDataInline(json) ? null : Buffer.from(json);
}

/** JSON grows when it becomes a `Struct`: `1,` has 2 bytes in JSON and 11 in proto. */
const STRUCT_GROWTH = 8;

/** An upper bound of a request's size as a gRPC message. */
export function encodedBytesMost(method: string, request: TypedMessage): number {
  const isSend = sendMethods.has(method);
  const free = isSend
    ? [request.template_data, request.metadata, request.context].filter((data) => data !== undefined)
    : [];
  return jsonBytes(request) + (STRUCT_GROWTH - 1) * jsonBytes(free);
}
const jsonBytes = (value: object): number => Buffer.byteLength(JSON.stringify(value));

/** The same bound from the size of the request's JSON: cheaper and less exact. */
export function encodedBytesOf(bodyBytes: number, request: TypedMessage): number {
  const hasFree =
    request.template_data !== undefined || request.metadata !== undefined || request.context !== undefined;
  return hasFree ? bodyBytes * STRUCT_GROWTH : bodyBytes;
}
