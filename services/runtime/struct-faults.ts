// Finds values of free-form JSON that gRPC can carry and JSON cannot: NaN and infinite numbers, and
// values without a kind. The generated decoder drops a value without a kind, and the store would
// keep null in place of NaN. So ingest searches the bytes of a request and rejects such values.

import protobuf from 'protobufjs';
import type { FieldError } from '../core/failure.ts';
import { endOf, tags, WIRE_BYTES } from './wire-fields.ts';

/** The fields of a request that are Structs, by number. */
export type StructFields = ReadonlyMap<number, string>;

export function structFieldsOf(type: protobuf.Type): StructFields {
  const fields = type.fieldsArray.map((field) => field.resolve());
  return new Map(
    fields
      .filter(({ resolvedType }) => resolvedType?.fullName === '.google.protobuf.Struct')
      .map(({ id, name }) => [id, name]),
  );
}

/** One error of each kind for each field. `bytes` must have been decoded without an error. */
export function structFaults(fields: StructFields, bytes: Uint8Array): readonly FieldError[] {
  if (fields.size === 0) return [];
  const faults: FieldError[] = [];
  const reader = protobuf.Reader.create(bytes);
  for (const { number, wire } of tags(reader, bytes.length)) {
    const field = fields.get(number);
    if (field === undefined || wire !== WIRE_BYTES) {
      reader.skipType(wire);
      continue;
    }
    const found = new Set<Fault>();
    searchStruct(reader, endOf(reader), found);
    for (const fault of found)
      if (!faults.some((other) => other.field === field && other.code === fault.code))
        faults.push({ field, ...fault });
  }
  return faults;
}

type Fault = Pick<FieldError, 'code' | 'message'>;

const notANumber: Fault = {
  code: 'out_of_range',
  message: 'A number in this object is NaN or infinite. Send a finite number, or a text.',
};
const withoutKind: Fault = {
  code: 'invalid_value',
  message: 'A google.protobuf.Value in this object has no kind. Set a kind; the kind of null is null_value.',
};

/** Numbers and wire types of the fields in google/protobuf/struct.proto. */
const WIRE_VARINT = 0;
const WIRE_64 = 1;
const ENTRIES = 1;
const ENTRY_VALUE = 2;
const NULL = 1;
const NUMBER = 2;
const STRING = 3;
const BOOL = 4;
const STRUCT = 5;
const LIST = 6;

function searchStruct(reader: protobuf.Reader, end: number, found: Set<Fault>): void {
  for (const { number, wire } of tags(reader, end)) {
    if (number === ENTRIES && wire === WIRE_BYTES) searchEntry(reader, endOf(reader), found);
    else reader.skipType(wire);
  }
}

function searchEntry(reader: protobuf.Reader, end: number, found: Set<Fault>): void {
  let hasValue = false;
  for (const { number, wire } of tags(reader, end)) {
    if (number === ENTRY_VALUE && wire === WIRE_BYTES) {
      hasValue = true;
      searchValue(reader, endOf(reader), found);
    } else reader.skipType(wire);
  }
  if (!hasValue) found.add(withoutKind);
}

function searchValue(reader: protobuf.Reader, end: number, found: Set<Fault>): void {
  let hasKind = false;
  for (const { number, wire } of tags(reader, end)) {
    hasKind ||= wireOf[number] === wire;
    if (number === NUMBER && wire === WIRE_64) {
      if (!Number.isFinite(reader.double())) found.add(notANumber);
    } else if (number === STRUCT && wire === WIRE_BYTES) searchStruct(reader, endOf(reader), found);
    else if (number === LIST && wire === WIRE_BYTES) searchList(reader, endOf(reader), found);
    else reader.skipType(wire);
  }
  if (!hasKind) found.add(withoutKind);
}

const wireOf: Readonly<Record<number, number>> = {
  [NULL]: WIRE_VARINT,
  [NUMBER]: WIRE_64,
  [STRING]: WIRE_BYTES,
  [BOOL]: WIRE_VARINT,
  [STRUCT]: WIRE_BYTES,
  [LIST]: WIRE_BYTES,
};

function searchList(reader: protobuf.Reader, end: number, found: Set<Fault>): void {
  for (const { number, wire } of tags(reader, end)) {
    if (number === ENTRIES && wire === WIRE_BYTES) searchValue(reader, endOf(reader), found);
    else reader.skipType(wire);
  }
}
