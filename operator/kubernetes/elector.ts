// Which of several operators works: whoever holds the Lease. Only so that two do not do the same work: what they write bears their term, and an older
// one changes nothing.

import { Failure } from '../../services/core/failure.ts';
import { limits } from '../../services/core/limits.ts';
import type { Clock } from '../../services/ports/clock.ts';
import type { CallOptions, KubernetesClient } from './client.ts';
import { type Lease, leases, type ObjectKey } from './resource.ts';

export interface ElectorParts {
  readonly client: Pick<KubernetesClient, 'get' | 'create' | 'update'>;
  readonly clock: Clock;
  readonly lease: ObjectKey;
  /** Differs from that of each other candidate. */
  readonly identity: string;
  /** A term above all that were ever written with: whoever deletes the Lease, or counts it back, does no harm. May reject; then the Lease's own count is used. */
  readonly freshTerm: () => Promise<number>;
  readonly report: (what: string, error: unknown) => void;
}

export interface Leadership {
  /** Grows with each new leader. */
  readonly term: number;
  /** Aborts when the Lease is no longer ours, or may not be. */
  readonly lost: AbortSignal;
  /** Gives it back, so that another need not wait until it is over. Resolves once that is written, or cannot be. */
  release(): Promise<void>;
}

interface Held {
  readonly lease: Lease;
  readonly term: number;
}

/** Waits for its turn. Rejects when the signal aborts first. */
export async function elect(parts: ElectorParts, signal: AbortSignal): Promise<Leadership> {
  const { clock } = parts;
  /** The record as it was seen last, and since when: times in it are by the clocks of others, and say nothing. */
  let seen = { record: '', since: clock.monotonic() };
  while (!signal.aborted) {
    try {
      const lease = await read(parts);
      const record = JSON.stringify(lease?.spec ?? null);
      if (record !== seen.record) seen = { record, since: clock.monotonic() };
      const durationMs = (lease?.spec?.leaseDurationSeconds ?? limits.electionSeconds) * 1_000;
      const isFree = !lease?.spec?.holderIdentity || lease.spec.holderIdentity === parts.identity;
      if (isFree || clock.monotonic() - seen.since >= durationMs) {
        const held = await take(parts, lease);
        if (held !== null) return keep(parts, held);
      }
    } catch (error) {
      parts.report('the Lease could not be asked for', error);
    }
    await clock.sleep(limits.electionRetryMs, signal);
  }
  throw new Failure('unavailable', 'stopped before it was elected');
}

async function read({ client, lease }: ElectorParts): Promise<Lease | null> {
  try {
    return await client.get(leases, lease);
  } catch (error) {
    if (error instanceof Failure && error.kind === 'not_found') return null;
    throw error;
  }
}

/** Null: another one was faster. */
async function take(parts: ElectorParts, lease: Lease | null): Promise<Held | null> {
  const next = (lease?.spec?.leaseTransitions ?? 0) + 1;
  const fresh = await parts.freshTerm().catch((error: unknown) => {
    // what is written then is refused if it has to be
    parts.report('the catalog could not be asked for its newest term', error);
    return next;
  });
  const term = Math.max(next, fresh);
  const time = microTime(parts.clock.now());
  const spec = {
    holderIdentity: parts.identity,
    leaseDurationSeconds: limits.electionSeconds,
    acquireTime: time,
    renewTime: time,
    leaseTransitions: term,
  };
  return write(parts, { metadata: lease?.metadata ?? parts.lease, spec }, term);
}

async function write({ client }: ElectorParts, lease: Lease, term: number, options: CallOptions = {}): Promise<Held | null> {
  try {
    const isNew = lease.metadata.resourceVersion === undefined;
    return { lease: await (isNew ? client.create(leases, lease, options) : client.update(leases, lease, options)), term };
  } catch (error) {
    if (error instanceof Failure && error.kind === 'conflict') return null;
    throw error;
  }
}

function keep(parts: ElectorParts, first: Held): Leadership {
  const { clock } = parts;
  const lost = new AbortController();
  const stopped = new AbortController();
  let held = first;

  const renewing = (async () => {
    let renewedAt = clock.monotonic();
    while (!stopped.signal.aborted) {
      await clock.sleep(limits.electionRetryMs, stopped.signal);
      if (stopped.signal.aborted) return;
      const askedAt = clock.monotonic();
      const leftMs = renewedAt + limits.electionRenewByMs - askedAt;
      // an answer that is late is none: another one may lead by then
      const answered = new AbortController();
      const late = new AbortController();
      void clock.sleep(leftMs, answered.signal).then(() => late.abort(new Failure('unavailable', 'the Lease was not renewed in time')));
      try {
        const next = leftMs > 0 ? await renew(parts, held, late.signal) : null;
        // whoever woke up late may find that it wrote after another had taken over: the server would have refused that
        if (next === null) return lost.abort();
        held = next;
        renewedAt = askedAt;
      } catch (error) {
        parts.report('the Lease could not be renewed', error);
        if (clock.monotonic() - renewedAt >= limits.electionRenewByMs) return lost.abort();
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
      const spec = { ...held.lease.spec, holderIdentity: '', leaseDurationSeconds: 1, renewTime: microTime(clock.now()) };
      await write(parts, { ...held.lease, spec }, held.term).catch((error: unknown) =>
        parts.report('the Lease could not be given back', error),
      );
    },
  };
}

const renew = (parts: ElectorParts, { lease, term }: Held, signal: AbortSignal): Promise<Held | null> =>
  write(parts, { ...lease, spec: { ...lease.spec, renewTime: microTime(parts.clock.now()) } }, term, { signal });

/** RFC 3339 with six digits of a second, which the server insists on. */
export const microTime = (milliseconds: number): string => new Date(milliseconds).toISOString().replace('Z', '000Z');
