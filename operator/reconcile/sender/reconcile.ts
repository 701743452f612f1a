// One visit to a Sender: gather what it is about, judge it by pure functions, publish it, say how it stands. Answers when to come again.

import { type DkimAlgorithm, type DkimKey, senderKey } from '../../../services/core/catalog.ts';
import { compileSender, domainName, type Standing } from '../../../services/core/compile-sender.ts';
import { dkimRecord } from '../../../services/core/dkim/key.ts';
import { type JudgedRecord, judgeRecord, verify, type WantedKey, wantedRecords } from '../../../services/core/domain-records.ts';
import { Failure } from '../../../services/core/failure.ts';
import { isFaults, type ObjectFault } from '../../../services/core/fault.ts';
import { limits } from '../../../services/core/limits.ts';
import type { MessageStatus } from '../../../services/core/message.ts';
import { apiVersion, readObject, type SenderObject } from '../../../services/core/objects.ts';
import { type SenderResource, senders } from '../../api/v1alpha1/resources.ts';
import type { SenderStatus } from '../../api/v1alpha1/status.ts';
import { type Secret, secrets } from '../../kubernetes/resource.ts';
import { type Judged, judgeFaults, judgeReady, notReadable, pending, timeText } from '../conditions.ts';
import { type Context, isOlder, keyOf, sourceOf } from '../context.ts';
import { type Publication, type Published, publish, publishedBefore, publishedTime } from '../publish.ts';
import { namesIn, secretFields } from '../references.ts';
import { tenantNotAllowed } from '../tenants.ts';
import { REQUESTED_AT, writeStatus } from '../write-status.ts';
import { decideKeys, stateOf } from './decide-keys.ts';
import { createKey, type KeptKey, readKeys, removeKey, updateKey } from './key-secrets.ts';

export const FINALIZER = 'packetboat.dev/drain';
const MINUTE = 60_000;
const algorithmOf: Record<SenderObject['spec']['dkim']['algorithms'][number], DkimAlgorithm> = {
  RSA2048: 'rsa-sha256',
  Ed25519: 'ed25519-sha256',
};
const unfinished: readonly MessageStatus[] = ['queued', 'scheduled', 'sending', 'deferred'];

export async function reconcileSender(context: Context, object: SenderResource): Promise<number | null> {
  const { metadata } = object;
  if (metadata.deletionTimestamp !== undefined) return retire(context, object);
  if (!metadata.finalizers?.includes(FINALIZER)) {
    const { resourceVersion = '' } = metadata;
    // the change wakes us again
    await context.client.patchMetadata(
      senders,
      { ...keyOf(object), resourceVersion },
      { finalizers: [...(metadata.finalizers ?? []), FINALIZER] },
    );
    return null;
  }

  const { tenant, spec, faults } = await readSender(context, object);
  if (spec === null)
    return settle(context, object, [...judgeAll(faults, false), pending('DomainVerified'), pending('Published')], {
      spec: null,
      records: [],
      keys: [],
    });

  const values = await readSecrets(context, object).catch((error: unknown) => notReadable('Secrets', error));
  if ('reason' in values) {
    const judged = [judgeFaults('Accepted', [], true), values, pending('DomainVerified'), pending('Published')];
    await settle(context, object, judged, { spec, records: [], keys: [] });
    return limits.reconcileStoreRetryMs;
  }
  const compileAs = (standing: Standing) =>
    compileSender({ ...spec, metadata: { ...spec.metadata, namespace: tenant } }, { secret: (name) => values.get(name) ?? null }, standing);
  const draft = compileAs({});
  if (isFaults(draft))
    return settle(context, object, [...judgeAll(draft, false), pending('DomainVerified'), pending('Published')], {
      spec,
      records: [],
      keys: [],
    });

  const managed = await manageKeys(context, object, spec);
  const wanted = wantedRecords(draft, [...managed.wanted, ...draft.dkim.flatMap(providedKey)]);
  const isAsked = spec.spec.verification.policy !== 'Disabled';
  const { periodSeconds } = spec.spec.verification;
  const about = `${metadata.generation} ${metadata.annotations?.[REQUESTED_AT]}`;
  const records = isAsked
    ? await context.lookUps.judge(metadata.uid ?? '', wanted, { about, periodMs: periodSeconds * 1_000 })
    : wanted.map((record) => judgeRecord(record, null));
  const verified = isAsked ? judgeDomain(records) : notAsked;

  const isEnforced = spec.spec.verification.policy === 'Enforce';
  const wasVerified = object.status?.verifiedTime;
  const verifiedTime = isAsked ? sinceWhen(verified.status, wasVerified, context.clock.now()) : undefined;
  // a DNS server that cannot be asked stops nobody who was verified before
  const isVerified = !isEnforced || verifiedTime !== undefined;
  const sender = compileAs({ managedKeys: managed.active.map(({ key }) => key), verified: isVerified });
  if (isFaults(sender)) throw new Failure('internal', 'a sender compiles without its keys and not with them');
  const published = await publish(context, object, { kind: 'sender', sender });
  const accepted = published.isForeign ? [foreign(), pending('ReferencesResolved')] : judgeAll([], true);
  const seen = verifiedTime === undefined ? {} : { verifiedTime };
  const status =
    published.revision === null
      ? { ...publishedBefore(object.status), ...seen }
      : {
          ...seen,
          revision: published.revision,
          configHash: sender.hash,
          publishedTime: publishedTime(context, object.status, published.isNew),
        };
  const again = await settle(context, object, [...accepted, verified, published.judged], { spec, records, keys: managed.all }, status);
  if (published.judged.status === 'False') return limits.reconcileStoreRetryMs;
  return verified.status === 'True' && !managed.isWaiting ? again : Math.min(again ?? Number.POSITIVE_INFINITY, MINUTE);
}

