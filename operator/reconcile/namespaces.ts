// The namespaces that the operator watches, and what it knows about each: whether all kinds have
// been listed, and why not. A namespace that cannot be used delays no other namespace.

import { Failure } from '../../services/core/failure.ts';

/** The scope of an operator that watches all namespaces. */
export const EVERYWHERE = '*';

/**
 * - NotFound: there is no such namespace, or the CustomResourceDefinitions are not installed.
 * - Forbidden: the operator has no Role in it, or the Role lacks a permission.
 * - NotListed: the API server has not returned its objects yet, for another reason.
 */
export interface UnusableNamespace {
  /** `*`: all namespaces. */
  readonly namespace: string;
  readonly reason: 'NotFound' | 'Forbidden' | 'NotListed';
  readonly error: unknown;
}

interface Scope {
  /** Kinds that have not been listed since the start. */
  readonly missing: Set<string>;
  /** Error of the last list or watch, by kind. */
  readonly errors: Map<string, unknown>;
}

interface NamespacesParts {
  /** Null: all namespaces. */
  readonly names: readonly string[] | null;
  /** The kinds to list in each, by their plural. */
  readonly kinds: readonly string[];
  /** Called when the last kind of a namespace has been listed for the first time. */
  readonly onListed: (namespace: string) => void;
  /** Called when the reason of a namespace changes; null: the namespace is usable. */
  readonly onReason: (namespace: string, unusable: UnusableNamespace | null) => void;
}

export class Namespaces {
  readonly #parts: NamespacesParts;
  readonly #scopes: ReadonlyMap<string, Scope>;
  readonly #reasons = new Map<string, UnusableNamespace['reason']>();
  readonly #decided = Promise.withResolvers<void>();
  #isOverdue = false;

  constructor(parts: NamespacesParts) {
    this.#parts = parts;
    this.#scopes = new Map(
      (parts.names ?? [EVERYWHERE]).map((name) => [
        name,
        { missing: new Set(parts.kinds), errors: new Map() },
      ]),
    );
  }

  /** Resolves when each namespace has been listed or is known to be unusable. */
  get decided(): Promise<void> {
    return this.#decided.promise;
  }

  listed(name: string, kind: string): void {
    const scope = this.#scopes.get(name);
    if (scope === undefined) return;
    scope.errors.delete(kind);
    const isLast = scope.missing.delete(kind) && scope.missing.size === 0;
    this.#notify(name);
    if (isLast) this.#parts.onListed(name);
  }

  failed(name: string, kind: string, error: unknown): void {
    this.#scopes.get(name)?.errors.set(kind, error);
    this.#notify(name);
  }

  /** From now on a namespace that has not been listed counts as unusable, whatever the error. */
  stopWaiting(): void {
    this.#isOverdue = true;
    for (const name of this.#scopes.keys()) this.#notify(name);
  }

  /** Whether all objects of the namespace have been listed since the start. */
  isListed(namespace: string): boolean {
    return this.#scopeOf(namespace)?.missing.size === 0;
  }

  unusable(): readonly UnusableNamespace[] {
    return [...this.#scopes.keys()].flatMap((name) => this.#unusableScope(name) ?? []);
  }

  #scopeOf(namespace: string): Scope | undefined {
    return this.#scopes.get(EVERYWHERE) ?? this.#scopes.get(namespace);
  }

  #unusableScope(namespace: string): UnusableNamespace | null {
    const scope = this.#scopes.get(namespace);
    const errors = [...(scope?.errors.values() ?? [])];
    for (const [kind, reason] of lasting) {
      const error = errors.find((found) => found instanceof Failure && found.kind === kind);
      if (error !== undefined) return { namespace, reason, error };
    }
    if (!this.#isOverdue || scope === undefined || scope.missing.size === 0) return null;
    return { namespace, reason: 'NotListed', error: errors[0] ?? null };
  }

  #notify(name: string): void {
    const unusable = this.#unusableScope(name);
    const before = this.#reasons.get(name);
    if (unusable === null) this.#reasons.delete(name);
    else this.#reasons.set(name, unusable.reason);
    if (before !== unusable?.reason) this.#parts.onReason(name, unusable);
    const isDecided = [...this.#scopes].every(
      ([each, { missing }]) => missing.size === 0 || this.#reasons.has(each),
    );
    if (isDecided) this.#decided.resolve();
  }
}

/** For the log and for Events. */
export function noteOn(
  namespace: string,
  unusable: UnusableNamespace | null,
): { readonly type: 'Normal' | 'Warning'; readonly reason: string; readonly note: string } {
  const which = namespace === EVERYWHERE ? 'all namespaces' : `namespace ${namespace}`;
  if (unusable === null)
    return { type: 'Normal', reason: 'NamespaceUsable', note: `${which}: the objects are reconciled` };
  const { reason, error } = unusable;
  const why = error instanceof Failure ? error.message : 'no response';
  return {
    type: 'Warning',
    reason: 'NamespaceUnusable',
    note: `${which}: the objects are not reconciled: ${reason}: ${why}`,
  };
}

/** Whether a failed list makes its namespace unusable at once. */
export const isLasting = (error: unknown): boolean =>
  error instanceof Failure && lasting.some(([kind]) => kind === error.kind);

/** Errors that a retry soon does not end. A namespace without a Role may also not exist. */
const lasting = [
  ['not_found', 'NotFound'],
  ['forbidden', 'Forbidden'],
] as const;
