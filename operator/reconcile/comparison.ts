// Compares the objects of the API server with the catalog, and retires each entry whose object was
// deleted. This finds every deletion: also one while no operator ran, and one that a watch missed.

import type { Keys } from '../../services/core/secrets/keyring.ts';
import { dkimAnnotations } from '../api/v1alpha1/names.ts';
import { type SenderResource, senders, type TemplateResource, templates } from '../api/v1alpha1/resources.ts';
import type { KubernetesClient } from '../kubernetes/client.ts';
import type { EventNote } from '../kubernetes/event-recorder.ts';
import { isBeingDeleted } from '../kubernetes/reflector.ts';
import { type KubernetesObject, keyText, metadataOf } from '../kubernetes/resource.ts';
import type { Mirrors } from './affected.ts';
import { decideRetirement, type ListedObjects, type RetirementDecision } from './decide-retirement.ts';
import type { SecretIndex } from './indexes.ts';
import type { OperatorMetrics } from './metrics.ts';
import type { Mirror } from './mirror.ts';
import { EVERYWHERE, isLasting } from './namespaces.ts';
import { keyOf } from './precedence.ts';
import type { CatalogAccess } from './publish.ts';
import { deleteOwnKey } from './sender/dkim-secrets.ts';

interface ComparisonParts {
  readonly client: Pick<KubernetesClient, 'list' | 'get' | 'delete'>;
  /** Mark the DKIM keys of this installation. */
  readonly keys: Keys;
  readonly catalog: CatalogAccess;
  readonly mirrors: Mirrors;
  /** Metadata only. */
  readonly secrets: Mirror<KubernetesObject, SecretIndex>;
  /** Null: all namespaces. */
  readonly namespaces: readonly string[] | null;
  readonly isMassRetireAllowed: boolean;
  readonly metrics: Pick<OperatorMetrics, 'retirementsHeld'>;
  /** Called when a namespace's retirements are held, or when their number has changed. */
  readonly onHeld: (note: EventNote) => void;
}

interface ListedNames extends ListedObjects {
  /** `namespace/name` of each Sender. */
  readonly senders: ReadonlySet<string>;
}

export class Comparison {
  readonly #parts: ComparisonParts;
  /** Keys that were held as `OlderState`: the version of the server passes that of the object later. */
  #later: ReadonlySet<string> = new Set();
  #held: RetirementDecision['held'] = [];
  #notes: ReadonlySet<string> = new Set();
  /** Namespaces that the last comparison could not list. */
  #unlisted: readonly string[] = [];

  constructor(parts: ComparisonParts) {
    this.#parts = parts;
  }

  /**
   * Compares all namespaces. Rejects when the store or the API server does not reply, after it has
   * compared what it could list. Resolves to false if the operator may not list a namespace:
   * `runAgain` has to follow.
   */
  run(): Promise<boolean> {
    return this.#compare(this.#parts.namespaces ?? [EVERYWHERE]);
  }

  /** Compares the namespaces that could not be listed. */
  runAgain(): Promise<boolean> {
    return this.#compare(this.#unlisted);
  }