interface Read {
  readonly tenant: string;
  readonly spec: SenderObject | null;
  readonly faults: readonly ObjectFault[];
}

async function readSender(context: Context, object: SenderResource): Promise<Read> {
  const { metadata, spec } = object;
  const refused = (fault: ObjectFault): Read => ({ tenant: '', spec: null, faults: [fault] });
  const read = readObject({ apiVersion, kind: 'Sender', metadata: { name: metadata.name, namespace: metadata.namespace }, spec });
  if (isFaults(read)) return { tenant: '', spec: null, faults: read };
  if (read.kind !== 'Sender') throw new Failure('internal', 'a Sender was read as something else');
  const tenant = await context.tenants.of(metadata.namespace ?? '');
  if (tenant === null) return refused(tenantNotAllowed);
  const domain = domainName(read.spec.domain);
  const others = context.senders.by('domain', domain);
  const owner = others.find((other) => other.metadata.uid !== metadata.uid && isOlder(other, object));
  if (owner === undefined) return { tenant, spec: read, faults: [] };
  const isNear = owner.metadata.namespace === metadata.namespace;
  const message = isNear ? `is taken by Sender "${owner.metadata.name}"` : 'is taken in another namespace';
  return refused({ reason: 'DomainConflict', path: ['spec', 'domain'], message });
}

/** In clear, by name; null: there is none. */
async function readSecrets(
  { client }: Context,
  { metadata, spec }: SenderResource,
): Promise<ReadonlyMap<string, Readonly<Record<string, string>> | null>> {
  const read = namesIn(spec, secretFields).map(async (name) => {
    try {
      const { data = {} }: Secret = await client.get(secrets, { namespace: metadata.namespace ?? '', name });
      return [
        name,
        Object.fromEntries(Object.entries(data).map(([key, value]) => [key, Buffer.from(value, 'base64').toString('utf8')])),
      ] as const;
    } catch (error) {
      if (error instanceof Failure && error.kind === 'not_found') return [name, null] as const;
      throw error;
    }
  });
  return new Map(await Promise.all(read));
}

interface Managed {
  readonly all: readonly KeptKey[];
  readonly active: readonly KeptKey[];
  /** Those whose record is to be in DNS: what signs, and what is to sign. */
  readonly wanted: readonly WantedKey[];
  /** A key is still to be seen. */
  readonly isWaiting: boolean;
}

