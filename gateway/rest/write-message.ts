// Writes a response of ingest as JSON, the reverse of the strict reader. Names are snake_case as in
// the proto, enums in lower case without prefix, times in UTC with milliseconds, 64-bit integers as
// numbers. Absent fields are omitted.

import type { Timestamp } from '../../proto/gen/google/protobuf/timestamp.ts';
import type { MessageType, ValueType } from '../../services/runtime/contract.ts';
import { formatTimestamp } from './timestamp.ts';

/** `message` has the type in proto/gen that corresponds to `type`. */
export function writeMessage(type: MessageType, message: object): Record<string, unknown> {
  const given: Readonly<Record<string, unknown>> = { ...message };
  const json: Record<string, unknown> = {};
  for (const { name, shape, value: valueType } of type.fields.values()) {
    const value = given[name];
    if (value === undefined || value === null) continue;
    const written =
      shape === 'list'
        ? (value as readonly unknown[]).map((item) => writeValue(valueType, item))
        : shape === 'map'
          ? Object.fromEntries(Object.entries(value).map(([key, item]) => [key, writeValue(valueType, item)]))
          : writeValue(valueType, value);
    if (written !== undefined) json[name] = written;
  }
  return json;
}

/** Returns undefined for an enum's zero and for values that this release does not know. */
function writeValue(type: ValueType, value: unknown): unknown {
  if (type.kind === 'message') {
    if (type.type.name === 'google.protobuf.Struct') return value;
    if (type.type.name === 'google.protobuf.Timestamp') return formatTimestamp(value as Timestamp);
    return writeMessage(type.type, value as object);
  }
  if (type.kind === 'bytes') return Buffer.from(value as Uint8Array).toString('base64');
  if (type.kind !== 'enum') return value;
  for (const [word, name] of type.type.values) if (name === value) return word;
  return undefined;
}
