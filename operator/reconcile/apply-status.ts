// Applies the decision about a status: at most one patch, and the Events.

import type { KubernetesClient } from '../kubernetes/client.ts';
import type { EventRecorder } from '../kubernetes/event-recorder.ts';
import type { KubernetesObject, Resource } from '../kubernetes/resource.ts';
import type { StatusChange } from './decide-status.ts';
import { keyOf } from './precedence.ts';

export interface StatusParts {
  readonly client: Pick<KubernetesClient, 'applyStatus'>;
  readonly events: Pick<EventRecorder, 'record'>;
}

export async function applyStatus<T extends KubernetesObject>(
  { client, events }: StatusParts,
  resource: Resource<T>,
  object: T,
  { status, events: notes }: StatusChange,
): Promise<void> {
  const { uid } = object.metadata;
  if (status !== null)
    await client.applyStatus(resource, { ...keyOf(object), ...(uid === undefined ? {} : { uid }) }, status);
  for (const note of notes) events.record(resource, object, note);
}
