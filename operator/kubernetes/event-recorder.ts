// Events, for `kubectl describe`: what changed, told once. Nobody waits for them, and losing one loses nothing.

import { createHash } from 'node:crypto';
import { limits } from '../../services/core/limits.ts';
import type { Clock } from '../../services/ports/clock.ts';
import type { KubernetesClient } from './client.ts';
import { microTime } from './elector.ts';
import { events, type KubernetesObject, type Resource } from './resource.ts';

export interface Told {
  readonly type: 'Normal' | 'Warning';
  readonly reason: string;
  /** What was done: one word. */
  readonly action: string;
  readonly note: string;
}

export interface EventRecorderParts {
  readonly client: Pick<KubernetesClient, 'create'>;
  readonly clock: Clock;
  readonly controller: string;
  readonly instance: string;
  readonly report: (what: string, error: unknown) => void;
}

export class EventRecorder implements AsyncDisposable {
  readonly #parts: EventRecorderParts;
  readonly #underWay = new Set<Promise<void>>();
  /** What was told lately, and when. */
  readonly #told = new Map<string, number>();

  constructor(parts: EventRecorderParts) {
    this.#parts = parts;
  }

  /** The same about the same object is told once in `limits.eventAgainMs`. More than can be written at once are dropped. */
  record<T extends KubernetesObject>(resource: Resource<T>, object: T, told: Told): void {
    const { clock, report } = this.#parts;
    const now = clock.monotonic();
    const key = createHash('sha256')
      .update(JSON.stringify([object.metadata.uid, told]))
      .digest('hex');
    const last = this.#told.get(key);
    if (last !== undefined && now - last < limits.eventAgainMs) return;
    if (this.#underWay.size >= limits.eventsUnderWayMax) {
      report('an Event was dropped', null);
      return;
    }
    this.#told.delete(key);
    this.#told.set(key, now);
    for (const oldest of this.#told.keys()) {
      if (this.#told.size <= limits.eventsRememberedMax) break;
      this.#told.delete(oldest);
    }
    const written = this.#write(resource, object, told, key).catch((error: unknown) => report('an Event could not be written', error));
    this.#underWay.add(written);
    void written.then(() => this.#underWay.delete(written)); // never rejects
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all(this.#underWay);
  }

  async #write<T extends KubernetesObject>(
    resource: Resource<T>,
    { metadata }: T,
    { type, reason, action, note }: Told,
    key: string,
  ): Promise<void> {
    const { client, clock, controller, instance } = this.#parts;
    const namespace = metadata.namespace ?? 'default';
    const now = clock.now();
    await client.create(events, {
      metadata: { namespace, name: `${metadata.name.slice(0, 200)}.${now.toString(16)}${key.slice(0, 8)}` },
      eventTime: microTime(now),
      reportingController: controller,
      reportingInstance: instance.slice(0, 128),
      action,
      reason,
      type,
      note: note.slice(0, limits.eventNoteCharsMax),
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
