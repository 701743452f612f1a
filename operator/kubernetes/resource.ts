// What the API server keeps: objects, and the kinds of them that the operator's runtime itself needs. Objects are the plain JSON of the API, times as
// strings, nothing renamed; kinds that are about mail are described where they are known (operator/api).

/** What every object says about itself. */
export interface ObjectMeta {
  readonly name: string;
  /** Absent on what belongs to no namespace. */
  readonly namespace?: string;
  readonly uid?: string;
  /** Opaque: compared for equality, never for order. */
  readonly resourceVersion?: string;
  /** Counts changes of the spec; absent on kinds that do not count them, Secret and ConfigMap among them. */
  readonly generation?: number;
  /** RFC 3339, whole seconds. */
  readonly creationTimestamp?: string;
  /** Set once the object is being deleted, and waits for its finalizers. */
  readonly deletionTimestamp?: string;
  readonly labels?: Readonly<Record<string, string>>;
  readonly annotations?: Readonly<Record<string, string>>;
  readonly finalizers?: readonly string[];
  readonly ownerReferences?: readonly OwnerReference[];
}

export interface OwnerReference {
  readonly apiVersion: string;
  readonly kind: string;
  readonly name: string;
  readonly uid: string;
  readonly controller?: boolean;
  readonly blockOwnerDeletion?: boolean;
}

/** Any object. What the client is given to create or update need not say `apiVersion` and `kind`; what it answers always does. */
export interface KubernetesObject {
  readonly apiVersion?: string;
  readonly kind?: string;
  readonly metadata: ObjectMeta;
}

/** Where an object stands among those of its kind. */
export interface ObjectKey {
  /** Absent for what belongs to no namespace. */
  readonly namespace?: string;
  readonly name: string;
}

declare const shape: unique symbol;

/** A kind as the API server addresses it. `T` is the shape of its objects, which the server has checked. */
export interface Resource<T extends KubernetesObject> {
  /** `v1`, or group and version: `coordination.k8s.io/v1`. */
  readonly apiVersion: string;
  readonly kind: string;
  /** As in the path, lower case. */
  readonly plural: string;
  readonly isNamespaced: boolean;
  /** Lists, watches and reads bring the metadata only: what an object holds never reaches this process. */
  readonly isMetadataOnly: boolean;
  /** For the compiler alone; never there. */
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

/** The same kind without its content, for watching Secrets and ConfigMaps without holding what is in them. */
export function metadataOf<T extends KubernetesObject>(resource: Resource<T>): Resource<KubernetesObject> {
  return { ...resource, isMetadataOnly: true };
}

/** `namespace/name`, or the name alone: how an object is called in stores, queues, logs. */
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
  /** Written only: the server turns it into `data`. */
  readonly stringData?: Readonly<Record<string, string>>;
  readonly immutable?: boolean;
}

export interface ConfigMap extends KubernetesObject {
  readonly data?: Readonly<Record<string, string>>;
  /** Base64. */
  readonly binaryData?: Readonly<Record<string, string>>;
}

export interface Lease extends KubernetesObject {
  readonly spec?: {
    readonly holderIdentity?: string;
    readonly leaseDurationSeconds?: number;
    /** RFC 3339 with six digits of a second, and no fewer on writing. */
    readonly acquireTime?: string;
    readonly renewTime?: string;
    readonly leaseTransitions?: number;
  };
}

export interface ObjectReference {
  readonly apiVersion: string;
  readonly kind: string;
  readonly namespace?: string;
  readonly name: string;
  readonly uid?: string;
  readonly resourceVersion?: string;
}

/** events.k8s.io/v1. */
export interface KubernetesEvent extends KubernetesObject {
  /** RFC 3339 with six digits of a second. */
  readonly eventTime: string;
  readonly reportingController: string;
  readonly reportingInstance: string;
  readonly action: string;
  readonly reason: string;
  readonly type: 'Normal' | 'Warning';
  readonly note: string;
  readonly regarding: ObjectReference;
  readonly series?: { readonly count: number; readonly lastObservedTime: string };
}

export const secrets = describeResource<Secret>('v1', 'Secret', 'secrets');
export const configMaps = describeResource<ConfigMap>('v1', 'ConfigMap', 'configmaps');
export const namespaces = describeResource<KubernetesObject>('v1', 'Namespace', 'namespaces', 'cluster');
export const leases = describeResource<Lease>('coordination.k8s.io/v1', 'Lease', 'leases');
export const events = describeResource<KubernetesEvent>('events.k8s.io/v1', 'Event', 'events');
