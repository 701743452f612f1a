// Checks the rules that the contract gives the fields of its requests (required, ranges, lengths,
// counts, patterns), for every rpc and for REST and gRPC alike. The handler of an rpc checks the
// meaning of a field. The rules are a plain table, made once from the proto.

import type { FieldError } from '../failure.ts';
import { acceptLimits } from '../limits/accept.ts';
import { isLongerThan } from '../text-length.ts';

/**
 * The option `(packetboat.v1.field)` of one field; `proto/packetboat/v1/field.proto` documents
 * each rule.
 */
export interface FieldRules {
  readonly required?: boolean;
  readonly min?: number;
  readonly max?: number;
  /** Unicode code points, as JSON Schema counts. */
  readonly maxLength?: number;
  readonly maxItems?: number;
  readonly maxProperties?: number;
  readonly pattern?: string;
  readonly message?: string;
  readonly values?: readonly string[];
  readonly each?: FieldRules;
  readonly names?: FieldRules;
  readonly code?: string;
}

/** Rules of one value, with the pattern compiled. */
export interface ValueRules extends FieldRules {
  readonly regExp?: RegExp;
}

/** A field that is validated. */
export interface JudgedField {
  readonly name: string;
  readonly shape: 'one' | 'list' | 'map';
  /**
   * The kind of the field, of each item, or of each value. The handler parses a `whole` value.
   */
  readonly kind: 'text' | 'bytes' | 'number' | 'enum' | 'time' | 'message' | 'whole';
  /** Whether an empty text differs from an absent one. */
  readonly hasPresence: boolean;
  readonly rules: ValueRules;
  /** Rules of each item or value; for a single value, the rules of the field. */
  readonly each: ValueRules;
  readonly names: ValueRules | null;
  /** The fields of a `message`. */
  readonly fields: readonly JudgedField[];
}

type Message = Readonly<Record<string, unknown>>;
const NOTHING: ReadonlySet<string> = new Set();

/**
 * Returns all faults of a request, which must have the type that `fields` was made from. In a list
 * or map with too many entries, only the allowed number of entries is checked.
 * @param elsewhere paths of fields whose content was uploaded before the request
 */
export function judgeFields(
  fields: readonly JudgedField[],
  request: object,
  elsewhere: ReadonlySet<string> = NOTHING,
): FieldError[] {
  const faults: FieldError[] = [];
  judgeMessage({ elsewhere, faults }, fields, request as Message, '');
  return faults;
}

/**
 * Merges the faults of the rules with those of a handler, without duplicates. The handler's fault
 * wins where both found the same fault, because its message is more exact, and where it is about
 * one item and the rule's about the whole list. A missing field has no other fault.
 */
export function mergeFaults(
  ofRules: readonly FieldError[],
  ofHandler: readonly FieldError[],
): readonly FieldError[] {
  if (ofRules.length === 0) return ofHandler;
  const isMissing = ({ field }: FieldError): boolean =>
    ofRules.some((o) => o.field === field && o.code === 'missing');
  const kept = ofHandler.filter((fault) => !isMissing(fault));
  const isFound = ({ field, code }: FieldError): boolean =>
    kept.some((h) => h.code === code && (h.field === field || h.field.startsWith(`${field}[`)));
  return [...ofRules.filter((fault) => !isFound(fault)), ...kept];
}

interface Judging {
  readonly elsewhere: ReadonlySet<string>;
  readonly faults: FieldError[];
}

function judgeMessage(
  judging: Judging,
  fields: readonly JudgedField[],
  message: Message,
  prefix: string,
): void {
  for (const field of fields) {
    const value = message[field.name];
    if (field.shape === 'one') judgeOne(judging, field, value, prefix);
    else if (field.shape === 'list') judgeList(judging, field, value as readonly unknown[], prefix);
    else judgeMap(judging, field, value as Message, prefix);
  }
}

function judgeOne(judging: Judging, field: JudgedField, value: unknown, prefix: string): void {
  const { name, kind, rules } = field;
  if (isAbsent(field, value)) {
    if (rules.required === true && !judging.elsewhere.has(prefix + name))
      add(judging, prefix + name, MISSING);
  } else if (kind === 'message') judgeMessage(judging, field.fields, value as Message, `${prefix}${name}.`);
  else add(judging, prefix + name, faultOf(kind, rules, value));
}