/** Asks the server only where a Secret is known here; one that is not known yet causes a visit once it is. */
async function readKnownKeys(context: Context, object: SenderResource): Promise<readonly KeptKey[]> {
  return context.secrets.by('sender', object.metadata.uid ?? '').length === 0 ? [] : readKeys(context, object);
}

/** Carries out what `decideKeys` says. Keys that are made now are looked at on the visit that their Secret causes. */
async function manageKeys(context: Context, object: SenderResource, { spec }: SenderObject): Promise<Managed> {
  const { policy, algorithms, rotationPeriodDays } = spec.dkim;
  const kept = policy === 'Managed' ? await readKeys(context, object) : await readKnownKeys(context, object);
  const domain = domainName(spec.domain);
  const seen = new Map<string, boolean | null>();
  for (const { managed, record } of kept) {
    if (stateOf(managed) !== 'Standby') continue;
    const [wanted] = wantedRecords({ domain, returnPathDomain: domain, routes: [] }, [
      { selector: managed.selector, record, isRequired: true },
    ]);
    if (wanted === undefined) continue;
    const { state } = judgeRecord(wanted, await context.lookUps.find(wanted));
    seen.set(managed.selector, state === 'Unknown' ? null : state === 'Found');
  }
  const decided = decideKeys(
    kept.map(({ managed }) => managed),
    {
      algorithms: policy === 'Managed' ? algorithms.map((name) => algorithmOf[name]) : [],
      rotationMs: rotationPeriodDays * 24 * 60 * MINUTE,
      now: context.clock.now(),
      isSeen: ({ selector }) => seen.get(selector) ?? null,
    },
  );
  const bySelector = new Map(kept.map((key) => [key.managed.selector, key]));
  for (const { selector } of decided.remove) {
    const key = bySelector.get(selector);
    if (key !== undefined) await removeKey(context, key);
  }
  const all: KeptKey[] = [];
  for (const next of decided.keys) {
    const key = bySelector.get(next.selector);
    if (key === undefined) continue;
    await updateKey(context, key, next);
    all.push({ ...key, managed: next });
  }
  for (const algorithm of decided.create) await createKey(context, object, algorithm);
  const made =
    decided.create.length === 0 ? [] : (await readKeys(context, object)).filter(({ managed }) => !bySelector.has(managed.selector));
  const both = [...all, ...made];
  const is = (state: ReturnType<typeof stateOf>) => both.filter(({ managed }) => stateOf(managed) === state);
  const signing = new Set(is('Active').map(({ managed }) => managed.algorithm));
  const wanted = [...is('Active'), ...is('Standby')].map(({ managed, record }) => ({
    selector: managed.selector,
    record,
    isRequired: stateOf(managed) === 'Active' || !signing.has(managed.algorithm),
  }));
  return { all: both, active: is('Active'), wanted, isWaiting: is('Standby').length > 0 };
}

const providedKey = ({ selector, privateKey }: DkimKey): readonly WantedKey[] =>
  privateKey === null ? [] : [{ selector, record: dkimRecord(privateKey), isRequired: true }];

const notAsked: Judged = { type: 'DomainVerified', status: 'True', reason: 'VerificationDisabled', message: 'DNS is not asked' };

function sinceWhen(status: Judged['status'], before: string | undefined, now: number): string | undefined {
  if (status === 'True') return before ?? timeText(now);
  return status === 'Unknown' ? before : undefined;
}

function judgeDomain(records: readonly JudgedRecord[]): Judged {
  return { type: 'DomainVerified', ...verify(records) };
}

const judgeAll = (faults: readonly ObjectFault[], isReached: boolean): readonly Judged[] => {
  const accepted = judgeFaults('Accepted', faults, true);
  return [accepted, judgeFaults('ReferencesResolved', faults, isReached || accepted.status === 'True')];
};

const foreign = (): Judged => ({
  type: 'Accepted',
  status: 'False',
  reason: 'DomainConflict',
  message: 'the catalog has a sender of this name from another source, a folder or another cluster',
});

interface Seen {
  readonly spec: SenderObject | null;
  readonly records: readonly JudgedRecord[];
  readonly keys: readonly KeptKey[];
}

