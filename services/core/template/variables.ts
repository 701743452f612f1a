// The `variables` of a template: a JSON Schema of the caller's data, checked by ajv. Only a subset
// of JSON Schema is accepted, because a tenant writes the schema: ajv ran 17 s for a `pattern` such
// as `^(a+)+$`, `uniqueItems` compares all pairs, and `$ref` reads other schemas.

import { Ajv, type ErrorObject, type ValidateFunction } from 'ajv';
import type { FieldError } from '../failure.ts';
import { templateLimits } from '../limits/template.ts';
import { fitOf, hasItsDigits, isInteger } from '../number-text.ts';

export type Schema = Readonly<Record<string, unknown>>;
type Data = Readonly<Record<string, unknown>>;

/** A fault of a schema. `path` is relative to the schema: `['properties', 'number', 'pattern']`. */
interface SchemaFault {
  readonly path: readonly string[];
  readonly message: string;
}

/** A template's schema, compiled. */
export interface Variables {
  /**
   * The faults of the data, at most `variableFaultsMax`, with paths such as
   * `template_data.items[0].name` and without the values.
   */
  check(data: Data): readonly FieldError[];
}

/** The text that replaces a secret. */
export const MASK = '***';

const isText = (value: unknown): boolean => typeof value === 'string';
const isFlag = (value: unknown): boolean => typeof value === 'boolean';
const isNumber = (value: unknown): boolean => typeof value === 'number' && Number.isFinite(value);
const isCount = (value: unknown): boolean => Number.isSafeInteger(value) && Number(value) >= 0;
const isScalar = (value: unknown): boolean =>
  value === null || isText(value) || isFlag(value) || (typeof value === 'number' && hasItsDigits(value));
const isListOf = (test: (value: unknown) => boolean) => (value: unknown) =>
  Array.isArray(value) && value.length > 0 && value.every(test);
const types = new Set<unknown>(['string', 'number', 'integer', 'boolean', 'object', 'array', 'null']);
const isType = (value: unknown): boolean =>
  types.has(value) ||
  (isListOf((one) => types.has(one))(value) && new Set(value as []).size === (value as []).length);

/**
 * The keywords, each with a test of its value and the message for other values. `schemaFaults`
 * visits the schemas inside.
 */
const keywords: Readonly<Record<string, readonly [test: (value: unknown) => boolean, must: string]>> = {
  type: [isType, 'must be a JSON type, or a list of different ones'],
  properties: [isObject, 'must be an object of schemas'],
  required: [(value) => Array.isArray(value) && value.every(isText), 'must be a list of names'],
  items: [isObject, 'must be a schema'],
  additionalProperties: [(value) => isFlag(value) || isObject(value), 'must be true, false or a schema'],
  enum: [isListOf(isScalar), 'must be a list of texts, numbers up to 2^53 - 1, true, false or null'],
  const: [isScalar, 'must be a text, a number up to 2^53 - 1, true, false or null'],
  minimum: [isNumber, 'must be a number'],
  maximum: [isNumber, 'must be a number'],
  exclusiveMinimum: [isNumber, 'must be a number'],
  exclusiveMaximum: [isNumber, 'must be a number'],
  minLength: [isCount, 'must be a whole number'],
  maxLength: [isCount, 'must be a whole number'],
  minItems: [isCount, 'must be a whole number'],
  maxItems: [isCount, 'must be a whole number'],
  minProperties: [isCount, 'must be a whole number'],
  maxProperties: [isCount, 'must be a whole number'],
  title: [isText, 'must be a text'],
  description: [isText, 'must be a text'],
  writeOnly: [isFlag, 'must be true or false'],
};

