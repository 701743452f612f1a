// The strict JSON reader: from parsed JSON to the typed request that proto/gen knows, by walking
// the message type of the contract. It collects every fault with its path instead of stopping at
// the first, and lets nothing through that is unknown, converted or dropped.

import { Buffer } from 'node:buffer';
import type { Address } from '../../proto/gen/packetboat/v1/types.ts';
import { splitMailbox } from '../../services/core/address.ts';
import { doorLimits } from '../../services/core/limits/door.ts';
import type { EnumType, Field, MessageType, ScalarKind, ValueType } from '../../services/runtime/contract.ts';
import { decodeBase64, faultOfBase64 } from './base64.ts';
import { below, type Faults } from './faults.ts';
import { LongNumber } from './long-number.ts';
import { parseTimestamp } from './timestamp.ts';

export type TypedMessage = Record<string, unknown>;

/**
 * Reads one message. Absent fields get the values that proto3 gives them; null counts as absent, as proto3 JSON has it. What is returned means
 * something only when no fault was added.
 * @param bound names of fields that the URL says, which the body must not
 */
export function readMessage(
  type: MessageType,
  json: unknown,
  faults: Faults,
  bound: ReadonlySet<string> = new Set(),
): TypedMessage {
  if (!isObject(json)) {
    faults.add('', 'wrong_type', 'The body must be a JSON object.');
    return emptyMessage(type);
  }
  return readFields(type, json, { path: '', depth: 1, faults }, bound);
}

/** A message of this type with nothing in it, as ts-proto's types want it: every field there. */
export function emptyMessage(type: MessageType): TypedMessage {
  const message: TypedMessage = {};
  for (const field of type.fields.values()) message[field.name] = absent(field);
  return message;
}

function absent({ shape, hasPresence, value }: Field): unknown {
  if (shape === 'list') return [];
  if (shape === 'map') return {};
  if (hasPresence || value.kind === 'message') return undefined;
  if (value.kind === 'enum') return value.type.zero;
  if (value.kind === 'string') return '';
  if (value.kind === 'bool') return false;
  return value.kind === 'bytes' ? Buffer.alloc(0) : 0;
}

/** The position of the reader. `depth` counts the open objects and arrays. */
interface ReadPosition {
  readonly path: string;
  readonly depth: number;
  readonly faults: Faults;
}

const into = (place: ReadPosition, key: string): ReadPosition => ({
  ...place,
  path: below(place.path, key),
  depth: place.depth + 1,
});
const item = (place: ReadPosition, index: number): ReadPosition => ({
  ...place,
  path: `${place.path}[${index}]`,
  depth: place.depth + 1,
});

/** Own keys of these names turn into something else in other people's code. */
const isPrototypeKey = (key: string): boolean =>
  key === '__proto__' || key === 'constructor' || key === 'prototype';

function readFields(
  type: MessageType,
  json: JsonObject,
  place: ReadPosition,
  bound: ReadonlySet<string> = new Set(),
): TypedMessage {
  const message = emptyMessage(type);
  for (const key of Object.keys(json)) {
    const field = type.fields.get(key);
    if (field === undefined || bound.has(key)) {
      const known = [...type.fields.keys()].filter((name) => !bound.has(name));
      place.faults.addUnknown('field', place.path, key, known);
      continue;
    }
    const given = json[key];
    if (given !== null) message[key] = readField(field, given, { ...place, path: below(place.path, key) });
  }
  return message;
}

function readField(field: Field, json: unknown, place: ReadPosition): unknown {
  switch (field.shape) {
    case 'one':
      return readValue(field.value, json, place);
    case 'list':
      if (!Array.isArray(json)) return readOnly(field.value, json, place);
      return json.map((value, i) => readValue(field.value, value, item(place, i)));
    case 'map':
      if (!isObject(json)) return place.faults.add(place.path, 'wrong_type', 'This must be an object.');
      return readMap(field.value, json, place);
  }
}

/** One address may be given in place of a list of addresses. */
function readOnly(type: ValueType, json: unknown, place: ReadPosition): unknown {
  const { faults, path } = place;
  if (type.kind !== 'message' || type.type.name !== ADDRESS)
    return faults.add(path, 'wrong_type', 'This must be an array.');
  if (typeof json !== 'string' && !isObject(json))
    return faults.add(path, 'wrong_type', 'This must be an address, or an array of addresses.');
  return [readValue(type, json, place)];
}

function readMap(type: ValueType, json: JsonObject, place: ReadPosition): TypedMessage {
  const map: TypedMessage = {};
  for (const key of Object.keys(json)) {
    const at = into(place, key);
    if (isGoodKey(key, at)) map[key] = readValue(type, json[key], at);
  }
  return map;
}

function isGoodKey(key: string, place: ReadPosition): boolean {
  if (isPrototypeKey(key)) place.faults.add(place.path, 'forbidden_name', 'This name is not allowed.');
  else if (!key.isWellFormed())
    place.faults.add(place.path, 'invalid_text', 'The name is not valid Unicode.');
  else return true;
  return false;
}

function readValue(type: ValueType, json: unknown, place: ReadPosition): unknown {
  switch (type.kind) {
    case 'message':
      return readMessageValue(type.type, json, place);
    case 'enum':
      return readEnum(type.type, json, place);
    default:
      return readScalar(type.kind, json, place);
  }
}

