// Iterates over the fields of an encoded message, for the checks of what the generated decoder drops.

import type protobuf from 'protobufjs';

/** The wire type of texts, bytes and messages. */
export const WIRE_BYTES = 2;
const WIRE_GROUP_END = 4;

/** Where the message that begins at the reader's position, after its length, ends. */
export const endOf = (reader: protobuf.Reader): number => reader.uint32() + reader.pos;

/**
 * Iterates over the fields of a message; the caller must read or skip each. Ends where the
 * generated decoder ends.
 */
export function* tags(
  reader: protobuf.Reader,
  end: number,
): Iterable<{ readonly number: number; readonly wire: number }> {
  while (reader.pos < end) {
    const tag = reader.uint32();
    const wire = tag & 7;
    if (tag === 0 || wire === WIRE_GROUP_END) break;
    yield { number: tag >>> 3, wire };
  }
  reader.pos = end;
}
