// Writes Events, for `kubectl describe`, in the background. Events are only information, so no
// caller waits for them. Occurrences of one cause are one Event with a count.

import { createHash, randomUUID } from 'node:crypto';
import { Failure } from '../../services/core/failure.ts';
import { kubernetesLimits } from '../../services/core/limits/kubernetes.ts';
import type { Clock } from '../../services/ports/clock.ts';
import type { KubernetesClient } from './client.ts';
import { microTime } from './elector.ts';
import { events, type KubernetesEvent, type KubernetesObject, type Resource } from './resource.ts';

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
  readonly client: Pick<KubernetesClient, 'create' | 'patch'>;
  readonly clock: Clock;
  readonly controller: string;
  readonly instance: string;
  readonly report: (what: string, error: unknown) => void;
}

/** The occurrences of one cause. */
interface Series {
  readonly about: KubernetesEvent;
  /** Name of the stored Event; null: it has to be created. */
  name: string | null;
  count: number;
  /** The count that the stored Event has. */
  writtenCount: number;
  /** By the clocks of this process: of the last occurrence. */
  lastAt: { readonly now: number; readonly monotonic: number };
  isBeingWritten: boolean;
}

export class EventRecorder implements AsyncDisposable {
  readonly #parts: EventRecorderParts;
  readonly #underWay = new Set<Promise<void>>();
  /** By digest of the cause; the least recent occurrence first. */
  readonly #series = new Map<string, Series>();

  constructor(parts: EventRecorderParts) {
    this.#parts = parts;
  }

  /**
   * Counts an Event that this object already had within `kubernetesLimits.eventSeriesMs`. Drops an
   * Event while `kubernetesLimits.eventsUnderWayMax` writes are in flight.
   */
  record<T extends KubernetesObject>(resource: Resource<T>, object: T, event: EventNote): void {
    const { clock, report } = this.#parts;
    const lastAt = { now: clock.now(), monotonic: clock.monotonic() };
    const cause = createHash('sha256')
      .update(JSON.stringify([object.metadata.uid, event]))
      .digest('hex');
    const known = this.#series.get(cause);
    const isRepeated =
      known !== undefined && lastAt.monotonic - known.lastAt.monotonic < kubernetesLimits.eventSeriesMs;
    if (!known?.isBeingWritten && this.#underWay.size >= kubernetesLimits.eventsUnderWayMax) {
      report('an Event was dropped', null);
      return;
    }
    const series = isRepeated ? known : this.#begin(resource, object, event, lastAt);
    series.count += 1;
    series.lastAt = lastAt;
    this.#series.delete(cause);
    this.#series.set(cause, series);
    for (const oldest of this.#series.keys()) {
      if (this.#series.size <= kubernetesLimits.eventsRememberedMax) break;
      this.#series.delete(oldest);
    }
    if (series.isBeingWritten) return;
    const written = this.#write(series).catch((error: unknown) =>
      report('an Event could not be written', error),
    );
    this.#underWay.add(written);
    void written.then(() => this.#underWay.delete(written)); // never rejects
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all(this.#underWay);
  }

  #begin<T extends KubernetesObject>(
    resource: Resource<T>,
    { metadata }: T,
    { type, reason, action, note }: EventNote,
    lastAt: Series['lastAt'],
  ): Series {
    const { controller, instance } = this.#parts;
    const namespace = metadata.namespace ?? 'default';
    const prefix = metadata.name.slice(0, kubernetesLimits.objectNamePrefixMax);
    const about = {
      metadata: { namespace, name: prefix },
      eventTime: microTime(lastAt.now),
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
    };
    return { about, name: null, count: 0, writtenCount: 0, lastAt, isBeingWritten: false };
  }

  /** Until the stored Event has the count, which may rise meanwhile. */
  async #write(series: Series): Promise<void> {
    series.isBeingWritten = true;
    try {
      while (series.writtenCount < series.count) {
        const { count } = series;
        await (series.name === null ? this.#create(series) : this.#raise(series, series.name));
        series.writtenCount = count;
      }
    } finally {
      series.isBeingWritten = false;
    }
  }

  async #create(series: Series): Promise<void> {
    const { about } = series;
    const name = `${about.metadata.name}.${randomUUID()}`;
    await this.#parts.client.create(events, {
      ...about,
      metadata: { ...about.metadata, name },
      ...seriesField(series),
    });
    series.name = name;
  }

  /** The API server removes old Events, so the stored one may be gone. */
  async #raise(series: Series, name: string): Promise<void> {
    const { namespace = 'default' } = series.about.metadata;
    try {
      await this.#parts.client.patch(events, { namespace, name }, seriesField(series));
    } catch (error) {
      if (!(error instanceof Failure) || error.kind !== 'not_found') throw error;
      await this.#create(series);
    }
  }
}

const seriesField = ({ count, lastAt }: Series): Pick<KubernetesEvent, 'series'> =>
  count === 1 ? {} : { series: { count, lastObservedTime: microTime(lastAt.now) } };
