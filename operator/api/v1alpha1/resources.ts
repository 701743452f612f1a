// The kinds that are about mail, as the API server stores them. `services/core/objects` parses
// their specs. Here a spec is unknown JSON, because a server with an older or newer
// definition may have accepted it.

import { describeResource, type KubernetesObject } from '../../kubernetes/resource.ts';
import type { SenderStatus, TemplateStatus } from './status.ts';

export const group = 'packetboat.dev';
export const version = 'v1alpha1';

export interface SenderResource extends KubernetesObject {
  readonly spec?: unknown;
  readonly status?: SenderStatus;
}

export interface TemplateResource extends KubernetesObject {
  readonly spec?: unknown;
  readonly status?: TemplateStatus;
}

export const senders = describeResource<SenderResource>(`${group}/${version}`, 'Sender', 'senders');
export const templates = describeResource<TemplateResource>(`${group}/${version}`, 'Template', 'templates');
