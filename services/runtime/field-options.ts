// Reads the option `(packetboat.v1.field)` of each field from the proto files.

import protobuf from 'protobufjs';
import type { FieldRules } from '../core/accept/field-rules.ts';

const OPTION = /^\((?:packetboat\.v1\.)?field\)$/;

/**
 * Rules by the full name of the field, such as `packetboat.v1.CreateKeyRequest.name`. Fields
 * without rules are absent.
 */
export function readFieldRules(root: protobuf.Root): ReadonlyMap<string, FieldRules> {
  const rules = new Map<string, FieldRules>();
  const visit = (object: protobuf.ReflectionObject): void => {
    if (object instanceof protobuf.Type) {
      for (const field of object.fieldsArray) {
        const parsed = (field.parsedOptions ?? []) as readonly Readonly<Record<string, unknown>>[];
        const given = parsed
          .flatMap((option) => Object.entries(option))
          .find(([name]) => OPTION.test(name))?.[1];
        if (given !== undefined) rules.set(field.fullName.slice(1), rulesOf(given as GivenRules));
      }
    }
    if (object instanceof protobuf.Namespace) object.nestedArray.forEach(visit);
  };
  visit(root);
  return rules;
}

/**
 * The option as protobufjs parses it: with the names of the proto file, and with a list or, if
 * there is one entry, the entry itself.
 */
interface GivenRules {
  readonly required?: boolean;
  readonly min?: number;
  readonly max?: number;
  readonly max_length?: number;
  readonly max_items?: number;
  readonly max_properties?: number;
  readonly pattern?: string;
  readonly message?: string;
  readonly values?: string | readonly string[];
  readonly each?: GivenRules;
  readonly names?: GivenRules;
  readonly code?: string;
}

function rulesOf({
  max_length,
  max_items,
  max_properties,
  values,
  each,
  names,
  ...same
}: GivenRules): FieldRules {
  return {
    ...same,
    ...(max_length === undefined ? {} : { maxLength: max_length }),
    ...(max_items === undefined ? {} : { maxItems: max_items }),
    ...(max_properties === undefined ? {} : { maxProperties: max_properties }),
    ...(values === undefined ? {} : { values: [values].flat() }),
    ...(each === undefined ? {} : { each: rulesOf(each) }),
    ...(names === undefined ? {} : { names: rulesOf(names) }),
  };
}
