// The JSON Schema of one field: that of its value, with what the contract asks of the field and
// with the ways in which JSON may leave the field out. A schema never forbids what is accepted, and
// what the schema forbids is refused: by the reader (types, 400) or by ingest (rules, 422).

import type { Field } from '../../services/runtime/contract.ts';

/** JSON Schema 2020-12, as far as it is used here. */
export type OpenApiSchema = Readonly<Record<string, unknown>>;

/** Where a field stands: in a request's body, in its path or query, or in an answer. */
export type SchemaPlace = 'body' | 'url' | 'response';

/**
 * `value`: the schema of the field's type; of each item or value when the field is a list or a map.
 */
export function fieldSchema(field: Field, value: OpenApiSchema, place: SchemaPlace): OpenApiSchema {
  const schema = shaped(field, value, place);
  return place === 'body' && field.rules.required !== true ? nullable(schema) : schema;
}

/**
 * Whether the field is always there. What has no presence in proto is always written, and need not
 * be given.
 */
export const isRequiredField = ({ rules, hasPresence }: Field, place: SchemaPlace): boolean =>
  rules.required === true || (place === 'response' && !hasPresence);

function shaped(field: Field, value: OpenApiSchema, place: SchemaPlace): OpenApiSchema {
  const { shape, rules } = field;
  switch (shape) {
    case 'list':
      return {
        type: 'array',
        items: withRules(value, rules.each ?? {}),
        ...(rules.required === true && place !== 'response' ? { minItems: 1 } : {}),
        ...(rules.maxItems === undefined ? {} : { maxItems: rules.maxItems }),
      };
    case 'map':
      return {
        type: 'object',
        ...(place === 'response'
          ? {}
          : { propertyNames: { ...withRules({}, rules.names ?? {}), ...ALLOWED_NAME } }),
        additionalProperties: withRules(value, rules.each ?? {}),
        ...(rules.maxProperties === undefined ? {} : { maxProperties: rules.maxProperties }),
      };
    case 'one':
      return withRules(value, ofAbsence(field, place));
  }
}

/**
 * What JSON objects of free form must not have as a name: other people's code takes these for
 * something else.
 */
export const ALLOWED_NAME: OpenApiSchema = { not: { enum: ['__proto__', 'constructor', 'prototype'] } };

type FieldRules = Field['rules'];
type RulesAndLeast = FieldRules & { readonly minLength?: number };

/**
 * A required text or bytes must not be empty; any other text without presence may be, which means
 * the same as leaving it out.
 */
function ofAbsence({ value, hasPresence, rules }: Field, place: SchemaPlace): RulesAndLeast {
  if (place === 'response') return rules;
  if (rules.required === true) {
    if (value.kind === 'string') return { ...rules, minLength: 1 };
    return value.kind === 'bytes' ? { ...rules, minLength: BASE64_QUAD } : rules;
  }
  if (hasPresence || value.kind !== 'string') return rules;
  return {
    ...rules,
    ...(rules.pattern === undefined ? {} : { pattern: `^$|${rules.pattern}` }),
    ...(rules.values === undefined ? {} : { values: [...rules.values, ''] }),
  };
}

/** The base64 of one byte. */
const BASE64_QUAD = 4;

function withRules(
  value: OpenApiSchema,
  { min, max, minLength, maxLength, pattern, values }: RulesAndLeast,
): OpenApiSchema {
  return {
    ...value,
    ...(min === undefined ? {} : { minimum: min }),
    ...(max === undefined ? {} : { maximum: max }),
    ...(minLength === undefined ? {} : { minLength }),
    ...(maxLength === undefined ? {} : { maxLength }),
    ...(pattern === undefined ? {} : { pattern }),
    ...(values === undefined ? {} : { enum: values }),
  };
}

const NULL: OpenApiSchema = { type: 'null' };

/**
 * `null` leaves a field out, as proto3 JSON has it. It stands beside an enum, not in it: generators
 * make a word of each member.
 */
function nullable(schema: OpenApiSchema): OpenApiSchema {
  if (Array.isArray(schema.oneOf)) return { ...schema, oneOf: [...schema.oneOf, NULL] };
  return typeof schema.type === 'string' && schema.enum === undefined
    ? { ...schema, type: [schema.type, 'null'] }
    : { anyOf: [schema, NULL] };
}
