// The cursor of a list: the start of the next page, as an opaque signed text. A caller cannot read
// or forge a cursor, or use it with other filters.

import { timingSafeEqual } from 'node:crypto';
import { type MessageId, parseMessageId } from '../ids.ts';
import { hmacSha256 } from '../secrets/hmac.ts';
import type { Key } from '../secrets/keyring.ts';

interface Position {
  readonly createdAt: number;
  readonly id: MessageId;
}

const mac = (key: Key, body: string, filters: string): Buffer =>
  hmacSha256(key.secret, `${body}\n${filters}`).subarray(0, 16);

/** `filters`: a text that differs between queries, and contains the tenant. */
export function writeCursor(key: Key, position: Position, filters: string): string {
  const body = `${position.createdAt.toString(36)}.${position.id}`;
  return Buffer.from(`${body}.${mac(key, body, filters).toString('base64url')}`).toString('base64url');
}

/** Null: the text is not a cursor for this query. */
export function readCursor(keys: readonly Key[], text: string, filters: string): Position | null {
  const [time = '', id = '', tag = '', ...rest] = Buffer.from(text, 'base64url').toString().split('.');
  const given = Buffer.from(tag, 'base64url');
  const isOurs =
    rest.length === 0 &&
    given.length === 16 &&
    keys.some((key) => timingSafeEqual(given, mac(key, `${time}.${id}`, filters)));
  const messageId = parseMessageId(id);
  return isOurs && messageId !== null ? { createdAt: Number.parseInt(time, 36), id: messageId } : null;
}
