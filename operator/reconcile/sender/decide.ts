// Decides about a Sender: from its spec, Secrets, keys, DNS records and previous status to the
// catalog entry, the conditions and the next visit. Pure.

import type { DkimKey, Sender } from '../../../services/core/catalog/catalog.ts';
import { isFaults, type ObjectFault } from '../../../services/core/documents/fault.ts';
import { Failure } from '../../../services/core/failure.ts';
import { operatorLimits } from '../../../services/core/limits/operator.ts';
import { dkimRecord } from '../../../services/core/mail/dkim/key.ts';
import { compileSender, type ObservedState } from '../../../services/core/objects/compile-sender.ts';
import {
  type CheckedRecord,
  verify,
  type WantedKey,
  type WantedRecord,
  wantedRecords,
} from '../../../services/core/objects/domain-records.ts';
import { apiVersion } from '../../../services/core/objects/identity.ts';
import { readObject } from '../../../services/core/objects/read-object.ts';
import { keysWithLineBreak } from '../../../services/core/objects/route-credentials.ts';
import type { SenderObject } from '../../../services/core/objects/sender-schema.ts';
import type { SenderResource } from '../../api/v1alpha1/resources.ts';
import {
  conditionFromFaults,
  conditionsFromFaults,
  type NewCondition,
  pending,
  timeText,
  unreadableReferences,
} from '../conditions.ts';
import type { Decision } from '../decision.ts';
import { tenantNotAllowed } from '../tenants.ts';
import { stateOf } from './decide-dkim-keys.ts';
import type { StoredDkimKey } from './dkim-secrets.ts';
import { senderFields } from './status-fields.ts';

/** Decoded Secrets by name; null: there is no Secret of that name. */
export type SecretValues = ReadonlyMap<string, Readonly<Record<string, string>> | null>;

/** The facts gathered about a Sender. Facts that an earlier fact makes useless are empty. */
export interface SenderFacts {
  readonly object: SenderResource;
  /** The object, parsed; or the faults of its spec. */
  readonly read: SenderObject | readonly ObjectFault[];
  /** Null: the label of the namespace is not a tenant's name. */
  readonly tenant: string | null;
  /** The Sender, of any namespace, that already has the domain; null: this Sender may have it. */
  readonly owner: SenderResource | null;
  /** Null: the API server forbids reading them. */
  readonly secrets: SecretValues | null;
  /** Managed keys, as `decideKeys` left them. */
  readonly keys: readonly StoredDkimKey[];
  /** DNS did not reply, so it is open whether an existing key is adopted or a new one generated. */
  readonly isKeyAwaited: boolean;
  /** One for each record that `recordsFor` asks for. */
  readonly records: readonly CheckedRecord[];
  readonly now: number;
}

/** The facts that decide, besides the spec, whether a Sender is accepted. */
export type SenderClaim = Pick<SenderFacts, 'object' | 'read' | 'tenant' | 'owner'>;

/** Parses the object. */
export function readSender({
  metadata: { name, namespace },
  spec,
}: SenderResource): SenderObject | readonly ObjectFault[] {
  const read = readObject({ apiVersion, kind: 'Sender', metadata: { name, namespace }, spec });
  if (isFaults(read)) return read;
  if (read.kind !== 'Sender') throw new Failure('internal', 'a Sender was read as another kind');
  return read;
}

/**
 * The Sender with its tenant in place of the namespace, as the catalog names it, if the namespace
 * may have it and the domain is its own.
 */
export function acceptSender({
  object,
  read,
  tenant,
  owner,
}: SenderClaim): SenderObject | readonly ObjectFault[] {
  if (isFaults(read)) return read;
  if (tenant === null) return [tenantNotAllowed];
  if (owner === null) return { ...read, metadata: { ...read.metadata, namespace: tenant } };
  const isSameNamespace = owner.metadata.namespace === object.metadata.namespace;
  const message = isSameNamespace
    ? `is taken by Sender "${owner.metadata.name}"`
    : 'is taken in another namespace';
  return [{ reason: 'DomainConflict', path: ['spec', 'domain'], message }];
}

export const compileWith = (
  spec: SenderObject,
  secrets: SecretValues,
  standing: ObservedState = {},
): Sender | readonly ObjectFault[] =>
  compileSender(spec, { secret: (name) => secrets.get(name) ?? null }, standing);

/** The DNS records that a compiled Sender and its managed keys need. */
export function recordsFor(sender: Sender, keys: readonly StoredDkimKey[]): readonly WantedRecord[] {
  return wantedRecords(sender, [...managedKeyRecords(keys), ...sender.dkim.flatMap(providedKeyRecord)]);
}

/**
 * Active keys and waiting keys. The record of a successor is only advice while an older key of the
 * same algorithm signs.
 */
function managedKeyRecords(keys: readonly StoredDkimKey[]): readonly WantedKey[] {
  const active = keys.filter(isActive);
  const standby = keys.filter(isStandby);
  const signing = new Set(active.map(({ managed }) => managed.algorithm));
  return [...active, ...standby].map((key) => ({
    selector: key.managed.selector,
    record: key.record,
    isRequired: isActive(key) || !signing.has(key.managed.algorithm),
  }));
}

