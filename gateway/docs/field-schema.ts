// Makes the JSON Schema of one field: the schema of its value, the rules of the contract, and the
// ways in which JSON may leave the field out. A schema forbids no accepted value but one (a single
// address in place of a list, for the sake of generated clients), and every other value that a
// schema forbids is rejected: by the reader (types, 400) or by ingest (rules, 422).

import type { Field } from '../../services/runtime/contract.ts';

/** The part of JSON Schema 2020-12 that the description uses. */
export type OpenApiSchema = Readonly<Record<string, unknown>>;

/** Where a field is: in the body of a request, in its path or query, or in a response. */
export type SchemaPlace = 'body' | 'url' | 'response';

/**
 * `value` is the schema of the field's type; for a list or a map, the schema of each item or value.
 */
export function fieldSchema(field: Field, value: OpenApiSchema, place: SchemaPlace): OpenApiSchema {
  const schema = shaped(field, value, place);
  return place === 'body' && field.rules.required !== true ? nullable(schema) : schema;
}

/**
 * Whether the field is always present. Fields without presence in proto are always written in a
 * response, and are optional in a request.
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
 * Names that free-form JSON objects must not have, because libraries give them a special meaning.
 */
export const ALLOWED_NAME: OpenApiSchema = { not: { enum: ['__proto__', 'constructor', 'prototype'] } };

type FieldRules = Field['rules'];
type RulesAndLeast = FieldRules & { readonly minLength?: number };

/**
 * Required texts, and required bytes without presence, must not be empty. Any other text without presence may be empty, which is
 * the same as leaving the field out.
 */
function ofAbsence({ value, hasPresence, rules }: Field, place: SchemaPlace): RulesAndLeast {
  if (place === 'response') return rules;
  if (rules.required === true) {
    if (value.kind === 'string') return { ...rules, minLength: 1 };
    return value.kind === 'bytes' && !hasPresence ? { ...rules, minLength: BASE64_QUAD } : rules;
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
 * In proto3 JSON, `null` leaves a field out. It is an alternative to an enum and not a member of the
 * enum, because generators make a constant from each member.
 */
function nullable(schema: OpenApiSchema): OpenApiSchema {
  if (Array.isArray(schema.oneOf)) return { ...schema, oneOf: [...schema.oneOf, NULL] };
  return typeof schema.type === 'string' && schema.enum === undefined
    ? { ...schema, type: [schema.type, 'null'] }
    : { anyOf: [schema, NULL] };
}
