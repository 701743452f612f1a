// Manages the DKIM keys of a Sender: reads them, checks the DNS records of waiting keys, and
// carries out the decision of `decideKeys`.

import type { DkimAlgorithm } from '../../../services/core/catalog/catalog.ts';
import { domainName } from '../../../services/core/objects/compile-sender.ts';
import { checkRecord, dkimRecordFor } from '../../../services/core/objects/domain-records.ts';
import type { SenderObject } from '../../../services/core/objects/sender-schema.ts';
import type { Clock } from '../../../services/ports/clock.ts';
import type { Random } from '../../../services/ports/random.ts';
import type { SenderResource } from '../../api/v1alpha1/resources.ts';
import type { KubernetesClient } from '../../kubernetes/client.ts';
import type { KubernetesObject } from '../../kubernetes/resource.ts';
import type { SecretIndex } from '../indexes.ts';
import type { Mirror } from '../mirror.ts';
import { decideKeys, stateOf } from './decide-dkim-keys.ts';
import { createKey, readKeys, removeKey, type StoredDkimKey, updateKey } from './dkim-secrets.ts';
import type { DnsChecks } from './dns-checks.ts';

export interface ManagedKeyParts {
  readonly client: KubernetesClient;
  readonly clock: Clock;
  readonly random: Random;
  /** Metadata only. */
  readonly secrets: Mirror<KubernetesObject, SecretIndex>;
  readonly dns: Pick<DnsChecks, 'find'>;
}

const DAY_MS = 24 * 60 * 60_000;
const algorithmOf: Record<SenderObject['spec']['dkim']['algorithms'][number], DkimAlgorithm> = {
  RSA2048: 'rsa-sha256',
  Ed25519: 'ed25519-sha256',
};

/**
 * The keys after the changes. The records of new keys are checked on the visit that their Secrets
 * cause.
 */
export async function manageKeys(
  parts: ManagedKeyParts,
  object: SenderResource,
  { spec }: SenderObject,
): Promise<readonly StoredDkimKey[]> {
  const { client, clock, random, dns } = parts;
  const { policy, algorithms, rotationPeriodDays } = spec.dkim;
  const kept = policy === 'Managed' ? await readKeys(client, object) : await readKnownKeys(parts, object);
  const seen = await seenKeys(dns, domainName(spec.domain), kept);
  const decided = decideKeys(
    kept.map(({ managed }) => managed),
    {
      algorithms: policy === 'Managed' ? algorithms.map((name) => algorithmOf[name]) : [],
      rotationMs: rotationPeriodDays * DAY_MS,
      now: clock.now(),
      isSeen: ({ selector }) => seen.get(selector) ?? null,
    },
  );
  const bySelector = new Map(kept.map((key) => [key.managed.selector, key]));
  for (const { selector } of decided.remove) {
    const key = bySelector.get(selector);
    if (key !== undefined) await removeKey(client, key);
  }
  const stayed: StoredDkimKey[] = [];
  for (const next of decided.keys) {
    const key = bySelector.get(next.selector);
    if (key === undefined) continue;
    await updateKey(client, key, next);
    stayed.push({ ...key, managed: next });
  }
  if (decided.create.length === 0) return stayed;
  for (const algorithm of decided.create) await createKey({ client, random }, object, algorithm);
  const created = (await readKeys(client, object)).filter(({ managed }) => !bySelector.has(managed.selector));
  return [...stayed, ...created];
}

/**
 * Reads keys only where the mirror has a Secret of this Sender; a Secret that comes later causes a
 * visit.
 */
export async function readKnownKeys(
  { client, secrets }: Pick<ManagedKeyParts, 'client' | 'secrets'>,
  object: SenderResource,
): Promise<readonly StoredDkimKey[]> {
  return secrets.by('sender', object.metadata.uid ?? '').length === 0 ? [] : readKeys(client, object);
}

/** For each key in Standby whether DNS has its record; null: DNS did not reply. */
async function seenKeys(
  dns: Pick<DnsChecks, 'find'>,
  domain: string,
  keys: readonly StoredDkimKey[],
): Promise<ReadonlyMap<string, boolean | null>> {
  const seen = new Map<string, boolean | null>();
  for (const { managed, record } of keys) {
    if (stateOf(managed) !== 'Standby') continue;
    const wanted = dkimRecordFor({ selector: managed.selector, record, isRequired: true }, domain);
    const { state } = checkRecord(wanted, await dns.find(wanted));
    seen.set(managed.selector, state === 'Unknown' ? null : state === 'Found');
  }
  return seen;
}