const providedKeyRecord = ({ selector, privateKey }: DkimKey): readonly WantedKey[] =>
  privateKey === null ? [] : [{ selector, record: dkimRecord(privateKey), isRequired: true }];

const isActive = ({ managed }: StoredDkimKey): boolean => stateOf(managed) === 'Active';
const isStandby = ({ managed }: StoredDkimKey): boolean => stateOf(managed) === 'Standby';

const foreign: NewCondition = {
  type: 'Accepted',
  status: 'False',
  reason: 'DomainConflict',
  message: 'another source, a folder or another cluster, owns the sender of this name in the catalog',
};

export function decideSender(facts: SenderFacts): Decision {
  const { object, secrets, keys, isKeyAwaited, records, now } = facts;
  const wasVerified = object.status?.verifiedTime;
  const spec = acceptSender(facts);
  if (isFaults(spec)) return withoutEntry(faultConditions(spec), { spec: null, wasVerified });
  if (secrets === null) {
    const conditions = [conditionFromFaults('Accepted', [], true), unreadableReferences('Secrets')];
    return {
      ...withoutEntry(conditions, { spec, wasVerified }),
      nextVisitMs: operatorLimits.reconcileStoreRetryMs,
    };
  }
  const { policy } = spec.spec.verification;
  const verified =
    policy === 'Disabled' ? verificationDisabled : ({ type: 'DomainVerified', ...verify(records) } as const);
  const verifiedTime = policy === 'Disabled' ? undefined : verifiedSince(verified.status, wasVerified, now);
  const sender = compileWith(spec, secrets, {
    managedKeys: keys.filter(isActive).map(({ key }) => key),
    verified: policy !== 'Enforce' || verifiedTime !== undefined,
  });
  if (isFaults(sender)) return withoutEntry(faultConditions(sender), { spec, wasVerified });

  const isComplete = verified.status === 'True' && !keys.some(isStandby) && !isKeyAwaited;
  const periodMs = periodOf(spec);
  return {
    entry: { kind: 'sender', sender },
    conditions: [...withLineBreaks(faultConditions([]), spec, secrets), verified],
    foreign,
    fields: senderFields({ verifiedTime, keys, records }),
    ready: readyRules(spec),
    isRenamed: false,
    nextVisitMs: isComplete
      ? periodMs
      : Math.min(periodMs ?? Number.POSITIVE_INFINITY, operatorLimits.domainRecheckMs),
  };
}

function withoutEntry(
  conditions: readonly NewCondition[],
  { spec, wasVerified }: { readonly spec: SenderObject | null; readonly wasVerified: string | undefined },
): Decision {
  return {
    entry: null,
    conditions: [...conditions, pending('DomainVerified')],
    foreign,
    fields: senderFields({ verifiedTime: wasVerified, keys: [], records: [] }),
    ready: spec === null ? { isSuspended: false, isEnforced: true } : readyRules(spec),
    // neither the name nor the domain of a Sender can change
    isRenamed: false,
    nextVisitMs: spec === null ? null : periodOf(spec),
  };
}

const faultConditions = (faults: readonly ObjectFault[]): readonly NewCondition[] =>
  conditionsFromFaults(['Accepted', 'ReferencesResolved'], faults);

/** Says in ReferencesResolved which values of Secrets are used without their last line break. */
function withLineBreaks(
  conditions: readonly NewCondition[],
  { spec }: SenderObject,
  secrets: SecretValues,
): readonly NewCondition[] {
  const names = new Set(spec.routes.flatMap(({ smtp }) => smtp.credentialsSecretRef?.name ?? []));
  const notes = [...names].flatMap((name) =>
    keysWithLineBreak(secrets.get(name) ?? {}).map(
      (key) => `; the line break at the end of the key "${key}" in the Secret "${name}" is not used`,
    ),
  );
  return conditions.map((condition) =>
    condition.type === 'ReferencesResolved'
      ? { ...condition, message: `${condition.message}${notes.join('')}` }
      : condition,
  );
}

const readyRules = ({ spec }: SenderObject) => ({
  isSuspended: spec.suspend,
  isEnforced: spec.verification.policy === 'Enforce',
});

const periodOf = ({ spec: { verification } }: SenderObject): number | null =>
  verification.policy === 'Disabled' ? null : verification.periodSeconds * 1_000;

const verificationDisabled: NewCondition = {
  type: 'DomainVerified',
  status: 'True',
  reason: 'VerificationDisabled',
  message: 'DNS is not checked',
};

/** A failed DNS lookup does not revoke an earlier verification. */
function verifiedSince(
  status: NewCondition['status'],
  before: string | undefined,
  now: number,
): string | undefined {
  if (status === 'True') return before ?? timeText(now);
  return status === 'Unknown' ? before : undefined;
}
