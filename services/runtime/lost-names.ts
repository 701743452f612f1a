// Finds what a request has and its decoded message would not have. The generated decoder collects
// the entries of a map in a plain object, where an assignment to `__proto__` adds no entry. So
// ingest searches the bytes of a request for that name, and for the values of `struct-faults.ts`.

import assert from 'node:assert/strict';
import protobuf from 'protobufjs';
import type { FieldError } from '../core/failure.ts';
import type { Contract } from './contract.ts';
import { type StructFields, structFaults, structFieldsOf } from './struct-faults.ts';
import { endOf, tags, WIRE_BYTES } from './wire-fields.ts';

const LOST = '__proto__';

/**
 * Returns the errors of each field of a request that contains the name or such a value at any
 * depth. `bytes` must have been decoded without an error.
 */
export type JudgeLostNames = (path: string, bytes: Buffer) => readonly FieldError[];

/** For the rpcs of the contract, by their gRPC paths. */
export function lostNamesJudge({ root }: Pick<Contract, 'root'>): JudgeLostNames {
  const requestType = (path: string): protobuf.Type => {
    const [, service = '', name = ''] = path.split('/');
    const method = root.lookupService(service).methods[name]?.resolve();
    assert(
      method instanceof protobuf.Method && method.resolvedRequestType !== null,
      `${path} is in the contract`,
    );
    return method.resolvedRequestType;
  };
  const known = new Map<string, JudgedType>();
  return (path, bytes) => {
    const type = known.get(path) ?? judgedTypeOf(requestType(path));
    known.set(path, type);
    return faultsOf(type, bytes);
  };
}

interface JudgedType {
  readonly type: protobuf.Type;
  readonly structFields: StructFields;
  /** The list of a batch, whose items are requests themselves; null for any other request. */
  readonly items: { readonly number: number; readonly name: string; readonly type: JudgedType } | null;
}

function judgedTypeOf(type: protobuf.Type): JudgedType {
  const list = type.fieldsArray.find((field) => {
    const { repeated, resolvedType } = field.resolve();
    return repeated && resolvedType instanceof protobuf.Type && structFieldsOf(resolvedType).size > 0;
  });
  const items =
    list?.resolvedType instanceof protobuf.Type
      ? { number: list.id, name: list.name, type: judgedTypeOf(list.resolvedType) }
      : null;
  return { type, structFields: structFieldsOf(type), items };
}

function faultsOf({ type, structFields, items }: JudgedType, bytes: Uint8Array): readonly FieldError[] {
  if (items !== null) return faultsOfItems(items, bytes);
  const faults = structFaults(structFields, bytes);
  // nearly all requests return here: a byte search costs almost nothing
  if (!Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).includes(LOST)) return faults;
  const fields = new Set<string>();
  search(protobuf.Reader.create(bytes), bytes.length, type, (field) => fields.add(field), null);
  const message = `The name ${LOST} is not allowed.`;
  return [...faults, ...[...fields].map((field) => ({ field, code: 'forbidden_name', message }))];
}

/** Paths begin with the item: `messages[3].template_data`. */
function faultsOfItems(
  { number: list, name, type }: NonNullable<JudgedType['items']>,
  bytes: Uint8Array,
): readonly FieldError[] {
  const faults: FieldError[] = [];
  const reader = protobuf.Reader.create(bytes);
  let index = 0;
  for (const { number, wire } of tags(reader, bytes.length)) {
    if (number !== list || wire !== WIRE_BYTES) {
      reader.skipType(wire);
      continue;
    }
    for (const fault of faultsOf(type, reader.bytes()))
      faults.push({ ...fault, field: `${name}[${index}].${fault.field}` });
    index++;
  }
  return faults;
}

const KEY = 1;
const VALUE = 2;

/**
 * @param top the field of the request that contains this message; null: the message is the request
 */
function search(
  reader: protobuf.Reader,
  end: number,
  type: protobuf.Type,
  found: (top: string) => void,
  top: string | null,
): void {
  for (const { number, wire } of tags(reader, end)) {
    const field = type.fieldsById[number]?.resolve();
    if (field === undefined || wire !== WIRE_BYTES) reader.skipType(wire);
    else if (field instanceof protobuf.MapField)
      searchEntry(reader, endOf(reader), field, found, top ?? field.name);
    else if (field.resolvedType instanceof protobuf.Type)
      search(reader, endOf(reader), field.resolvedType, found, top ?? field.name);
    else reader.skipType(wire);
  }
}

function searchEntry(
  reader: protobuf.Reader,
  end: number,
  map: protobuf.MapField,
  found: (top: string) => void,
  top: string,
): void {
  let key = '';
  for (const { number, wire } of tags(reader, end)) {
    if (wire === WIRE_BYTES && number === KEY) key = reader.string();
    else if (wire === WIRE_BYTES && number === VALUE && map.resolvedType instanceof protobuf.Type)
      search(reader, endOf(reader), map.resolvedType, found, top);
    else reader.skipType(wire);
  }
  if (key === LOST) found(top);
}
