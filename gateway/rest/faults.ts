// Collects the faults in the shape of a request, each with its path, up to a limit.

import type { FieldFault } from '../../proto/gen/packetboat/internal/v1/ingest.ts';
import { nearest } from '../../services/core/documents/nearest.ts';
import { acceptLimits } from '../../services/core/limits/accept.ts';
import { doorLimits } from '../../services/core/limits/door.ts';

const { faultNameCharsShown } = doorLimits;

export class Faults {
  readonly list: FieldFault[] = [];

  /** `message` never holds the value. */
  add(field: string, code: string, message: string): undefined {
    if (this.list.length < acceptLimits.fieldFaultsMax) this.list.push({ field, code, message });
    return undefined;
  }

  /**
   * A name that the contract does not have, below `path`. Of the `known` names there, the nearest
   * is suggested.
   */
  addUnknown(what: 'field' | 'parameter', path: string, name: string, known: Iterable<string>): undefined {
    // a body may have a million unknown names, and comparing names is dear
    if (this.list.length >= acceptLimits.fieldFaultsMax) return undefined;
    const meant = nearest(name, known);
    const hint = meant === null ? '.' : `; did you mean ${meant}?`;
    return this.add(below(path, name), `unknown_${what}`, `There is no such ${what}${hint}`);
  }
}

/** The path of a field below another path: `to[2].email`. */
export function below(path: string, key: string): string {
  const name = key.length > faultNameCharsShown ? `${key.slice(0, faultNameCharsShown)}…` : key;
  return path === '' ? name : `${path}.${name}`;
}
