// Managed keys in Kubernetes: each has a Secret, which outlives its Sender unless the Sender says
// otherwise. The Secret's annotations say whose key it is, and are the only record of its history.

import { createHash, generateKeyPair } from 'node:crypto';
import { promisify } from 'node:util';
import type { DkimAlgorithm, DkimKey } from '../../../services/core/catalog/catalog.ts';
import { Failure } from '../../../services/core/failure.ts';
import { kubernetesLimits } from '../../../services/core/limits/kubernetes.ts';
import { dkimRecord, readDkimKey } from '../../../services/core/mail/dkim/key.ts';
import { secretValues } from '../../../services/core/objects/secret-values.ts';
import { dkimMac, isDkimMac } from '../../../services/core/secrets/dkim-mac.ts';
import type { Keys } from '../../../services/core/secrets/keyring.ts';
import type { Random } from '../../../services/ports/random.ts';
import { dkimAnnotations as annotation, DKIM_SECRET_TYPE, SENDER_LABEL } from '../../api/v1alpha1/names.ts';
import type { KubernetesClient } from '../../kubernetes/client.ts';
import {
  type KubernetesObject,
  keyText,
  type ObjectKey,
  type Secret,
  secrets,
} from '../../kubernetes/resource.ts';
import { timeText } from '../conditions.ts';
import type { SecretIndex } from '../indexes.ts';
import type { Mirror } from '../mirror.ts';
import { keyOf } from '../precedence.ts';
import type { ManagedKey } from './decide-dkim-keys.ts';

/** A managed key, its Secret, and the key itself. */
export interface StoredDkimKey {
  readonly managed: ManagedKey;
  readonly secret: Secret;
  readonly key: DkimKey;
  /** The content of its DNS record. */
  readonly record: string;
  /** This installation generated the key for this sender and domain. */
  readonly isOwn: boolean;
}

/** The sender of managed keys. */
export interface KeyOwner {
  readonly namespace: string;
  readonly name: string;
  readonly domain: string;
  readonly deletionPolicy: 'Retain' | 'Delete';
}

const FIELD = 'private.pem';
const SELECTOR_BYTES = 4;
const SELECTOR_PREFIX: Record<DkimAlgorithm, string> = { 'rsa-sha256': 'pb-r', 'ed25519-sha256': 'pb-e' };
const LABEL_CHARS_MAX = 63;
const DIGEST_CHARS = 16;
const generate = promisify(generateKeyPair);

/** The value of `SENDER_LABEL`. A name can be longer than a label: then its end is a digest. */
export function senderLabel(name: string): string {
  if (name.length <= LABEL_CHARS_MAX) return name;
  const digest = createHash('sha256').update(name).digest('hex').slice(0, DIGEST_CHARS);
  return `${name.slice(0, LABEL_CHARS_MAX - DIGEST_CHARS - 1)}-${digest}`;
}

interface ReadParts {
  readonly client: Pick<KubernetesClient, 'list' | 'get'>;
  readonly keys: Keys;
  /** Metadata only. */
  readonly secrets: Mirror<KubernetesObject, SecretIndex>;
}

/**
 * The keys for this sender and domain, oldest first. A Secret of another type, sender or domain, or
 * without a usable key, is skipped.
 */
export async function readKeys(parts: ReadParts, owner: KeyOwner): Promise<readonly StoredDkimKey[]> {
  const { namespace, name, domain } = owner;
  const { items } = await parts.client.list(secrets, {
    namespace,
    labelSelector: `${SENDER_LABEL}=${senderLabel(name)}`,
  });
  const listed = new Set(items.map(({ metadata }) => metadata.name));
  // a restored Secret may lack the label
  const unlabelled = parts.secrets
    .by('sender', keyText({ namespace, name }))
    .filter(({ metadata }) => !listed.has(metadata.name));
  const read = await Promise.all(unlabelled.map((secret) => readSecret(parts.client, keyOf(secret))));
  const found = [...items, ...read].flatMap((secret): StoredDkimKey[] => {
    const about = secret?.metadata.annotations ?? {};
    const isOfSender = about[annotation.sender] === name && about[annotation.domain] === domain;
    const stored = secret === null || !isOfSender ? null : storedKey(secret, parts.keys);
    return stored === null ? [] : [stored];
  });
  return found.toSorted(
    (a, b) => a.managed.createdAt - b.managed.createdAt || (a.managed.selector < b.managed.selector ? -1 : 1),
  );
}

