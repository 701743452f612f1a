// How an entry and its tenant travel: the entry as compact JSON, tier and tenant in the subject, so
// that the server can bound each tenant's window.

import { type Tier, tiers } from '../../core/delivery/message.ts';
import { parseMessageId } from '../../core/ids.ts';
import type { Entry } from '../../ports/work-queue.ts';

const VERSION = 1;

/**
 * `{v, m, d, a, n, t}`: version, message, delivery, attempt, domain, trace (left out when there is
 * none).
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

/** Null when it is nothing that this version could have written. */
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
 * `<stream>.<tier>.<tenant>`. The tenant is one token of the subject whatever it holds: dots,
 * spaces and wildcards are escaped.
 */
export function subjectOf(stream: string, tier: Tier, tenant: string): string {
  return `${stream}.${tier}.${encodeURIComponent(tenant).replace(/[.*]/g, (c) => (c === '.' ? '%2E' : '%2A'))}`;
}

/** Null for a subject that `subjectOf` cannot have made. */
export function parseSubject(subject: string): { readonly tier: Tier; readonly tenant: string } | null {
  const [, first, token = '', ...rest] = subject.split('.');
  const tier = tiers.find((t) => t === first);
  if (tier === undefined || token === '' || rest.length > 0) return null;
  try {
    return { tier, tenant: decodeURIComponent(token) };
  } catch {
    return null;
  }
}
