// Manages the DKIM keys of a Sender: reads them, adopts a key of another installation if DNS shows
// its public half, checks the DNS records of waiting keys, and carries out the decision of
// `decideKeys`.

import type { DkimAlgorithm } from '../../../services/core/catalog/catalog.ts';
import { domainName } from '../../../services/core/objects/compile-sender.ts';
import { checkRecord, dkimRecordFor } from '../../../services/core/objects/domain-records.ts';
import type { SenderObject } from '../../../services/core/objects/sender-schema.ts';
import type { Keys } from '../../../services/core/secrets/keyring.ts';
import type { Clock } from '../../../services/ports/clock.ts';
import type { Random } from '../../../services/ports/random.ts';
import { type SenderResource, senders } from '../../api/v1alpha1/resources.ts';
import type { KubernetesClient } from '../../kubernetes/client.ts';
import type { EventRecorder } from '../../kubernetes/event-recorder.ts';
import { type KubernetesObject, keyText } from '../../kubernetes/resource.ts';
import type { SecretIndex } from '../indexes.ts';
import type { Mirror } from '../mirror.ts';
import { decideKeys, stateOf } from './decide-dkim-keys.ts';
import {
  createKey,
  type KeyOwner,
  readKeys,
  removeKey,
  type StoredDkimKey,
  updateKey,
} from './dkim-secrets.ts';
import type { DnsChecks } from './dns-checks.ts';

export interface ManagedKeyParts {
  readonly client: KubernetesClient;
  readonly clock: Clock;
  readonly random: Random;
  /** Metadata only. */
  readonly secrets: Mirror<KubernetesObject, SecretIndex>;
  readonly dns: Pick<DnsChecks, 'find'>;
  /** The keys of purpose `catalog`. */
  readonly keys: Keys;
  readonly events: Pick<EventRecorder, 'record'>;
}

/** `isKeyAwaited`: DNS did not reply, so it is open whether an existing key is adopted. */
export interface ManagedKeys {
  readonly keys: readonly StoredDkimKey[];
  readonly isKeyAwaited: boolean;
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
): Promise<ManagedKeys> {
  const { client, clock, dns } = parts;
  const { policy, algorithms, rotationPeriodDays, deletionPolicy } = spec.dkim;
  const { namespace = '', name } = object.metadata;
  const owner: KeyOwner = { namespace, name, domain: domainName(spec.domain), deletionPolicy };
  const isManaged = policy === 'Managed';
  const isKnown = parts.secrets.by('sender', keyText({ namespace, name })).length > 0;
  const found = isManaged || isKnown ? await readKeys(parts, owner) : [];
  const { kept, undecided, ignored } = await adopt(dns, owner, found);
  const seen = await seenKeys(dns, owner, kept);
  const decided = decideKeys(
    kept.map(({ managed }) => managed),
    {
      algorithms: isManaged ? algorithms.map((algorithm) => algorithmOf[algorithm]) : [],
      rotationMs: rotationPeriodDays * DAY_MS,
      now: clock.now(),
      isSeen: ({ selector }) => seen.get(selector) ?? null,
    },
  );
  const bySelector = new Map(kept.map((key) => [key.managed.selector, key]));
  for (const { selector } of decided.remove) {
    const key = bySelector.get(selector);
    if (key !== undefined) await removeKey(client, key.secret);
  }
  const stayed: StoredDkimKey[] = [];
  for (const next of decided.keys) {
    const key = bySelector.get(next.selector);
    if (key === undefined) continue;
    await updateKey(parts, key, next, owner);
    stayed.push({ ...key, managed: next });
  }
  const wanted = decided.create.filter((algorithm) => !undecided.has(algorithm));
  const isKeyAwaited = wanted.length < decided.create.length;
  if (wanted.length === 0) return { keys: stayed, isKeyAwaited };
  for (const algorithm of wanted) {
    for (const { managed, secret } of ignored)
      if (managed.algorithm === algorithm) noteIgnored(parts, object, secret.metadata.name);
    await createKey(parts, owner, algorithm);
  }
  const before = new Set(found.map(({ secret }) => secret.metadata.name));
  const created = (await readKeys(parts, owner)).filter(
    ({ secret, isOwn }) => isOwn && !before.has(secret.metadata.name),
  );
  return { keys: [...stayed, ...created], isKeyAwaited };
}

interface Adoption {
  /** The keys of this installation, and those that it adopts. */
  readonly kept: readonly StoredDkimKey[];
  /** Algorithms of keys about which DNS did not reply. */
  readonly undecided: ReadonlySet<DkimAlgorithm>;
  /** Keys of others whose public half DNS does not show: anybody may have planted them. */
  readonly ignored: readonly StoredDkimKey[];
}

async function adopt(
  dns: Pick<DnsChecks, 'find'>,
  owner: KeyOwner,
  found: readonly StoredDkimKey[],
): Promise<Adoption> {
  const kept: StoredDkimKey[] = [];
  const undecided = new Set<DkimAlgorithm>();
  const ignored: StoredDkimKey[] = [];
  for (const key of found) {
    const isShown = key.isOwn ? true : await isSeen(dns, owner, key);
    if (isShown === null) undecided.add(key.managed.algorithm);
    else (isShown ? kept : ignored).push(key);
  }
  return { kept, undecided, ignored };
}

function noteIgnored({ events }: ManagedKeyParts, object: SenderResource, secret: string): void {
  events.record(senders, object, {
    type: 'Warning',
    reason: 'KeyIgnored',
    action: 'Reconcile',
    note: `the DKIM key in the Secret "${secret}" is not used: this installation did not generate it, and DNS does not have its record`,
  });
}

/** For each key in Standby whether DNS has its record; null: DNS did not reply. */
async function seenKeys(
  dns: Pick<DnsChecks, 'find'>,
  owner: KeyOwner,
  keys: readonly StoredDkimKey[],
): Promise<ReadonlyMap<string, boolean | null>> {
  const seen = new Map<string, boolean | null>();
  for (const key of keys)
    if (stateOf(key.managed) === 'Standby') seen.set(key.managed.selector, await isSeen(dns, owner, key));
  return seen;
}

/** Whether DNS has the key's record; null: DNS did not reply. */
async function isSeen(
  dns: Pick<DnsChecks, 'find'>,
  { domain }: KeyOwner,
  { managed: { selector }, record }: StoredDkimKey,
): Promise<boolean | null> {
  const wanted = dkimRecordFor({ selector, record, isRequired: true }, domain);
  const { state } = checkRecord(wanted, await dns.find(wanted));
  return state === 'Unknown' ? null : state === 'Found';
}
