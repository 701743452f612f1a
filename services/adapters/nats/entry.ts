// The wire format of an entry: compact JSON, with the lane in the subject, so that the server can
// bound the window of each lane.

import { tiers } from '../../core/delivery/message.ts';
import type { Lane } from '../../core/delivery/pacing/lane.ts';
import { parseMessageId } from '../../core/ids.ts';
import type { Entry } from '../../ports/work-queue.ts';

const VERSION = 1;

/**
 * `{v, m, d, a, n, t}`: version, message, delivery, attempt, domain, trace. `t` is left out without
 * a trace.
 */
export const encodeEntry = ({ message, delivery, attempt, domain, trace }: Entry): string =>
  JSON.stringify({
    v: VERSION,
    m: message,
    d: delivery,
    a: attempt,
    n: domain,
    ...(trace === null ? {} : { t: trace }),
  });

/** Parses an entry. Null if no writer of this version could have written it. */
export function parseEntry(text: string): Entry | null {
  let raw: unknown;
  try {
    raw = JSON.parse(text);
  } catch {
    return null;
  }
  if (typeof raw !== 'object' || raw === null) return null;
  const { v, m, d, a, n, t = null } = raw as Record<string, unknown>;
  const message = typeof m === 'string' ? parseMessageId(m) : null;
  if (v !== VERSION || message === null || !isCount(d, 0) || !isCount(a, 1) || typeof n !== 'string')
    return null;
  if (t !== null && typeof t !== 'string') return null;
  return { message, delivery: d, attempt: a, domain: n, trace: t };
}

const isCount = (value: unknown, min: number): value is number =>
  Number.isSafeInteger(value) && (value as number) >= min;

/**
 * `<stream>.<tier>.<tenant>.<sender>`. Tenant and sender are one token each: dots, spaces and
 * wildcards are escaped.
 */
export const subjectOf = (stream: string, { tier, tenant, sender }: Lane): string =>
  `${stream}.${tier}.${tokenOf(tenant)}.${tokenOf(sender)}`;

const tokenOf = (name: string): string =>
  encodeURIComponent(name).replace(/[.*]/g, (c) => (c === '.' ? '%2E' : '%2A'));

/** Parses a subject. Null if `subjectOf` could not have made it. */
export function parseSubject(subject: string): Lane | null {
  const [, first, tenant = '', sender = '', ...rest] = subject.split('.');
  const tier = tiers.find((t) => t === first);
  if (tier === undefined || tenant === '' || sender === '' || rest.length > 0) return null;
  try {
    return { tier, tenant: decodeURIComponent(tenant), sender: decodeURIComponent(sender) };
  } catch {
    return null;
  }
}
