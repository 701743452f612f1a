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
  const structFields = new Map<string, StructFields>();
  const structFieldsAt = (path: string): StructFields => {
    const known = structFields.get(path) ?? structFieldsOf(requestType(path));
    structFields.set(path, known);
    return known;
  };
  return (path, bytes) => {
    const faults = structFaults(structFieldsAt(path), bytes);
    // nearly all requests return here: a byte search costs almost nothing
    if (!bytes.includes(LOST)) return faults;
    const fields = new Set<string>();
    search(
      protobuf.Reader.create(bytes),
      bytes.length,
      requestType(path),
      (field) => fields.add(field),
      null,
    );
    const message = `The name ${LOST} is not allowed.`;
    return [...faults, ...[...fields].map((field) => ({ field, code: 'forbidden_name', message }))];
  };
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