  async #compare(names: readonly string[]): Promise<boolean> {
    if (names.length === 0) return true;
    const { catalog, mirrors, metrics, isMassRetireAllowed } = this.#parts;
    const { writer, cluster, term } = catalog;
    // read before the objects are listed: an object that is published meanwhile is not missing
    const entries = await writer.list({ kind: 'operator', name: cluster });
    const { listed, error } = await this.#list(names);
    const { retire, held } = decideRetirement({
      ...{ entries, listed, isMassRetireAllowed, heldBefore: this.#later },
      senders: mirrors.senders.objects(),
      templates: mirrors.templates.objects(),
    });
    this.#held = [...this.#held.filter(({ namespace }) => listed(namespace) === null), ...held];
    this.#tell();
    metrics.retirementsHeld(this.#held.reduce((sum, { keys }) => sum + keys.length, 0));
    for (const { key, uid, fence } of retire) {
      const source = {
        kind: 'operator',
        name: cluster,
        fence: { term, generation: fence.generation },
      } as const;
      await writer.retire({ ...source, ...(uid === null ? {} : { uid }) }, key);
    }
    await this.#deleteKeys(listed, new Set(held.map(({ namespace }) => namespace)));
    if (error !== null) throw error;
    return this.#unlisted.length === 0;
  }

  /** Deletes the managed DKIM keys of deleted Senders whose policy was Delete. */
  async #deleteKeys(
    listed: (namespace: string | null) => ListedNames | null,
    held: ReadonlySet<string | null>,
  ): Promise<void> {
    const { client, keys, secrets } = this.#parts;
    for (const { metadata } of secrets.objects()) {
      const { namespace = '', name, annotations = {} } = metadata;
      const sender = annotations[dkimAnnotations.sender];
      if (sender === undefined || annotations[dkimAnnotations.deletionPolicy] !== 'Delete') continue;
      const senderNames = listed(namespace)?.senders;
      const isHeld = held.has(namespace) || held.has(null);
      if (isHeld || senderNames === undefined || senderNames.has(keyText({ namespace, name: sender })))
        continue;
      await deleteOwnKey({ client, keys }, { namespace, name });
    }
  }

  /** Lists every namespace; `error` is the first one that a retry may end. */
  async #list(names: readonly string[]): Promise<{
    readonly listed: (namespace: string | null) => ListedNames | null;
    readonly error: unknown;
  }> {
    const found = new Map<string, ListedNames | null>();
    let error: unknown = null;
    for (const name of names)
      try {
        found.set(name, await this.#listOne(name));
      } catch (failure) {
        found.set(name, null);
        if (!isLasting(failure)) error ??= failure;
      }
    this.#unlisted = names.filter((name) => found.get(name) === null);
    const isAll = names.length === (this.#parts.namespaces?.length ?? 1);
    const listed = (namespace: string | null): ListedNames | null => {
      const everywhere = found.get(EVERYWHERE);
      if (everywhere !== undefined) return everywhere;
      if (namespace === null) return isAll ? united([...found.values()]) : null;
      return found.get(namespace) ?? null;
    };
    return { listed, error };
  }

  async #listOne(name: string): Promise<ListedNames> {
    const { client } = this.#parts;
    const scope = name === EVERYWHERE ? {} : { namespace: name };
    const lists = [
      await client.list(metadataOf<SenderResource>(senders), scope),
      await client.list(metadataOf<TemplateResource>(templates), scope),
    ];
    const [found, ...others] = lists.map(({ items }) => items.filter((object) => !isBeingDeleted(object)));
    const objects = [...(found ?? []), ...others.flat()];
    return {
      uids: new Set(objects.flatMap(({ metadata }) => metadata.uid ?? [])),
      senders: new Set((found ?? []).map((object) => keyText(keyOf(object)))),
      version: lists[0]?.resourceVersion ?? '',
    };
  }

  #tell(): void {
    const held = this.#held;
    this.#later = new Set(held.flatMap(({ reason, keys }) => (reason === 'OlderState' ? keys : [])));
    const notes = held.map(({ namespace, reason, keys, total }) => {
      const where = namespace === null ? 'all namespaces' : `namespace ${namespace}`;
      const why =
        reason === 'OlderState'
          ? 'the API server has an older state than the catalog'
          : 'too many objects are missing at once';
      return `${where}: ${keys.length} of ${total} objects are missing; none of these is retired, because ${why}`;
    });
    for (const note of notes)
      if (!this.#notes.has(note))
        this.#parts.onHeld({ type: 'Warning', reason: 'RetirementsHeld', action: 'Compare', note });
    this.#notes = new Set(notes);
  }
}

/** Null unless each was listed completely. */
function united(lists: readonly (ListedNames | null)[]): ListedNames | null {
  const complete = lists.filter((list) => list !== null);
  if (complete.length < lists.length) return null;
  return {
    uids: new Set(complete.flatMap(({ uids }) => [...uids])),
    senders: new Set(complete.flatMap(({ senders: names }) => [...names])),
    version: complete[0]?.version ?? '',
  };
}