/** Null: the Secret has another type or no usable key. */
function storedKey(secret: Secret, keys: Keys): StoredDkimKey | null {
  const about = secret.metadata.annotations ?? {};
  const key = readDkimKey(about[annotation.selector] ?? '', secretValues(secret)[FIELD] ?? '');
  if (secret.type !== DKIM_SECRET_TYPE || typeof key === 'string' || key.privateKey === null) return null;
  const time = (text: string | undefined): number | null => (text === undefined ? null : Date.parse(text));
  const managed = {
    selector: key.selector,
    algorithm: key.algorithm,
    createdAt: Date.parse(secret.metadata.creationTimestamp ?? ''),
    seenAt: time(about[annotation.seenAt]),
    activeAt: time(about[annotation.activeAt]),
    retiredAt: time(about[annotation.retiredAt]),
  };
  const isOwn = isDkimMac(keys, macInput(secret, key), about[annotation.mac] ?? '');
  return { managed, secret, key, record: dkimRecord(key.privateKey), isOwn };
}

const macInput = ({ metadata }: Secret, { selector, fingerprint }: DkimKey) => ({
  namespace: metadata.namespace ?? '',
  sender: metadata.annotations?.[annotation.sender] ?? '',
  domain: metadata.annotations?.[annotation.domain] ?? '',
  selector,
  fingerprint,
});

async function readSecret(client: Pick<KubernetesClient, 'get'>, key: ObjectKey): Promise<Secret | null> {
  try {
    return await client.get(secrets, key);
  } catch (error) {
    if (error instanceof Failure && error.kind === 'not_found') return null;
    throw error;
  }
}

interface CreateParts {
  readonly client: Pick<KubernetesClient, 'create'>;
  readonly random: Random;
  readonly keys: Keys;
}

export async function createKey(
  { client, random, keys }: CreateParts,
  { namespace, name, domain, deletionPolicy }: KeyOwner,
  algorithm: DkimAlgorithm,
): Promise<void> {
  const selector = `${SELECTOR_PREFIX[algorithm]}${Buffer.from(random.bytes(SELECTOR_BYTES)).toString('hex')}`;
  const { privateKey } =
    algorithm === 'rsa-sha256'
      ? await generate('rsa', { modulusLength: 2_048 })
      : await generate('ed25519', {});
  const pem = String(privateKey.export({ type: 'pkcs8', format: 'pem' }));
  const key = readDkimKey(selector, pem);
  if (typeof key === 'string') throw new Failure('internal', `a generated DKIM key is not valid: ${key}`);
  const { fingerprint } = key;
  await client.create(secrets, {
    metadata: {
      namespace,
      name: `${name.slice(0, kubernetesLimits.objectNamePrefixMax)}-dkim-${selector}`,
      labels: { [SENDER_LABEL]: senderLabel(name) },
      annotations: {
        [annotation.sender]: name,
        [annotation.domain]: domain,
        [annotation.selector]: selector,
        [annotation.deletionPolicy]: deletionPolicy,
        [annotation.mac]: dkimMac(keys, { namespace, sender: name, domain, selector, fingerprint }),
      },
    },
    type: DKIM_SECRET_TYPE,
    stringData: { [FIELD]: pem },
  });
}

interface UpdateParts {
  readonly client: Pick<KubernetesClient, 'patchMetadata'>;
  readonly keys: Keys;
}

/**
 * Writes the key's times, the deletion policy, and the MAC of the active key of the keyring, where
 * they changed. An adopted key becomes one of this installation.
 */
export async function updateKey(
  { client, keys }: UpdateParts,
  { secret, key }: StoredDkimKey,
  next: ManagedKey,
  { name: sender, deletionPolicy }: KeyOwner,
): Promise<void> {
  const text = (time: number | null): string | null => (time === null ? null : timeText(time));
  const annotations = {
    [annotation.seenAt]: text(next.seenAt),
    [annotation.activeAt]: text(next.activeAt),
    [annotation.retiredAt]: text(next.retiredAt),
    [annotation.deletionPolicy]: deletionPolicy,
    [annotation.mac]: dkimMac(keys, macInput(secret, key)),
  };
  const labels = { [SENDER_LABEL]: senderLabel(sender) };
  const { name, namespace = '', resourceVersion = '', ...before } = secret.metadata;
  const isSame =
    Object.entries(annotations).every(([field, value]) => (before.annotations?.[field] ?? null) === value) &&
    before.labels?.[SENDER_LABEL] === labels[SENDER_LABEL];
  if (!isSame)
    await client.patchMetadata(secrets, { namespace, name, resourceVersion }, { labels, annotations });
}

export async function removeKey(
  client: Pick<KubernetesClient, 'delete'>,
  { metadata }: Secret,
): Promise<void> {
  const { name, namespace = '', uid } = metadata;
  try {
    await client.delete(secrets, { namespace, name, ...(uid === undefined ? {} : { uid }) });
  } catch (error) {
    if (!(error instanceof Failure) || error.kind !== 'not_found') throw error;
  }
}

/** Deletes this Secret if it has a key that this installation generated. */
export async function deleteOwnKey(
  { client, keys }: { readonly client: Pick<KubernetesClient, 'get' | 'delete'>; readonly keys: Keys },
  name: ObjectKey,
): Promise<void> {
  const secret = await readSecret(client, name);
  if (secret !== null && storedKey(secret, keys)?.isOwn === true) await removeKey(client, secret);
}
