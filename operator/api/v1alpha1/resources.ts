// The kinds that are about mail, as the API server keeps them. What a spec may hold is read by
// `services/core/objects`: here it is whatever is stored, which a server with an older
// or newer definition may have let through.

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
