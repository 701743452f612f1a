// Reads the path and the query of a URL into the fields of the request, by the rules of JSON as far
// as text allows.

import type { Field, MessageType, ValueType } from '../../services/runtime/contract.ts';
import { below, type Faults } from './faults.ts';
import { readEnum, readWhole, type TypedMessage } from './read-message.ts';
import { parseTimestamp } from './timestamp.ts';

/** Path parts are as long as the router lets them be, and never empty. */
export function readPath(
  type: MessageType,
  parts: Readonly<Record<string, string>>,
  message: TypedMessage,
  faults: Faults,
): void {
  for (const [name, text] of Object.entries(parts)) {
    const field = type.fields.get(name);
    if (field !== undefined) message[name] = readText(field.value, text, name, faults);
  }
}

/** @param query the text after the `?`, still encoded @param fields the allowed fields, by name */
export function readQuery(
  fields: ReadonlyMap<string, Field>,
  query: string,
  message: TypedMessage,
  faults: Faults,
): void {
  // asking URLSearchParams for each name would take a tenth of a second for a URL full of names
  const parameters = Map.groupBy(new URLSearchParams(query), ([name]) => name);
  for (const [name, pairs] of parameters) {
    const path = below('', name);
    const values = pairs.map(([, value]) => value);
    const field = fields.get(name);
    if (field === undefined || !canBeText(field)) faults.addUnknown('parameter', '', name, namesIn(fields));
    else if (field.shape === 'list')
      message[name] = values.map((text, i) => readText(field.value, text, `${path}[${i}]`, faults));
    else if (values.length > 1) faults.add(path, 'repeated', 'This parameter may be given only once.');
    else message[name] = readText(field.value, values[0] ?? '', path, faults);
  }
}

/** Whether a field can be said in a query at all. */
export const canBeText = ({ shape, value }: Field): boolean =>
  shape !== 'map' &&
  value.kind !== 'bytes' &&
  (value.kind !== 'message' || value.type.name === 'google.protobuf.Timestamp');

const namesIn = (fields: ReadonlyMap<string, Field>): string[] =>
  [...fields].flatMap(([name, field]) => (canBeText(field) ? [name] : []));

/** As JSON writes it, without an exponent. */
const NUMBER = /^-?(?:0|[1-9]\d{0,16})(?:\.\d{1,17})?$/;

function readText(type: ValueType, text: string, path: string, faults: Faults): unknown {
  switch (type.kind) {
    case 'string':
      return text;
    case 'bool':
      return text === 'true' || text === 'false'
        ? text === 'true'
        : faults.add(path, 'wrong_type', 'This must be true or false.');
    case 'enum':
      return readEnum(type.type, text, { path, faults });
    case 'message':
      return (
        parseTimestamp(text) ??
        faults.add(
          path,
          'invalid_time',
          'This must be a time in the form of RFC 3339, for example 2026-04-19T14:30:00Z.',
        )
      );
    case 'bytes':
      return faults.add(path, 'wrong_type', 'This field cannot be set in a URL.');
    default: {
      if (!NUMBER.test(text)) return faults.add(path, 'wrong_type', 'This must be a number.');
      const isWhole = type.kind !== 'float' && type.kind !== 'double';
      return isWhole ? readWhole(type.kind, Number(text), { path, faults }) : Number(text);
    }
  }
}
