// Reads the objects that people write: Sender and Template, and the Secrets and ConfigMaps that
// they refer to. Reading is strict, because ignoring a misspelt field would send wrong
// mail: an unknown field is refused with its path, and so is a field that does not work yet
// (tracking, direct routes).

import type { z } from 'zod';
import type { ObjectFault } from '../documents/fault.ts';
import { readStrictly } from '../documents/schema-faults.ts';
import { identify } from './identity.ts';
import { configMapObject, secretObject } from './referenced-objects.ts';
import { senderObject } from './sender-schema.ts';
import { templateObject } from './template-schema.ts';

const kinds = {
  Sender: senderObject,
  Template: templateObject,
  Secret: secretObject,
  ConfigMap: configMapObject,
};

export type CatalogObject = z.infer<(typeof kinds)[keyof typeof kinds]>;

/** Reads one object and fills in defaults; or returns every fault with its path. */
export function readObject(value: unknown): CatalogObject | readonly ObjectFault[] {
  const { kind } = identify(value);
  const schema = Object.hasOwn(kinds, kind) ? kinds[kind as keyof typeof kinds] : undefined;
  if (!schema)
    return [
      { reason: 'InvalidSpec', path: ['kind'], message: `must be one of ${Object.keys(kinds).join(', ')}` },
    ];
  const read = readStrictly(schema, value);
  return 'faults' in read
    ? read.faults.map(({ path, message }) => ({ reason: 'InvalidSpec', path, message }))
    : read.data;
}