function readMessageValue(type: MessageType, json: unknown, place: ReadPosition): unknown {
  const { faults, path } = place;
  switch (type.name) {
    case 'google.protobuf.Timestamp':
      return readTimestamp(json, place);
    case 'google.protobuf.Struct':
      if (!isObject(json)) return faults.add(path, 'wrong_type', 'This must be an object.');
      return isPlain(json, { ...place, depth: place.depth + 1 }) ? json : undefined;
    case ADDRESS:
      if (typeof json === 'string') return isText(json, place) ? addressOf(json) : undefined;
      if (!isObject(json))
        return faults.add(
          path,
          'wrong_type',
          'This must be an address: a string, or an object with email and name.',
        );
      break;
    default:
      if (!isObject(json)) return faults.add(path, 'wrong_type', 'This must be an object.');
  }
  return readFields(type, json, { ...place, depth: place.depth + 1 });
}

const ADDRESS = 'packetboat.v1.Address';

/** A text that cannot be split becomes an `email` as it is, and ingest refuses the `email`. */
function addressOf(text: string): Address {
  const parts = splitMailbox(text);
  return 'code' in parts ? { email: text, name: '' } : { email: parts.address, name: parts.name ?? '' };
}

function readTimestamp(json: unknown, { faults, path }: ReadPosition): unknown {
  const timestamp = typeof json === 'string' ? parseTimestamp(json) : null;
  return (
    timestamp ??
    faults.add(
      path,
      'invalid_time',
      'This must be a time in the form of RFC 3339, for example 2026-04-19T14:30:00Z.',
    )
  );
}

export function readEnum(
  type: EnumType,
  json: unknown,
  { faults, path }: Pick<ReadPosition, 'faults' | 'path'>,
): unknown {
  const value = typeof json === 'string' ? type.values.get(json) : undefined;
  return (
    value ?? faults.add(path, 'invalid_value', `This must be one of ${[...type.values.keys()].join(', ')}.`)
  );
}

function readScalar(kind: ScalarKind, given: unknown, place: ReadPosition): unknown {
  const { faults, path } = place;
  const json = given instanceof LongNumber ? Number(given.text) : given;
  switch (kind) {
    case 'string':
      if (typeof json !== 'string') return faults.add(path, 'wrong_type', 'This must be a string.');
      return isText(json, place) ? json : undefined;
    case 'bool':
      return typeof json === 'boolean' ? json : faults.add(path, 'wrong_type', 'This must be true or false.');
    case 'bytes':
      if (typeof json !== 'string') return faults.add(path, 'wrong_type', 'This must be a string of base64.');
      return decodeBase64(json) ?? faults.add(path, 'invalid_base64', faultOfBase64(json));
    case 'float':
    case 'double':
      return typeof json === 'number' && Number.isFinite(json)
        ? json
        : faults.add(path, 'wrong_type', 'This must be a number.');
    default:
      if (typeof json !== 'number') return faults.add(path, 'wrong_type', 'This must be a whole number.');
      return readWhole(kind, json, place);
  }
}

/** 64-bit integers are numbers up to 2^53, where JSON stops being exact. */
const ranges = {
  int32: [-(2 ** 31), 2 ** 31 - 1],
  uint32: [0, 2 ** 32 - 1],
  int64: [Number.MIN_SAFE_INTEGER, Number.MAX_SAFE_INTEGER],
  uint64: [0, Number.MAX_SAFE_INTEGER],
} as const;

export function readWhole(
  kind: keyof typeof ranges,
  value: number,
  { faults, path }: Pick<ReadPosition, 'faults' | 'path'>,
): unknown {
  const [least, most] = ranges[kind];
  if (Number.isInteger(value) && value >= least && value <= most) return value;
  return faults.add(path, 'out_of_range', `This must be a whole number from ${least} to ${most}.`);
}

/** `\ud800` alone is JSON, but no text: it would be stored as something else. */
function isText(text: string, { faults, path }: ReadPosition): boolean {
  if (text.isWellFormed()) return true;
  faults.add(path, 'invalid_text', 'The text is not valid Unicode.');
  return false;
}

/**
 * Free JSON: kept as it is, if every text, name and number in it can be kept. A number that a double
 * does not hold is replaced by its text, and -0 by 0, as every writer of JSON writes it.
 */
function isPlain(json: JsonObject | readonly unknown[], place: ReadPosition): boolean {
  if (place.depth > doorLimits.jsonDepthMax) {
    place.faults.add(
      place.path,
      'too_deep',
      `JSON may be nested at most ${doorLimits.jsonDepthMax} levels deep.`,
    );
    return false;
  }
  const replace = (key: string | number, value: unknown): true => {
    (json as Record<string | number, unknown>)[key] = value;
    return true;
  };
  const check = (key: string | number, value: unknown, at: ReadPosition): boolean => {
    if (typeof value === 'string') return isText(value, at);
    if (value instanceof LongNumber) return replace(key, value.text);
    if (typeof value === 'object' && value !== null) return isPlain(value as JsonObject, at);
    if (typeof value !== 'number') return true;
    if (Number.isFinite(value)) return !Object.is(value, -0) || replace(key, 0);
    at.faults.add(at.path, 'out_of_range', 'This number is too large, or too close to 0.');
    return false;
  };
  let isGood = true;
  if (Array.isArray(json))
    for (const [i, value] of json.entries()) isGood = check(i, value, item(place, i)) && isGood;
  else {
    for (const [key, value] of Object.entries(json)) {
      const at = into(place, key);
      isGood = isGoodKey(key, at) && check(key, value, at) && isGood;
    }
  }
  return isGood;
}

type JsonObject = Readonly<Record<string, unknown>>;
export const isObject = (json: unknown): json is JsonObject =>
  typeof json === 'object' && json !== null && !Array.isArray(json) && !(json instanceof LongNumber);
