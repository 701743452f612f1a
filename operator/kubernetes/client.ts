// The operator's way to the API server. Each call ends within its time, or fails with a Failure whose kind says what may be done about it; nothing is
// repeated here, but for one thing: a refused credential is read anew, since it may have been replaced a moment ago.

import type { KubernetesObject, ObjectKey, Resource } from './resource.ts';

/** Fails with `unavailable` (no answer, or 5xx), `rate_limited` (with `retryAfterMs` where the server said so), `unauthenticated`, `forbidden`. */
export interface KubernetesClient extends AsyncDisposable {
  /** Fails with `not_found`. */
  get<T extends KubernetesObject>(resource: Resource<T>, key: ObjectKey, options?: CallOptions): Promise<T>;

  /** All of them, in pages, as they were at one time. */
  list<T extends KubernetesObject>(resource: Resource<T>, options?: ListOptions): Promise<List<T>>;

  /**
   * What happens after `resourceVersion`, until the server ends it, which it does in good order after `timeoutSeconds`. Fails with code `expired` (the
   * version is forgotten: list anew) and with `unavailable` after `idleMs` of silence, as of a connection whose other end is gone.
   */
  watch<T extends KubernetesObject>(resource: Resource<T>, options: WatchOptions): AsyncIterable<WatchEvent<T>>;

  /** Fails with `conflict` where one of that name is there, `invalid` with the server's field causes. */
  create<T extends KubernetesObject>(resource: Resource<T>, object: T, options?: CallOptions): Promise<T>;

  /** Replaces the whole object. Fails with `conflict` unless `metadata.resourceVersion` is what is stored; `invalid`, `not_found`. */
  update<T extends KubernetesObject>(resource: Resource<T>, object: T, options?: CallOptions): Promise<T>;

  /** Fails with `not_found`, and with `conflict` where `uid` or `resourceVersion` is not that of the object. */
  delete<T extends KubernetesObject>(resource: Resource<T>, key: ObjectKey & Precondition, options?: CallOptions): Promise<void>;

  /**
   * Makes `status` the part of the object's status that is ours: fields that an earlier call set and this one does not are taken away. Fails with
   * `not_found`, `invalid`, and with `conflict` where `uid` is that of a predecessor with the same name.
   */
  applyStatus<T extends KubernetesObject>(
    resource: Resource<T>,
    key: ObjectKey & Pick<Precondition, 'uid'>,
    status: object,
    options?: ApplyOptions,
  ): Promise<T>;

  /**
   * Changes these metadata and nothing else. Fails with `conflict` where the object is no longer at `resourceVersion`, so that a list of finalizers
   * is never written over a newer one; `not_found`.
   */
  patchMetadata<T extends KubernetesObject>(
    resource: Resource<T>,
    key: ObjectKey & { readonly resourceVersion: string },
    patch: MetadataPatch,
    options?: CallOptions,
  ): Promise<T>;
}

export interface CallOptions {
  /** Gives the call up. */
  readonly signal?: AbortSignal;
}

export interface ApplyOptions extends CallOptions {
  /** Owner of these fields, when it is another than the client's own. */
  readonly fieldManager?: string;
}

export interface ListOptions extends CallOptions {
  /** Of one namespace; absent: of all. */
  readonly namespace?: string;
  readonly labelSelector?: string;
  readonly fieldSelector?: string;
  /** The first so many, and no more; absent: all. */
  readonly limit?: number;
}

export interface List<T> {
  readonly items: readonly T[];
  /** Watch from here. */
  readonly resourceVersion: string;
}

export interface WatchOptions extends ListOptions {
  readonly resourceVersion: string;
  /** After which the server ends the watch. */
  readonly timeoutSeconds: number;
  /** The server sends a bookmark about once a minute, so longer silence means that nobody is there. */
  readonly idleMs?: number;
}

export type WatchEvent<T> =
  | { readonly type: 'added' | 'modified' | 'deleted'; readonly object: T }
  /** Nothing happened up to this version. */
  | { readonly type: 'bookmark'; readonly resourceVersion: string };

export interface Precondition {
  readonly uid?: string;
  readonly resourceVersion?: string;
}

export interface MetadataPatch {
  /** The whole list. */
  readonly finalizers?: readonly string[];
  /** null takes one away; what is not named stays. */
  readonly annotations?: Readonly<Record<string, string | null>>;
  readonly labels?: Readonly<Record<string, string | null>>;
}

/** Of one answer, or of one call that got none (`code` null), for metrics. */
export interface AnsweredRequest {
  readonly verb: string;
  readonly resource: string;
  /** HTTP's status code. */
  readonly code: number | null;
  readonly ms: number;
}