/** Writes the status; answers when to look at DNS again. */
async function settle(
  context: Context,
  object: SenderResource,
  judged: readonly Judged[],
  { spec, records, keys }: Seen,
  published: Published & Pick<SenderStatus, 'verifiedTime'> = lastPublished(object),
): Promise<number | null> {
  const { policy, periodSeconds } = spec?.spec.verification ?? { policy: 'Enforce', periodSeconds: 0 };
  const ready = judgeReady(judged, { isSuspended: spec?.spec.suspend ?? false, isEnforced: policy === 'Enforce' });
  const time = (at: number | null, field: string) => (at === null ? {} : { [field]: timeText(at) });
  await writeStatus(context, senders, object, [...judged, ready], {
    ...published,
    ...(keys.length === 0
      ? {}
      : {
          dkimKeys: keys.map(({ managed, key, secret }) => ({
            selector: managed.selector,
            algorithm: managed.algorithm,
            state: stateOf(managed),
            secretName: secret.metadata.name,
            fingerprint: key.fingerprint,
            createdTime: timeText(managed.createdAt),
            ...time(managed.seenAt, 'seenTime'),
            ...time(managed.retiredAt ?? managed.activeAt, 'changedTime'),
          })),
        }),
    ...(records.length === 0
      ? {}
      : {
          dnsRecords: records.map(({ purpose, name, type, value, state, isRequired }) => ({
            purpose,
            name,
            type,
            value,
            state,
            required: isRequired,
          })),
        }),
  });
  return policy === 'Disabled' || periodSeconds === 0 ? null : periodSeconds * 1_000;
}

const lastPublished = (object: SenderResource): Published & Pick<SenderStatus, 'verifiedTime'> => ({
  ...publishedBefore(object.status),
  ...(object.status?.verifiedTime === undefined ? {} : { verifiedTime: object.status.verifiedTime }),
});

/**
 * A Sender that is being deleted sees off its mail: it takes none any more, and goes once there is none left, at the earliest when each ingest must have
 * heard of it. A store that is away keeps it.
 */
async function retire(context: Context, object: SenderResource): Promise<number | null> {
  const { metadata } = object;
  context.lookUps.forget(metadata.uid ?? '');
  if (!metadata.finalizers?.includes(FINALIZER)) return null;
  const tenant = await context.tenants.of(metadata.namespace ?? '');
  const published = tenant === null ? null : await publishRetiring(context, object, tenant);
  if (published?.judged.status === 'False') return limits.reconcileStoreRetryMs;
  // what another source has under this name is not ours to see off
  if (tenant !== null && !published?.isForeign) {
    const heardAt = Date.parse(metadata.deletionTimestamp ?? '') + limits.catalogHeadEveryMs + limits.drainLookMs;
    if (context.clock.now() < heardAt || (await hasMail(context, tenant, metadata.name))) return limits.drainLookMs;
    await context.writer.remove(sourceOf(context, object), senderKey(tenant, metadata.name));
  }
  const { resourceVersion = '' } = metadata;
  const finalizers = metadata.finalizers.filter((one) => one !== FINALIZER);
  await context.client.patchMetadata(senders, { ...keyOf(object), resourceVersion }, { finalizers });
  return null;
}

/** Null: it has faults, and what was published last sees off the mail. */
async function publishRetiring(context: Context, object: SenderResource, tenant: string): Promise<Publication | null> {
  const { spec } = await readSender(context, object);
  if (spec === null) return null;
  const values = await readSecrets(context, object);
  const active = (await readKnownKeys(context, object)).filter(({ managed }) => stateOf(managed) === 'Active');
  const sender = compileSender(
    { ...spec, metadata: { ...spec.metadata, namespace: tenant } },
    { secret: (name) => values.get(name) ?? null },
    {
      managedKeys: active.map(({ key }) => key),
      verified: spec.spec.verification.policy !== 'Enforce' || object.status?.verifiedTime !== undefined,
      retiring: true,
    },
  );
  return isFaults(sender) ? null : publish(context, object, { kind: 'sender', sender });
}

async function hasMail({ messages }: Context, tenant: string, sender: string): Promise<boolean> {
  for (const status of unfinished) if ((await messages.list({ tenant, sender, status, limit: 1 })).length > 0) return true;
  return false;
}
