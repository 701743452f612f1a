// The identity of an object: its kind, its name and its namespace, which is the tenant.

import { z } from 'zod';
import { objectsLimits } from '../limits/objects.ts';

export const apiVersion = 'packetboat.dev/v1alpha1';
export const defaultTenant = 'default';

/** A Kubernetes object name. */
export const objectName = z
  .string()
  .max(objectsLimits.objectNameCharsMax)
  .regex(/^[a-z0-9](?:[a-z0-9.-]*[a-z0-9])?$/, 'must be lower-case letters, digits, hyphens and dots');
/** The tenant: a DNS label, since it becomes part of queue subjects. */
const namespace = z
  .string()
  .max(objectsLimits.namespaceCharsMax)
  .regex(/^[a-z0-9](?:[a-z0-9-]*[a-z0-9])?$/, 'must be lower-case letters, digits and hyphens');
// Labels, annotations and the fields that the API server adds are ignored.
export const metadata = z.looseObject({ name: objectName, namespace: namespace.optional() });

/** The kind, name and namespace of a value that may not be an object at all. */
export interface Identity {
  readonly kind: string;
  readonly name: string;
  readonly namespace: string;
}

export function identify(value: unknown): Identity {
  const { kind, metadata: about } = record(value);
  const { name: named, namespace: tenant } = record(about);
  return { kind: text(kind), name: text(named), namespace: text(tenant) || defaultTenant };
}

function record(value: unknown): Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null ? (value as Readonly<Record<string, unknown>>) : {};
}

function text(value: unknown): string {
  return typeof value === 'string' ? value.slice(0, objectsLimits.objectNameCharsMax) : '';
}
