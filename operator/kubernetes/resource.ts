// Kubernetes objects as plain JSON of the API, and the kinds that the operator's runtime uses.
// Times are strings and fields keep their names. operator/api describes the kinds that are about
// mail.

/** Metadata of an object. */
interface ObjectMeta {
  readonly name: string;
  /** Absent on cluster-scoped objects. */
  readonly namespace?: string;
  readonly uid?: string;
  /** Opaque: compared for equality, never for order. */
  readonly resourceVersion?: string;
  /** Counts changes of the spec; absent on some kinds, Secret and ConfigMap among them. */
  readonly generation?: number;
  /** RFC 3339, whole seconds. */
  readonly creationTimestamp?: string;
  /** Set while a deleted object waits for its finalizers. */
  readonly deletionTimestamp?: string;
  readonly labels?: Readonly<Record<string, string>>;
  readonly annotations?: Readonly<Record<string, string>>;
  readonly ownerReferences?: readonly OwnerReference[];
}

interface OwnerReference {
  readonly apiVersion: string;
  readonly kind: string;
  readonly name: string;
  readonly uid: string;
  readonly controller?: boolean;
}

/**
 * Any object. `apiVersion` and `kind` may be absent on objects to create or update; results always
 * have them.
 */
export interface KubernetesObject {
  readonly apiVersion?: string;
  readonly kind?: string;
  readonly metadata: ObjectMeta;
}

/** Identifies an object among those of its kind. */
export interface ObjectKey {
  /** Absent on cluster-scoped objects. */
  readonly namespace?: string;
  readonly name: string;
}

declare const shape: unique symbol;

/**
 * A kind as the API server addresses it. `T` is the type of its objects, which the server has
 * validated.
 */
export interface Resource<T extends KubernetesObject> {
  /** `v1`, or group and version: `coordination.k8s.io/v1`. */
  readonly apiVersion: string;
  readonly kind: string;
  /** Lower case, as in the path. */
  readonly plural: string;
  readonly isNamespaced: boolean;
  /** Lists, watches and reads return metadata only: the content never reaches this process. */
  readonly isMetadataOnly: boolean;
  /** Exists for the compiler alone. */
  readonly [shape]?: T;
}

export function describeResource<T extends KubernetesObject>(
  apiVersion: string,
  kind: string,
  plural: string,
  scope: 'namespaced' | 'cluster' = 'namespaced',
): Resource<T> {
  return { apiVersion, kind, plural, isNamespaced: scope === 'namespaced', isMetadataOnly: false };
}

/**
 * The same kind without its content: watches of Secrets and ConfigMaps keep no content in memory.
 */
export function metadataOf<T extends KubernetesObject>(resource: Resource<T>): Resource<KubernetesObject> {
  return { ...resource, isMetadataOnly: true };
}

/** `namespace/name`, or the name alone: the key in stores, queues and logs. */
export function keyText({ namespace, name }: ObjectKey): string {
  return namespace === undefined ? name : `${namespace}/${name}`;
}

export function parseKey(text: string): ObjectKey {
  const slash = text.indexOf('/');
  return slash < 0 ? { name: text } : { namespace: text.slice(0, slash), name: text.slice(slash + 1) };
}

export interface Secret extends KubernetesObject {
  readonly type?: string;
  /** Base64. */
  readonly data?: Readonly<Record<string, string>>;
  /** Write-only: the server moves it into `data`. */
  readonly stringData?: Readonly<Record<string, string>>;
}

export interface ConfigMap extends KubernetesObject {
  readonly data?: Readonly<Record<string, string>>;
}

export interface Lease extends KubernetesObject {
  readonly spec?: {
    readonly holderIdentity?: string;
    readonly leaseDurationSeconds?: number;
    /** RFC 3339 with microseconds; the server refuses fewer digits. */
    readonly acquireTime?: string;
    readonly renewTime?: string;
    readonly leaseTransitions?: number;
  };
}

interface ObjectReference {
  readonly apiVersion: string;
  readonly kind: string;
  readonly namespace?: string;
  readonly name: string;
  readonly uid?: string;
  readonly resourceVersion?: string;
}

/** events.k8s.io/v1. */
export interface KubernetesEvent extends KubernetesObject {
  /** RFC 3339 with microseconds. */
  readonly eventTime: string;
  readonly reportingController: string;
  readonly reportingInstance: string;
  readonly action: string;
  readonly reason: string;
  readonly type: 'Normal' | 'Warning';
  readonly note: string;
  readonly regarding: ObjectReference;
  /** Present from the second occurrence on. */
  readonly series?: {
    readonly count: number;
    /** RFC 3339 with microseconds. */
    readonly lastObservedTime: string;
  };
}

export const secrets = describeResource<Secret>('v1', 'Secret', 'secrets');
export const configMaps = describeResource<ConfigMap>('v1', 'ConfigMap', 'configmaps');
export const namespaces = describeResource<KubernetesObject>('v1', 'Namespace', 'namespaces', 'cluster');
export const leases = describeResource<Lease>('coordination.k8s.io/v1', 'Lease', 'leases');
export const events = describeResource<KubernetesEvent>('events.k8s.io/v1', 'Event', 'events');
