// The interface to the API server. Each call ends within its timeout or fails with a Failure, whose
// kind tells the caller how to react. The client retries in one case only: after a 401 it reads its
// credential again, because the credential may just have been replaced.

import type { KubernetesObject, ObjectKey, Resource } from './resource.ts';

/**
 * Fails with `unavailable` (no answer, or 5xx), `rate_limited` (with `retryAfterMs` where the
 * server said so), `unauthenticated`, `forbidden`.
 */
export interface KubernetesClient extends AsyncDisposable {
  /** Fails with `not_found`. */
  get<T extends KubernetesObject>(resource: Resource<T>, key: ObjectKey, options?: CallOptions): Promise<T>;

  /** All objects, read in pages of one snapshot. */
  list<T extends KubernetesObject>(resource: Resource<T>, options?: ListOptions): Promise<List<T>>;

  /**
   * Changes after `resourceVersion`, until the server ends the watch, at the latest after
   * `timeoutSeconds`. Fails with code `expired` when the server no longer has that version (list
   * again), and with `unavailable` after `idleMs` of silence, for example on a half-open
   * connection.
   */
  watch<T extends KubernetesObject>(
    resource: Resource<T>,
    options: WatchOptions,
  ): AsyncIterable<WatchEvent<T>>;

  /**
   * Fails with `conflict` when an object of that name exists, and with `invalid` and the server's
   * field errors.
   */
  create<T extends KubernetesObject>(resource: Resource<T>, object: T, options?: CallOptions): Promise<T>;

  /**
   * Replaces the whole object. Fails with `conflict` unless `metadata.resourceVersion` is the
   * stored one; with `invalid`, `not_found`.
   */
  update<T extends KubernetesObject>(resource: Resource<T>, object: T, options?: CallOptions): Promise<T>;

  /**
   * Fails with `not_found`, and with `conflict` unless `uid` and `resourceVersion` match the
   * object.
   */
  delete<T extends KubernetesObject>(
    resource: Resource<T>,
    key: ObjectKey & Precondition,
    options?: CallOptions,
  ): Promise<void>;

  /**
   * Server-side apply of the status: removes fields that an earlier call of this field manager set
   * and this call does not. Fails with `not_found`, `invalid`, and with `conflict` when `uid`
   * belongs to an earlier object of the same name.
   */
  applyStatus<T extends KubernetesObject>(
    resource: Resource<T>,
    key: ObjectKey & Pick<Precondition, 'uid'>,
    status: object,
    options?: ApplyOptions,
  ): Promise<T>;

  /** Merge patch: changes these fields and nothing else. Fails with `not_found`, `invalid`. */
  patch<T extends KubernetesObject>(
    resource: Resource<T>,
    key: ObjectKey,
    patch: Partial<Omit<T, 'metadata'>>,
    options?: CallOptions,
  ): Promise<T>;

  /**
   * Changes these metadata and nothing else. Fails with `not_found`, and with `conflict` when the
   * object has another `resourceVersion`.
   */
  patchMetadata<T extends KubernetesObject>(
    resource: Resource<T>,
    key: ObjectKey & { readonly resourceVersion: string },
    patch: MetadataPatch,
    options?: CallOptions,
  ): Promise<T>;
}

export interface CallOptions {
  /** Cancels the call. */
  readonly signal?: AbortSignal;
}

export interface ApplyOptions extends CallOptions {
  /** Field manager; default: that of the client. */
  readonly fieldManager?: string;
}

export interface ListOptions extends CallOptions {
  /** Absent: all namespaces. */
  readonly namespace?: string;
  readonly labelSelector?: string;
  readonly fieldSelector?: string;
  /** Stops after this many objects; absent: all. */
  readonly limit?: number;
}

export interface List<T> {
  readonly items: readonly T[];
  /** Version to watch from. */
  readonly resourceVersion: string;
}

export interface WatchOptions extends ListOptions {
  readonly resourceVersion: string;
  /** The server ends the watch after this time. */
  readonly timeoutSeconds: number;
  /**
   * The server sends a bookmark about once a minute, so longer silence means that the connection is
   * dead.
   */
  readonly idleMs?: number;
}

export type WatchEvent<T> =
  | { readonly type: 'added' | 'modified' | 'deleted'; readonly object: T }
  /** All changes up to this version have been sent. */
  | { readonly type: 'bookmark'; readonly resourceVersion: string };

export interface Precondition {
  readonly uid?: string;
  readonly resourceVersion?: string;
}

export interface MetadataPatch {
  /** Others stay. */
  readonly labels?: Readonly<Record<string, string>>;
  /** null removes an annotation; others stay. */
  readonly annotations?: Readonly<Record<string, string | null>>;
}

/** One response, or a call without one (`code` null), for metrics. */
export interface AnsweredRequest {
  readonly verb: string;
  /** HTTP's status code. */
  readonly code: number | null;
}
