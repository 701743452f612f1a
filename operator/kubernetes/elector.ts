// Leader election by a Lease, so that two operators do not do the same work. Correctness does not
// depend on it: each write to the catalog carries the leader's term, and a write of an older term
// changes nothing.

import { Failure } from '../../services/core/failure.ts';
import { kubernetesLimits } from '../../services/core/limits/kubernetes.ts';
import type { Clock } from '../../services/ports/clock.ts';
import type { CallOptions, KubernetesClient } from './client.ts';
import { type Lease, leases, type ObjectKey } from './resource.ts';

export interface ElectorParts {
  readonly client: Pick<KubernetesClient, 'get' | 'create' | 'update'>;
  readonly clock: Clock;
  readonly lease: ObjectKey;
  /** Unique among the candidates. */
  readonly identity: string;
  /**
   * A term above every term in the catalog, so that a deleted or reset Lease does no harm. When it
   * rejects, the Lease's own count is used.
   */
  readonly freshTerm: () => Promise<number>;
  readonly report: (what: string, error: unknown) => void;
}

export interface Leadership {
  /** Increases with each new leader. */
  readonly term: number;
  /** Aborts when the Lease is lost or may be lost. */
  readonly lost: AbortSignal;
  /**
   * Releases the Lease, so that the next leader need not wait for it to expire. Resolves when the
   * write has succeeded or failed.
   */
  release(): Promise<void>;
}

interface HeldLease {
  readonly lease: Lease;
  readonly term: number;
}

/** Resolves when this candidate leads. Rejects when the signal aborts first. */
export async function elect(parts: ElectorParts, signal: AbortSignal): Promise<Leadership> {
  const { clock } = parts;
  /**
   * The last record, and when it changed by this process's clock: the times in the record come from
   * other clocks and are ignored.
   */
  let observed = { record: '', since: clock.monotonic() };
  while (!signal.aborted) {
    try {
      const lease = await read(parts);
      const record = JSON.stringify(lease?.spec ?? null);
      if (record !== observed.record) observed = { record, since: clock.monotonic() };
      const durationMs = (lease?.spec?.leaseDurationSeconds ?? kubernetesLimits.electionSeconds) * 1_000;
      const isFree = !lease?.spec?.holderIdentity || lease.spec.holderIdentity === parts.identity;
      if (isFree || clock.monotonic() - observed.since >= durationMs) {
        const held = await take(parts, lease);
        if (held !== null) return keep(parts, held);
      }
    } catch (error) {
      parts.report('the Lease could not be read or acquired', error);
    }
    await clock.sleep(kubernetesLimits.electionRetryMs, signal);
  }
  throw new Failure('unavailable', 'stopped before the election was won');
}

async function read({ client, lease }: ElectorParts): Promise<Lease | null> {
  try {
    return await client.get(leases, lease);
  } catch (error) {
    if (error instanceof Failure && error.kind === 'not_found') return null;
    throw error;
  }
}

/** Null: another candidate was faster. */
async function take(parts: ElectorParts, lease: Lease | null): Promise<HeldLease | null> {
  const next = (lease?.spec?.leaseTransitions ?? 0) + 1;
  const fresh = await parts.freshTerm().catch((error: unknown) => {
    // the catalog refuses writes of a term that is too old
    parts.report('the newest term in the catalog could not be read', error);
    return next;
  });
  const term = Math.max(next, fresh);
  const time = microTime(parts.clock.now());
  const spec = {
    holderIdentity: parts.identity,
    leaseDurationSeconds: kubernetesLimits.electionSeconds,
    acquireTime: time,
    renewTime: time,
    leaseTransitions: term,
  };
  return write(parts, { metadata: lease?.metadata ?? parts.lease, spec }, term);
}

async function write(
  { client }: ElectorParts,
  lease: Lease,
  term: number,
  options: CallOptions = {},
): Promise<HeldLease | null> {
  try {
    const isNew = lease.metadata.resourceVersion === undefined;
    return {
      lease: await (isNew ? client.create(leases, lease, options) : client.update(leases, lease, options)),
      term,
    };
  } catch (error) {
    if (error instanceof Failure && error.kind === 'conflict') return null;
    throw error;
  }
}

function keep(parts: ElectorParts, first: HeldLease): Leadership {
  const { clock } = parts;
  const lost = new AbortController();
  const stopped = new AbortController();
  let held = first;

  const renewing = (async () => {
    let renewedAt = clock.monotonic();
    while (!stopped.signal.aborted) {
      await clock.sleep(kubernetesLimits.electionRetryMs, stopped.signal);
      if (stopped.signal.aborted) return;
      const askedAt = clock.monotonic();
      const leftMs = renewedAt + kubernetesLimits.electionRenewByMs - askedAt;
      // after the deadline another candidate may lead, so a late response does not count
      const answered = new AbortController();
      const late = new AbortController();
      void clock
        .sleep(leftMs, answered.signal)
        .then(() => late.abort(new Failure('unavailable', 'the Lease was not renewed in time')));
      try {
        const next = leftMs > 0 ? await renew(parts, held, late.signal) : null;
        // null after a late wake-up, or because another candidate has taken over
        if (next === null) return lost.abort();
        held = next;
        renewedAt = askedAt;
      } catch (error) {
        parts.report('the Lease could not be renewed', error);
        if (clock.monotonic() - renewedAt >= kubernetesLimits.electionRenewByMs) return lost.abort();
      } finally {
        answered.abort();
      }
    }
  })();

  return {
    term: first.term,
    lost: lost.signal,
    async release() {
      stopped.abort();
      await renewing;
      if (lost.signal.aborted) return;
      lost.abort();
      const spec = {
        ...held.lease.spec,
        holderIdentity: '',
        leaseDurationSeconds: 1,
        renewTime: microTime(clock.now()),
      };
      await write(parts, { ...held.lease, spec }, held.term).catch((error: unknown) =>
        parts.report('the Lease could not be released', error),
      );
    },
  };
}

const renew = (
  parts: ElectorParts,
  { lease, term }: HeldLease,
  signal: AbortSignal,
): Promise<HeldLease | null> =>
  write(parts, { ...lease, spec: { ...lease.spec, renewTime: microTime(parts.clock.now()) } }, term, {
    signal,
  });

/** RFC 3339 with microseconds, as the server requires. */
export const microTime = (milliseconds: number): string =>
  new Date(milliseconds).toISOString().replace('Z', '000Z');
