// Managed keys in Kubernetes: each has a Secret, which the Sender owns. The Secret's annotations
// are the only record of the key's history.

import { generateKeyPair } from 'node:crypto';
import { promisify } from 'node:util';
import type { DkimAlgorithm, DkimKey } from '../../../services/core/catalog/catalog.ts';
import { Failure } from '../../../services/core/failure.ts';
import { kubernetesLimits } from '../../../services/core/limits/kubernetes.ts';
import { dkimRecord, readDkimKey } from '../../../services/core/mail/dkim/key.ts';
import { secretValues } from '../../../services/core/objects/secret-values.ts';
import type { Random } from '../../../services/ports/random.ts';
import {
  dkimAnnotations as annotation,
  DKIM_SECRET_TYPE,
  SENDER_UID_LABEL,
} from '../../api/v1alpha1/names.ts';
import type { SenderResource } from '../../api/v1alpha1/resources.ts';
import { senders } from '../../api/v1alpha1/resources.ts';
import type { KubernetesClient } from '../../kubernetes/client.ts';
import { type Secret, secrets } from '../../kubernetes/resource.ts';
import { timeText } from '../conditions.ts';
import type { ManagedKey } from './decide-dkim-keys.ts';

/** A managed key, its Secret, and the key itself. */
export interface StoredDkimKey {
  readonly managed: ManagedKey;
  readonly secret: Secret;
  readonly key: DkimKey;
  /** The content of its DNS record. */
  readonly record: string;
}

const FIELD = 'private.pem';
const SELECTOR_BYTES = 4;
const SELECTOR_PREFIX: Record<DkimAlgorithm, string> = { 'rsa-sha256': 'pb-r', 'ed25519-sha256': 'pb-e' };
const generate = promisify(generateKeyPair);

/** Oldest first. A Secret without a usable key is skipped, and a new key replaces it. */
export async function readKeys(
  client: Pick<KubernetesClient, 'list'>,
  { metadata }: SenderResource,
): Promise<readonly StoredDkimKey[]> {
  const { items } = await client.list(secrets, {
    namespace: metadata.namespace ?? '',
    labelSelector: `${SENDER_UID_LABEL}=${metadata.uid}`,
  });
  const kept = items.flatMap((secret): StoredDkimKey[] => {
    const about = secret.metadata.annotations ?? {};
    const key = readDkimKey(about[annotation.selector] ?? '', secretValues(secret)[FIELD] ?? '');
    if (typeof key === 'string' || key.privateKey === null) return [];
    const time = (text: string | undefined): number | null => (text === undefined ? null : Date.parse(text));
    const managed = {
      selector: key.selector,
      algorithm: key.algorithm,
      createdAt: Date.parse(secret.metadata.creationTimestamp ?? ''),
      seenAt: time(about[annotation.seenAt]),
      activeAt: time(about[annotation.activeAt]),
      retiredAt: time(about[annotation.retiredAt]),
    };
    return [{ managed, secret, key, record: dkimRecord(key.privateKey) }];
  });
  return kept.toSorted(
    (a, b) => a.managed.createdAt - b.managed.createdAt || (a.managed.selector < b.managed.selector ? -1 : 1),
  );
}

export async function createKey(
  { client, random }: { readonly client: Pick<KubernetesClient, 'create'>; readonly random: Random },
  { metadata }: SenderResource,
  algorithm: DkimAlgorithm,
): Promise<void> {
  const { name, namespace = '', uid = '' } = metadata;
  const selector = `${SELECTOR_PREFIX[algorithm]}${Buffer.from(random.bytes(SELECTOR_BYTES)).toString('hex')}`;
  const { privateKey } =
    algorithm === 'rsa-sha256'
      ? await generate('rsa', { modulusLength: 2_048 })
      : await generate('ed25519', {});
  await client.create(secrets, {
    metadata: {
      namespace,
      name: `${name.slice(0, kubernetesLimits.objectNamePrefixMax)}-dkim-${selector}`,
      labels: { [SENDER_UID_LABEL]: uid },
      annotations: { [annotation.selector]: selector },
      ownerReferences: [{ apiVersion: senders.apiVersion, kind: senders.kind, name, uid, controller: true }],
    },
    type: DKIM_SECRET_TYPE,
    stringData: { [FIELD]: String(privateKey.export({ type: 'pkcs8', format: 'pem' })) },
  });
}

/** Writes the key's times where they changed. */
export async function updateKey(
  client: Pick<KubernetesClient, 'patchMetadata'>,
  { secret, managed }: StoredDkimKey,
  next: ManagedKey,
): Promise<void> {
  const text = (time: number | null): string | null => (time === null ? null : timeText(time));
  const times = (key: ManagedKey) => ({
    [annotation.seenAt]: text(key.seenAt),
    [annotation.activeAt]: text(key.activeAt),
    [annotation.retiredAt]: text(key.retiredAt),
  });
  if (JSON.stringify(times(managed)) === JSON.stringify(times(next))) return;
  const { name, namespace = '', resourceVersion = '' } = secret.metadata;
  await client.patchMetadata(secrets, { namespace, name, resourceVersion }, { annotations: times(next) });
}

export async function removeKey(
  client: Pick<KubernetesClient, 'delete'>,
  { secret }: StoredDkimKey,
): Promise<void> {
  const { name, namespace = '', uid } = secret.metadata;
  try {
    await client.delete(secrets, { namespace, name, ...(uid === undefined ? {} : { uid }) });
  } catch (error) {
    if (!(error instanceof Failure) || error.kind !== 'not_found') throw error;
  }
}
