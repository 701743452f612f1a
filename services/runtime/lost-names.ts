// Finds map entries that the generated decoder loses. The decoder collects the entries of a map in
// a plain object, where an assignment to `__proto__` adds no entry. So ingest searches the bytes of
// a request and refuses a request that would lose an entry.

import assert from 'node:assert/strict';
import protobuf from 'protobufjs';
import type { FieldError } from '../core/failure.ts';
import type { Contract } from './contract.ts';

const LOST = '__proto__';

/**
 * Returns an error for each field of a request that contains the name at any depth. `bytes` must
 * have been decoded without an error.
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
  return (path, bytes) => {
    // nearly all requests return here: a byte search costs almost nothing
    if (!bytes.includes(LOST)) return [];
    const fields = new Set<string>();
    search(
      protobuf.Reader.create(bytes),
      bytes.length,
      requestType(path),
      (field) => fields.add(field),
      null,
    );
    return [...fields].map((field) => ({
      field,
      code: 'forbidden_name',
      message: `The name ${LOST} is not allowed.`,
    }));
  };
}

const BYTES = 2;
const GROUP_END = 4;
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
    if (field === undefined || wire !== BYTES) reader.skipType(wire);
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
    if (wire === BYTES && number === KEY) key = reader.string();
    else if (wire === BYTES && number === VALUE && map.resolvedType instanceof protobuf.Type)
      search(reader, endOf(reader), map.resolvedType, found, top);
    else reader.skipType(wire);
  }
  if (key === LOST) found(top);
}

const endOf = (reader: protobuf.Reader): number => reader.uint32() + reader.pos;

/**
 * Iterates over the fields of a message; the caller must read or skip each. Ends where the
 * generated decoder ends.
 */
function* tags(
  reader: protobuf.Reader,
  end: number,
): Iterable<{ readonly number: number; readonly wire: number }> {
  while (reader.pos < end) {
    const tag = reader.uint32();
    const wire = tag & 7;
    if (tag === 0 || wire === GROUP_END) break;
    yield { number: tag >>> 3, wire };
  }
  reader.pos = end;
}