/** The faults of a schema. `compileVariables` accepts only a schema without faults. */
export function schemaFaults(schema: unknown): readonly SchemaFault[] {
  const faults: SchemaFault[] = [];
  let nodes = 0;
  const walk = (node: unknown, path: readonly string[]): void => {
    const add = (message: string, ...more: string[]): void => {
      faults.push({ path: [...path, ...more], message });
    };
    nodes += 1;
    if (nodes > templateLimits.variablesNodesMax) return;
    if (!isObject(node) || path.length > 2 * templateLimits.variablesDepthMax) {
      add(isObject(node) ? 'is nested too deep' : 'must be a schema');
      return;
    }
    for (const [keyword, value] of Object.entries(node)) {
      const known = Object.hasOwn(keywords, keyword) ? keywords[keyword] : undefined;
      if (!known) add(`is not one of ${Object.keys(keywords).join(', ')}`, keyword);
      else if (!known[0](value)) add(known[1], keyword);
      else if (keyword === 'properties')
        for (const [name, child] of Object.entries(value as Schema)) walk(child, [...path, keyword, name]);
      else if (isObject(value)) walk(value, [...path, keyword]);
      else if (Array.isArray(value)) nodes += value.length;
    }
  };
  walk(schema, []);
  if (isObject(schema) && schema.type !== 'object')
    faults.push({ path: ['type'], message: 'must be "object": template data is one' });
  if (nodes > templateLimits.variablesNodesMax)
    faults.push({
      path: [],
      message: `has more than ${templateLimits.variablesNodesMax} subschemas, names and values`,
    });
  return faults;
}

/** Compiles a schema that has no `schemaFaults`. With null, any data is valid. */
export function compileVariables(schema: Schema | null): Variables {
  if (schema === null) return { check: () => [] };
  // Each schema has an Ajv of its own, so that no cache grows. Lengths count UTF-16 units, because
  // counting the code points of 50 MB is slow.
  const ajv = new Ajv({
    strict: true,
    strictTypes: false,
    strictRequired: false,
    allowUnionTypes: true,
    allErrors: true,
    unicode: false,
    meta: false,
    validateSchema: false,
    logger: false,
  });
  const validate: ValidateFunction = ajv.compile(schema);
  return {
    check(data) {
      if (validate(data)) return [];
      const isTypeWrong = validate.errors?.some(({ keyword }) => keyword === 'type') ?? false;
      if (isTypeWrong && validate(withLongNumbers(data, schema))) return [];
      return (validate.errors ?? [])
        .slice(0, templateLimits.variableFaultsMax)
        .map((error) => fieldError(error, data));
    },
  };
}

/**
 * The data as a schema judges it: a text counts as a number where the schema wants a number and the
 * text is a number that a double does not hold. REST keeps such numbers as text, and callers of gRPC
 * send them as text. A shorter number must be a number, because `#if` and `eq` distinguish 0 from
 * `"0"`.
 */
function withLongNumbers(value: unknown, schema: Schema): unknown {
  if (typeof value === 'string') return wantsNumber(schema, value) ? Number(value) : value;
  if (Array.isArray(value)) {
    const { items } = schema;
    return isObject(items) ? value.map((item) => withLongNumbers(item, items)) : value;
  }
  if (!isObject(value)) return value;
  const entries = Object.entries(value).map(([name, part]) => {
    const own = schemaOf(name, schema);
    return [name, isObject(own) ? withLongNumbers(part, own) : part];
  });
  return Object.fromEntries(entries);
}

function wantsNumber({ type }: Schema, text: string): boolean {
  const wanted = [type].flat();
  return (
    !wanted.includes('string') &&
    (wanted.includes('number') || (wanted.includes('integer') && isInteger(text))) &&
    fitOf(text) === 'longer'
  );
}

/** The schema of a field of an object. */
function schemaOf(name: string, { properties, additionalProperties }: Schema): unknown {
  return isObject(properties) && Object.hasOwn(properties, name) ? properties[name] : additionalProperties;
}

/**
 * The data with each value under a `writeOnly` schema replaced by `***`, for what is stored and
 * shown of a message.
 */
export function maskSecrets(data: Data, variables: Schema | null): Data {
  return variables === null ? data : (masked(data, variables) as Data);
}

/** True when some variable is a secret. */
export function hasSecrets(variables: Schema | null): boolean {
  return variables !== null && (variables.writeOnly === true || children(variables).some(hasSecrets));
}

