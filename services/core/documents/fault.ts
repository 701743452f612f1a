// Faults of Senders and Templates. Their reasons are API: the operator writes them into conditions,
// the folder's reader into the log, and docs/operator.md lists them.

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
 * One fault of one object. The message continues the path of the field ("must be …") and never
 * contains a secret.
 */
export interface ObjectFault {
  readonly reason: FaultReason;
  readonly path: FaultPath;
  readonly message: string;
  /** True when the field refers to an object that is not among those that were compiled. */
  readonly isElsewhere?: true;
}

/** A fault with its position. */
export interface Fault {
  readonly file: string;
  /** Line of the field if the field exists, otherwise of the object; from 1. */
  readonly line: number;
  /** Column, from 1. */
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

/** Distinguishes faults from a compiled value, which is never a list. */
export function isFaults<Value>(result: Value | readonly ObjectFault[]): result is readonly ObjectFault[] {
  return Array.isArray(result);
}
