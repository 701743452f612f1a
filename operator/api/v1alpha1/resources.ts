// The kinds about mail as the API server stores them. Here a spec is unvalidated, since a server
// with an older or newer definition may have stored anything; `services/core/objects` reads and
// validates specs.

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
