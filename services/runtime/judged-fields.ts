// Compiles the rules of the contract's fields into the table with which ingest validates requests.

import assert from 'node:assert/strict';
import type { FieldRules, JudgedField, ValueRules } from '../core/accept/field-rules.ts';
import type { Contract, Field, MessageType, ValueType } from './contract.ts';

/** The fields that ingest validates, by the gRPC path of the rpc. */
export const judgedFieldsOf = ({ methods }: Contract): ReadonlyMap<string, readonly JudgedField[]> =>
  new Map(methods.map(({ path, requestType }) => [path, fieldsOf(requestType, [])]));

/** The fields of a type that have rules, or have fields with rules below them. */
function fieldsOf(type: MessageType, above: readonly string[]): readonly JudgedField[] {
  assert(
    !above.includes(type.name),
    `${type.name} contains itself, and validation does not support recursive types`,
  );
  return [...type.fields.values()].flatMap((field) => {
    const judged = judgedField(field, type, [...above, type.name]);
    return judged === null ? [] : [judged];
  });
}

function judgedField(field: Field, type: MessageType, above: readonly string[]): JudgedField | null {
  const { name, shape, hasPresence, rules, value } = field;
  const kind = kindOf(value);
  const fields = kind === 'message' && value.kind === 'message' ? fieldsOf(value.type, above) : [];
  const hasOwn = Object.keys(rules).length > 0;
  if (!hasOwn && fields.length === 0 && kind !== 'enum' && kind !== 'time') return null;
  const place = `${type.name}.${name}`;
  if (rules.min !== undefined || rules.max !== undefined)
    assert(hasPresence, `${place} has a range, so it must be optional`);
  const isBounded = shape === 'one' || rules.maxItems !== undefined || rules.maxProperties !== undefined;
  assert(isBounded, `${place} has rules for its entries, so it needs a maximum`);
  const own = compiled(rules);
  return {
    name,
    shape,
    kind,
    hasPresence,
    rules: own,
    each: shape === 'one' ? own : compiled(rules.each ?? {}),
    names: rules.names === undefined ? null : compiled(rules.names),
    fields,
  };
}

const compiled = (rules: FieldRules): ValueRules =>
  rules.pattern === undefined ? rules : { ...rules, regExp: new RegExp(rules.pattern, 'u') };

function kindOf(value: ValueType): JudgedField['kind'] {
  switch (value.kind) {
    case 'string':
      return 'text';
    case 'bytes':
    case 'enum':
      return value.kind;
    case 'message':
      return messageKinds.get(value.type.name) ?? 'message';
    case 'bool':
      return 'whole';
    default:
      return 'number';
  }
}

/**
 * Types with a JSON form of their own. An Address may be a single string, so its parser validates
 * the whole.
 */
const messageKinds: ReadonlyMap<string, JudgedField['kind']> = new Map([
  ['google.protobuf.Timestamp', 'time'],
  ['google.protobuf.Struct', 'whole'],
  ['packetboat.v1.Address', 'whole'],
]);
