// The faults of a Sender or Template. Reasons are API: the operator writes them into conditions,
// the folder into the log, and docs/operator.md lists them.

export type FaultReason =
  // condition Accepted
  | 'InvalidSpec'
  | 'DomainConflict'
  | 'IdentifierConflict'
  | 'NamespaceNotAllowed'
  // condition ReferencesResolved
  | 'SecretNotFound'
  | 'SecretKeyMissing'
  | 'InvalidKey'
  | 'ConfigMapNotFound'
  | 'SenderNotFound'
  | 'LayoutNotFound'
  | 'LayoutCycle'
  // condition Compiled
  | 'SyntaxError'
  | 'RenderFailed'
  | 'SchemaMismatch'
  | 'TooLarge';

export type FaultPath = readonly (string | number)[];

/**
 * One fault of one object. The message is a sentence's end ("must be …") and never holds a secret.
 */
export interface ObjectFault {
  readonly reason: FaultReason;
  readonly path: FaultPath;
  readonly message: string;
  /** True when the field refers to an object that is not among those that were compiled. */
  readonly isElsewhere?: true;
}

/** A fault and where to look for it. */
export interface Fault {
  readonly file: string;
  /** Line of the field in the file where it is known, else of the object, from 1. */
  readonly line: number;
  /** Of the same, from 1. */
  readonly column: number;
  readonly kind: string;
  readonly namespace: string;
  readonly name: string;
  readonly reason: FaultReason;
  /** For example `spec.routes[0].smtp.tls`; empty for the whole object. */
  readonly path: string;
  readonly message: string;
  /** As in `ObjectFault`. */
  readonly isElsewhere?: true;
}

export function showPath(path: FaultPath): string {
  return path.reduce<string>(
    (shown, part) => (typeof part === 'number' ? `${shown}[${part}]` : shown ? `${shown}.${part}` : part),
    '',
  );
}

/** Tells a compiled value, which is never a list, from the faults that kept it from being one. */
export function isFaults<Value>(result: Value | readonly ObjectFault[]): result is readonly ObjectFault[] {
  return Array.isArray(result);
}
