// Writes Events, for `kubectl describe`, in the background. Events are only information, so no
// caller waits for them.

import { createHash } from 'node:crypto';
import { kubernetesLimits } from '../../services/core/limits/kubernetes.ts';
import type { Clock } from '../../services/ports/clock.ts';
import type { KubernetesClient } from './client.ts';
import { microTime } from './elector.ts';
import { events, type KubernetesObject, type Resource } from './resource.ts';

/** The content of an Event. */
export interface EventNote {
  readonly type: 'Normal' | 'Warning';
  readonly reason: string;
  /** The action of the controller, in one word. */
  readonly action: string;
  /** For people. */
  readonly note: string;
}

interface EventRecorderParts {
  readonly client: Pick<KubernetesClient, 'create'>;
  readonly clock: Clock;
  readonly controller: string;
  readonly instance: string;
  readonly report: (what: string, error: unknown) => void;
}

export class EventRecorder implements AsyncDisposable {
  readonly #parts: EventRecorderParts;
  readonly #underWay = new Set<Promise<void>>();
  /** When each recent Event was recorded, by digest; oldest first. */
  readonly #recorded = new Map<string, number>();

  constructor(parts: EventRecorderParts) {
    this.#parts = parts;
  }

  /**
   * Drops an Event that this object already had within `kubernetesLimits.eventAgainMs`, and an
   * Event while `kubernetesLimits.eventsUnderWayMax` writes are in flight.
   */
  record<T extends KubernetesObject>(resource: Resource<T>, object: T, event: EventNote): void {
    const { clock, report } = this.#parts;
    const now = clock.monotonic();
    const key = createHash('sha256')
      .update(JSON.stringify([object.metadata.uid, event]))
      .digest('hex');
    const last = this.#recorded.get(key);
    if (last !== undefined && now - last < kubernetesLimits.eventAgainMs) return;
    if (this.#underWay.size >= kubernetesLimits.eventsUnderWayMax) {
      report('an Event was dropped', null);
      return;
    }
    this.#recorded.delete(key);
    this.#recorded.set(key, now);
    for (const oldest of this.#recorded.keys()) {
      if (this.#recorded.size <= kubernetesLimits.eventsRememberedMax) break;
      this.#recorded.delete(oldest);
    }
    const written = this.#write(resource, object, event, key).catch((error: unknown) =>
      report('an Event could not be written', error),
    );
    this.#underWay.add(written);
    void written.then(() => this.#underWay.delete(written)); // never rejects
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all(this.#underWay);
  }

  async #write<T extends KubernetesObject>(
    resource: Resource<T>,
    { metadata }: T,
    { type, reason, action, note }: EventNote,
    key: string,
  ): Promise<void> {
    const { client, clock, controller, instance } = this.#parts;
    const namespace = metadata.namespace ?? 'default';
    const now = clock.now();
    await client.create(events, {
      metadata: {
        namespace,
        name: `${metadata.name.slice(0, kubernetesLimits.objectNamePrefixMax)}.${now.toString(16)}${key.slice(0, 8)}`,
      },
      eventTime: microTime(now),
      reportingController: controller,
      reportingInstance: instance.slice(0, kubernetesLimits.eventInstanceCharsMax),
      action,
      reason,
      type,
      note: note.slice(0, kubernetesLimits.eventNoteCharsMax),
      regarding: {
        apiVersion: resource.apiVersion,
        kind: resource.kind,
        namespace,
        name: metadata.name,
        ...(metadata.uid === undefined ? {} : { uid: metadata.uid }),
        ...(metadata.resourceVersion === undefined ? {} : { resourceVersion: metadata.resourceVersion }),
      },
    });
  }
}
