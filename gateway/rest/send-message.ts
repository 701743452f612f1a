// Sends one message: uploads its content part by part, and then sends the message, which refers to
// the content, to ingest together with those of other requests.

import { randomBytes } from 'node:crypto';
import type {
  ContentRef,
  Refusal,
  SendItem,
  SendResult,
} from '../../proto/gen/packetboat/internal/v1/ingest.ts';
import { ID_RANDOM_BYTES, messageId } from '../../services/core/ids.ts';
import type { Exchange } from './exchange.ts';
import type { TypedMessage } from './read-message.ts';
import { idempotencyKeysOf, traceparentOf } from './request-headers.ts';
import { type HttpAnswer, refusedWith, succeeded } from './response.ts';

/** Content to upload before the message. */
interface Part {
  readonly path: string;
  readonly chunks: () => AsyncIterable<Uint8Array>;
}

export interface MessageToSend {
  readonly message: TypedMessage;
  readonly parts: readonly Part[];
  /** An upper bound of the message's size in a gRPC message. */
  readonly bytes: number;
}

/** A message of a request, or why it is refused. */
export type ItemToSend = MessageToSend | { readonly refused: Refusal };

export async function send(
  exchange: Exchange,
  item: MessageToSend,
  form: 'send_message' | 'send_email',
): Promise<HttpAnswer> {
  const { method, request, admission } = exchange;
  if (item.parts.length > 0) {
    const refused = await admission.refusal();
    if (refused !== undefined) return refusedWith(refused, admission.rate, request.id);
  }
  const result = await sendItem(exchange, item, form, idempotencyKeysOf(request.raw));
  const rate = result.rate ?? admission.rate;
  if (result.accepted !== undefined) return succeeded(method, result.accepted, rate, result.replayed);
  if (result.refused !== undefined) return refusedWith(result.refused, rate, request.id);
  throw new Error('ingest neither accepted nor refused an item');
}

export async function sendItem(
  { door, request, admission, key }: Exchange,
  { message, parts, bytes }: MessageToSend,
  form: 'send_message' | 'send_email',
  idempotencyKeys: string[],
): Promise<SendResult> {
  const content: ContentRef[] = [];
  for (const { path, chunks } of parts) {
    const stored = await door.ingest.uploadContent(
      { credential: admission.credential, client_address: admission.clientAddress },
      chunks(),
      request.id,
    );
    if ('refused' in stored)
      return { refused: stored.refused, accepted: undefined, replayed: false, rate: undefined };
    content.push({ path, blob_id: stored.blob_id });
  }
  const item: SendItem = {
    credential: admission.credential,
    client_address: admission.clientAddress,
    idempotency_keys: idempotencyKeys,
    traceparent: traceparentOf(request.raw.headers),
    request_id: request.id,
    message_id: messageId(Date.now(), randomBytes(ID_RANDOM_BYTES)),
    admitted: admission.isCounted,
    content,
    [form]: message,
  };
  const result = await door.batcher.send(item, bytes);
  key.answered(result.refused);
  return result;
}