function masked(value: unknown, schema: Schema): unknown {
  if (schema.writeOnly === true) return blanked(value);
  if (Array.isArray(value))
    return isObject(schema.items) ? value.map((item) => masked(item, schema.items as Schema)) : value;
  if (!isObject(value)) return value;
  const entries = Object.entries(value).map(([name, part]) => {
    const own = schemaOf(name, schema);
    return [name, isObject(own) ? masked(part, own) : part];
  });
  return Object.fromEntries(entries);
}

/** Keeps the shape, so that an `#each` over secrets has as many turns. */
function blanked(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(blanked);
  if (isObject(value))
    return Object.fromEntries(Object.entries(value).map(([name, part]) => [name, blanked(part)]));
  return value === undefined || value === null ? value : MASK;
}

function children(schema: Schema): readonly Schema[] {
  const properties = isObject(schema.properties) ? Object.values(schema.properties) : [];
  return [...properties, schema.items, schema.additionalProperties].filter(isObject);
}

function fieldError(error: ErrorObject, data: Data): FieldError {
  const { missingProperty, additionalProperty } = error.params as {
    missingProperty?: string;
    additionalProperty?: string;
  };
  const where = fieldPath(error.instancePath, data);
  if (missingProperty !== undefined) {
    return {
      field: `${where}.${missingProperty}`,
      code: 'missing_variable',
      message: 'The template needs this variable.',
    };
  }
  if (additionalProperty !== undefined) {
    return {
      field: `${where}.${printableName(additionalProperty)}`,
      code: 'unknown_variable',
      message: 'The template has no such variable.',
    };
  }
  return { field: where, code: 'invalid_variable', message: `The variable ${wantedOf(error)}.` };
}

/** What the template declares, in plain words. */
function wantedOf({ keyword, params }: ErrorObject): string {
  const { type, limit, allowedValue, allowedValues, comparison } = params as Readonly<
    Record<string, unknown>
  >;
  const bound = (what: string, ...[one, many]: readonly [string, string]): string =>
    `must have at ${what} ${limit} ${limit === 1 ? one : many}`;
  switch (keyword) {
    case 'type':
      return `must be of type ${[type].flat().join(' or ')}`;
    case 'enum':
      return `must be one of ${listed(allowedValues)}`;
    case 'const':
      return `must be ${JSON.stringify(allowedValue)}`;
    case 'minLength':
      return bound('least', 'character', 'characters');
    case 'maxLength':
      return bound('most', 'character', 'characters');
    case 'minItems':
      return bound('least', 'entry', 'entries');
    case 'maxItems':
      return bound('most', 'entry', 'entries');
    case 'minProperties':
      return bound('least', 'field', 'fields');
    case 'maxProperties':
      return bound('most', 'field', 'fields');
    case 'minimum':
    case 'maximum':
    case 'exclusiveMinimum':
    case 'exclusiveMaximum':
      return `must be ${boundWords[String(comparison)] ?? 'other than'} ${limit}`;
    default:
      return 'does not match the declaration in the template';
  }
}

function listed(values: unknown): string {
  const text = JSON.stringify(values).slice(1, -1).replaceAll(',', ', ');
  return text.length <= 200 ? text : 'the values that the template allows';
}

const boundWords: Readonly<Record<string, string>> = {
  '>=': 'at least',
  '<=': 'at most',
  '>': 'greater than',
  '<': 'less than',
};

/** Converts a JSON pointer to a path: `/items/0/name` → `template_data.items[0].name`. */
function fieldPath(pointer: string, data: Data): string {
  let path = 'template_data';
  let current: unknown = data;
  for (const segment of pointer.split('/').slice(1)) {
    const name = segment.replaceAll('~1', '/').replaceAll('~0', '~');
    path += Array.isArray(current) ? `[${name}]` : `.${printableName(name)}`;
    current =
      typeof current === 'object' && current !== null && Object.hasOwn(current, name)
        ? (current as Data)[name]
        : undefined;
  }
  return path;
}

/**
 * A name from the caller may be personal data too, such as an address as a key. Only a name that
 * looks like an identifier is shown.
 */
function printableName(name: string): string {
  return /^[\w-]{1,64}$/.test(name) ? name : '*';
}

function isObject(value: unknown): value is Schema {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
