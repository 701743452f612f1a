// Mirrors the objects of one kind: lists them, watches from the version of the list, and lists
// again when the watch cannot continue. The rest of the operator reads the mirror, so the server
// sends each change once. An object whose deletion has been requested is not in the mirror, even if a
// finalizer keeps it on the server: a deletion cannot be withdrawn.

import { Failure } from '../../services/core/failure.ts';
import { kubernetesLimits } from '../../services/core/limits/kubernetes.ts';
import type { Clock } from '../../services/ports/clock.ts';
import type { Random } from '../../services/ports/random.ts';
import type { KubernetesClient, ListOptions } from './client.ts';
import { type Indexers, ObjectStore } from './object-store.ts';
import type { KubernetesObject, ObjectKey, Resource } from './resource.ts';

/** `before` null: created. `after` null: deleted. */
export interface ObjectChange<T> {
  readonly before: T | null;
  readonly after: T | null;
}

interface ReflectorParts<T, I extends string = never> {
  readonly client: Pick<KubernetesClient, 'list' | 'watch'>;
  readonly clock: Clock;
  readonly random: Random;
  readonly indexers: Indexers<T, I>;
  /** Called for each change, in order. An error that it throws is reported and then ignored. */
  readonly onChange: (change: ObjectChange<T>) => void;
  /** Called whenever the server sends something. */
  readonly onContact?: () => void;
  /** Awaited before each list; when it rejects, the list fails with its error. */
  readonly beforeList?: (signal: AbortSignal) => Promise<void>;
  /** Called after each list. */
  readonly onListed?: () => void;
  /** Called when a list or watch has failed; the error is also reported. */
  readonly onFailed?: (error: unknown) => void;
  readonly report: (what: string, error: unknown) => void;
  readonly idleMs?: number;
}

export class Reflector<T extends KubernetesObject, I extends string = never> {
  readonly #resource: Resource<T>;
  readonly #scope: Pick<ListOptions, 'namespace' | 'labelSelector'>;
  readonly #parts: ReflectorParts<T, I>;
  readonly #synced = Promise.withResolvers<void>();
  #objects: ObjectStore<T, I>;
  /**
   * Watches and lists in a row without an event. A successful list does not reset the count,
   * because a server may allow lists and refuse watches.
   */
  #fruitless = 0;

  constructor(
    resource: Resource<T>,
    scope: Pick<ListOptions, 'namespace' | 'labelSelector'>,
    parts: ReflectorParts<T, I>,
  ) {
    this.#resource = resource;
    this.#scope = scope;
    this.#parts = parts;
    this.#objects = new ObjectStore(parts.indexers);
  }

  /** Resolves after the first list. */
  get synced(): Promise<void> {
    return this.#synced.promise;
  }

  get(key: ObjectKey): T | null {
    return this.#objects.get(key);
  }

  objects(): readonly T[] {
    return this.#objects.objects();
  }

  by(index: I, value: string): readonly T[] {
    return this.#objects.by(index, value);
  }

  /** Until the signal aborts. Never rejects. */
  async run(signal: AbortSignal): Promise<void> {
    const { clock, report } = this.#parts;
    while (!signal.aborted) {
      try {
        let version = await this.#list(signal);
        const relistAt = clock.monotonic() + kubernetesLimits.relistEveryMs;
        while (!signal.aborted && clock.monotonic() < relistAt) {
          version = await this.#watch(version, signal);
          // a server that keeps ending watches without an event gets a pause before the next one
          if (this.#fruitless++ > 0) await clock.sleep(this.#backOffMs(null), signal);
        }
      } catch (error) {
        if (signal.aborted) return;
        const isExpired = error instanceof Failure && error.code === 'expired';
        if (this.#fruitless++ === 0 && isExpired) continue;
        report(`watching ${this.#resource.plural} failed`, error);
        this.#parts.onFailed?.(error);
        await clock.sleep(this.#backOffMs(error), signal);
      }
    }
  }

  async #list(signal: AbortSignal): Promise<string> {
    await this.#parts.beforeList?.(signal);
    const { items, resourceVersion } = await this.#parts.client.list(this.#resource, {
      ...this.#scope,
      signal,
    });
    this.#recordContact();
    const before = this.#objects;
    this.#objects = new ObjectStore(this.#parts.indexers);
    for (const object of items) if (!isBeingDeleted(object)) this.#objects.set(trimmed(object));
    for (const old of before.objects()) {
      const now = this.#objects.get(old.metadata);
      // a new object of the same name has another uid
      if (now === null || now.metadata.uid !== old.metadata.uid) this.#notify({ before: old, after: null });
    }
    for (const now of this.#objects.objects()) {
      const old = before.get(now.metadata);
      const known = old !== null && old.metadata.uid === now.metadata.uid ? old : null;
      if (known === null || known.metadata.resourceVersion !== now.metadata.resourceVersion)
        this.#notify({ before: known, after: now });
    }
    this.#synced.resolve();
    this.#parts.onListed?.();
    return resourceVersion;
  }

  /** Resolves to the version that the next watch continues from. */
  async #watch(from: string, signal: AbortSignal): Promise<string> {
    let version = from;
    const timeoutSeconds = Math.round(kubernetesLimits.watchSeconds * (1 + this.#parts.random.fraction()));
    const { idleMs } = this.#parts;
    const options = {
      ...this.#scope,
      resourceVersion: version,
      timeoutSeconds,
      signal,
      ...(idleMs === undefined ? {} : { idleMs }),
    };
    for await (const event of this.#parts.client.watch(this.#resource, options)) {
      this.#recordContact();
      this.#fruitless = 0;
      if (event.type === 'bookmark') {
        version = event.resourceVersion;
        continue;
      }
      const object = trimmed(event.object);
      version = object.metadata.resourceVersion ?? version;
      const before = this.#objects.get(object.metadata);
      if (event.type === 'deleted' || isBeingDeleted(object)) {
        this.#objects.delete(object.metadata);
        this.#notify({ before: before ?? object, after: null });
      } else {
        this.#objects.set(object);
        this.#notify({ before, after: object });
      }
    }
    return version;
  }

  #recordContact(): void {
    this.#parts.onContact?.();
  }

  #notify(change: ObjectChange<T>): void {
    try {
      this.#parts.onChange(change);
    } catch (error) {
      this.#parts.report(`handling a change of ${this.#resource.plural} failed`, error);
    }
  }

  #backOffMs(error: unknown): number {
    const doubled = kubernetesLimits.kubernetesRetryMinMs * 2 ** (this.#fruitless - 1);
    const wait =
      Math.min(doubled, kubernetesLimits.kubernetesRetryMaxMs) * (0.5 + this.#parts.random.fraction() / 2);
    return error instanceof Failure && error.retryAfterMs !== null
      ? Math.max(wait, error.retryAfterMs)
      : wait;
  }
}

export const isBeingDeleted = ({ metadata }: KubernetesObject): boolean =>
  metadata.deletionTimestamp !== undefined;

/** Drops `managedFields`, which nothing here reads and which are as large as the object. */
function trimmed<T extends KubernetesObject>(object: T): T {
  const {
    managedFields: _,
    ...metadata
  }: KubernetesObject['metadata'] & { readonly managedFields?: unknown } = object.metadata;
  return { ...object, metadata };
}