function isAbsent({ kind, hasPresence, rules }: JudgedField, value: unknown): boolean {
  if (value === undefined) return true;
  if (kind === 'text') return value === '' && (!hasPresence || rules.required === true);
  return kind === 'bytes' && !hasPresence && (value as Uint8Array).length === 0;
}

function judgeList(judging: Judging, field: JudgedField, items: readonly unknown[], prefix: string): void {
  const { name, kind, rules } = field;
  const most = rules.maxItems ?? items.length;
  if (items.length > most)
    add(judging, prefix + name, told(rules, 'too_many', `At most ${most} items are allowed.`));
  if (rules.required === true && items.length === 0) add(judging, prefix + name, MISSING);
  if (kind === 'whole') return;
  for (let i = 0; i < items.length && i < most; i++) {
    const path = `${prefix}${name}[${i}]`;
    if (kind === 'message') judgeMessage(judging, field.fields, items[i] as Message, `${path}.`);
    else add(judging, path, faultOf(kind, field.each, items[i]));
  }
}

function judgeMap(
  judging: Judging,
  { name, kind, rules, names, each }: JudgedField,
  map: Message,
  prefix: string,
): void {
  const keys = Object.keys(map);
  const most = rules.maxProperties ?? keys.length;
  if (keys.length > most)
    add(judging, prefix + name, told(rules, 'too_many', `At most ${most} entries are allowed.`));
  for (const key of keys.slice(0, most)) {
    const ofName = names === null ? null : faultOf('text', names, key);
    // an invalid name must not become part of a path
    if (ofName === null) add(judging, `${prefix}${name}.${key}`, faultOf(kind, each, map[key]));
    else add(judging, prefix + name, ofName);
  }
}

type Told = Pick<FieldError, 'code' | 'message'>;
const MISSING: Told = { code: 'missing', message: 'This field is required.' };
const told = ({ code }: ValueRules, usualCode: string, message: string): Told => ({
  code: code ?? usualCode,
  message,
});

function faultOf(kind: JudgedField['kind'], rules: ValueRules, value: unknown): Told | null {
  switch (kind) {
    case 'text':
      return faultOfText(rules, value as string);
    case 'number':
      return faultOfNumber(rules, value as number);
    case 'enum':
      // ts-proto's value for a number that this release has no name for
      return value === 'UNRECOGNIZED'
        ? told(rules, 'invalid_value', 'This release does not know this value.')
        : null;
    case 'time':
      return isTime(value as Time)
        ? null
        : told(rules, 'out_of_range', 'A time must be in the years 1 to 9999.');
    default:
      return null;
  }
}

function faultOfText(rules: ValueRules, text: string): Told | null {
  const { maxLength, regExp, values, message = 'The text does not have the required form.' } = rules;
  if (maxLength !== undefined && isLongerThan(text, maxLength))
    return told(rules, 'too_long', `At most ${maxLength} characters are allowed.`);
  if (regExp !== undefined && !regExp.test(text)) return told(rules, 'invalid_format', message);
  return values === undefined || values.includes(text)
    ? null
    : told(rules, 'invalid_value', `This must be one of ${values.join(', ')}.`);
}

function faultOfNumber(rules: ValueRules, value: number): Told | null {
  const { min = -Infinity, max = Infinity } = rules;
  if (value >= min && value <= max) return null;
  const range =
    max === Infinity ? `at least ${min}` : min === -Infinity ? `at most ${max}` : `from ${min} to ${max}`;
  return told(rules, 'out_of_range', `This must be ${range}.`);
}

interface Time {
  readonly seconds: number;
  readonly nanos: number;
}

/** Like google.protobuf.Timestamp. */
const isTime = ({ seconds, nanos }: Time): boolean =>
  seconds >= acceptLimits.timeSecondsMin &&
  seconds <= acceptLimits.timeSecondsMax &&
  nanos >= 0 &&
  nanos < 1_000_000_000;

/** All names of a map share its path, so one fault covers them. */
function add({ faults }: Judging, field: string, fault: Told | null): void {
  if (fault !== null && !faults.some((f) => f.field === field && f.code === fault.code))
    faults.push({ field, ...fault });
}
