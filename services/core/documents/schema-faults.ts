// Describes the faults of a value in our own words, whatever the schema library says. A sentence
// continues the path of its field ("spec.from: is required"). It never repeats the value, which may
// be a secret.

import type { z } from 'zod';
import { documentsLimits } from '../limits/documents.ts';
import type { FaultPath } from './fault.ts';
import { nearest } from './nearest.ts';

interface ValueFault {
  readonly path: FaultPath;
  readonly message: string;
}

type Issue = z.core.$ZodRawIssue;

/**
 * Parses a value with a schema. Each fault has its path, and each unknown field is a fault of its
 * own.
 */
export function readStrictly<Schema extends z.ZodType>(
  schema: Schema,
  value: unknown,
): { readonly data: z.output<Schema> } | { readonly faults: readonly ValueFault[] } {
  const known = new Map<string, readonly string[]>();
  const error = (issue: Issue): string => {
    if (issue.code === 'unrecognized_keys') known.set(pathKey(issue.path), fieldsOf(issue.inst));
    return sentenceOf(issue);
  };
  const result = schema.safeParse(value, { error });
  if (result.success) return { data: result.data };
  const faults = result.error.issues.flatMap((issue): readonly ValueFault[] => {
    const path = issue.path.map((part) => (typeof part === 'number' ? part : String(part)));
    if (issue.code !== 'unrecognized_keys') return [{ path, message: issue.message }];
    const fields = known.get(pathKey(issue.path)) ?? [];
    return issue.keys.map((key) => ({ path: [...path, shortened(key)], message: unknownField(key, fields) }));
  });
  return { faults };
}

/**
 * The sentence for an issue of the schema library. A message that the schema itself sets takes
 * precedence.
 */
export function sentenceOf(issue: Issue): string {
  if (issue.input === undefined && (issue.code === 'invalid_type' || issue.code === 'invalid_value'))
    return 'is required';
  switch (issue.code) {
    case 'invalid_type':
      return `must be ${typeWords[issue.expected] ?? issue.expected}`;
    case 'invalid_value':
      return issue.values.length === 1
        ? `must be ${String(issue.values[0])}`
        : `must be one of ${issue.values.map(String).join(', ')}`;
    case 'too_small':
      return `must ${boundOf(issue.origin, 'least', issue.minimum, issue.inclusive)}`;
    case 'too_big':
      return `must ${boundOf(issue.origin, 'most', issue.maximum, issue.inclusive)}`;
    case 'not_multiple_of':
      return `must be a multiple of ${issue.divisor}`;
    case 'unrecognized_keys':
      return 'has unknown fields';
    case 'invalid_format':
      return 'has the wrong format';
    case 'invalid_key':
      return 'has a field whose name is not allowed';
    case 'invalid_element':
      return 'has an entry that is not allowed';
    case 'invalid_union':
      return 'has none of the allowed forms';
    case 'custom':
      return 'is not allowed';
    default:
      return issue satisfies never;
  }
}

const typeWords: Readonly<Record<string, string>> = {
  string: 'a string',
  number: 'a number',
  int: 'a whole number',
  boolean: 'true or false',
  array: 'a list',
  object: 'an object',
  record: 'an object',
  null: 'null',
  undefined: 'absent',
  nan: 'not a number',
};

/** The units of sizes, by type. A type that is missing here is a number. */
const sizeWords: Readonly<Record<string, readonly [one: string, many: string]>> = {
  string: ['character', 'characters'],
  array: ['entry', 'entries'],
  set: ['entry', 'entries'],
  map: ['entry', 'entries'],
  object: ['field', 'fields'],
  record: ['field', 'fields'],
};

function boundOf(origin: string, side: 'least' | 'most', bound: number | bigint, isInclusive = true): string {
  const words = sizeWords[origin];
  if (words === undefined)
    return isInclusive
      ? `be at ${side} ${bound}`
      : `be ${side === 'least' ? 'greater' : 'less'} than ${bound}`;
  if (side === 'least' && Number(bound) === 1) return 'not be empty';
  return `have at ${side} ${bound} ${Number(bound) === 1 ? words[0] : words[1]}`;
}

function unknownField(key: string, fields: readonly string[]): string {
  const meant = nearest(key, fields);
  return meant === null ? 'unknown field' : `unknown field; did you mean \`${meant}\`?`;
}

const shortened = (key: string): string =>
  key.length <= documentsLimits.unknownFieldCharsShown
    ? key
    : `${key.slice(0, documentsLimits.unknownFieldCharsShown)}…`;

const pathKey = (path: readonly PropertyKey[] | undefined): string =>
  JSON.stringify((path ?? []).map(String));

function fieldsOf(schema: unknown): readonly string[] {
  const { def } = ((schema as { readonly _zod?: { readonly def?: unknown } } | undefined)?._zod ?? {}) as {
    def?: { shape?: object };
  };
  return Object.keys(def?.shape ?? {});
}
