// Gathers the facts about a Sender. A fact is read only if earlier facts leave a use for it: an
// invalid spec reads no Secret, and a Sender that does not compile makes no keys.

import { isFaults } from '../../../services/core/documents/fault.ts';
import { Failure } from '../../../services/core/failure.ts';
import { domainName } from '../../../services/core/objects/compile-sender.ts';
import { checkRecord } from '../../../services/core/objects/domain-records.ts';
import { secretValues } from '../../../services/core/objects/secret-values.ts';
import type { Clock } from '../../../services/ports/clock.ts';
import { REQUESTED_AT_ANNOTATION } from '../../api/v1alpha1/names.ts';
import type { SenderResource } from '../../api/v1alpha1/resources.ts';
import type { KubernetesClient } from '../../kubernetes/client.ts';
import { secrets } from '../../kubernetes/resource.ts';
import { nullIfForbidden } from '../conditions.ts';
import type { SenderIndex } from '../indexes.ts';
import type { Mirror } from '../mirror.ts';
import { hasPrecedence } from '../precedence.ts';
import { namesIn, secretFields } from '../references.ts';
import type { Tenants } from '../tenants.ts';
import {
  acceptSender,
  compileWith,
  readSender,
  recordsFor,
  type SecretValues,
  type SenderClaim,
  type SenderFacts,
} from './decide.ts';
import type { DnsChecks } from './dns-checks.ts';
import { type ManagedKeyParts, manageKeys } from './manage-dkim-keys.ts';

export interface SenderGatherParts extends ManagedKeyParts {
  readonly clock: Clock;
  readonly senders: Mirror<SenderResource, SenderIndex>;
  readonly tenants: Tenants;
  readonly dns: DnsChecks;
}

export async function gatherSender(parts: SenderGatherParts, object: SenderResource): Promise<SenderFacts> {
  const { client, clock, dns } = parts;
  const claim = await gatherClaim(parts, object);
  const empty = {
    ...claim,
    secrets: new Map(),
    keys: [],
    isKeyAwaited: false,
    records: [],
    now: clock.now(),
  };
  const spec = acceptSender(claim);
  if (isFaults(spec)) return empty;
  const values = await readSecrets(client, object).catch(nullIfForbidden);
  if (values === null) return { ...empty, secrets: null };
  const draft = compileWith(spec, values);
  if (isFaults(draft)) return { ...empty, secrets: values };

  const { keys, isKeyAwaited } = await manageKeys(parts, object, spec);
  const wanted = recordsFor(draft, keys);
  const { policy, periodSeconds } = spec.spec.verification;
  const { uid = '', generation, annotations } = object.metadata;
  const records =
    policy === 'Disabled'
      ? wanted.map((record) => checkRecord(record, null))
      : await dns.check(uid, wanted, {
          trigger: `${generation} ${annotations?.[REQUESTED_AT_ANNOTATION]}`,
          periodMs: periodSeconds * 1_000,
        });
  return { ...claim, secrets: values, keys, isKeyAwaited, records, now: clock.now() };
}

/** An invalid spec claims no domain. */
export async function gatherClaim(
  { senders, tenants }: Pick<SenderGatherParts, 'senders' | 'tenants'>,
  object: SenderResource,
): Promise<SenderClaim> {
  const read = readSender(object);
  if (isFaults(read)) return { object, read, tenant: null, owner: null };
  const tenant = await tenants.of(object.metadata.namespace ?? '');
  const owner = senders
    .by('domain', domainName(read.spec.domain))
    .find((rival) => hasPrecedence(rival, object));
  return { object, read, tenant, owner: owner ?? null };
}

/** The Secrets that the spec names. */
export async function readSecrets(
  client: Pick<KubernetesClient, 'get'>,
  { metadata, spec }: SenderResource,
): Promise<SecretValues> {
  const read = namesIn(spec, secretFields).map(async (name) => {
    try {
      return [
        name,
        secretValues(await client.get(secrets, { namespace: metadata.namespace ?? '', name })),
      ] as const;
    } catch (error) {
      if (error instanceof Failure && error.kind === 'not_found') return [name, null] as const;
      throw error;
    }
  });
  return new Map(await Promise.all(read));
}
