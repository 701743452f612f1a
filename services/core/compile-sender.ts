// From a Sender object to the compiled sender that services read. What one object and its Secrets can tell; whether another sender claims the same
// domain is judged where all are known (`compile.ts`, later the operator).

import { domainOf, isRefusal, type Mailbox, parseAddress, parseDomain, parseMailbox } from './address.ts';
import type { Route, Sender } from './catalog.ts';
import { contentHash } from './content-hash.ts';
import { type FaultPath, type FaultReason, isFaults, type ObjectFault } from './fault.ts';
import { limits } from './limits.ts';
import { defaultTenant, type SenderObject } from './objects.ts';

export interface SenderReferences {
  /** The values of a Secret of the same namespace, in clear; null when there is none. */
  secret(name: string): Readonly<Record<string, string>> | null;
}

type RouteObject = SenderObject['spec']['routes'][number];

/** `revision` is 0: the writer of the catalog numbers it. The hash leaves credentials out, so a rotated password does not change it. */
export function compileSender(object: SenderObject, references: SenderReferences): Sender | readonly ObjectFault[] {
  const { spec, metadata } = object;
  const faults: ObjectFault[] = [];
  const add = (reason: FaultReason, path: FaultPath, message: string): void => {
    faults.push({ reason, path: ['spec', ...path], message });
  };

  const domain = domainName(spec.domain);
  const from = mailboxOf(spec.from.name, spec.from.address);
  if (from === null) add('InvalidSpec', ['from', 'name'], 'must be a name without control characters');
  else if (!liesIn(domainOf(from.address), domain)) add('InvalidSpec', ['from', 'address'], `must lie in ${domain}`);
  const returnPathDomain = domainName(spec.returnPathDomain ?? spec.domain);
  if (!liesIn(returnPathDomain, domain)) add('InvalidSpec', ['returnPathDomain'], `must lie in ${domain}`);

  if (spec.dkim.policy === 'Provided')
    add('InvalidSpec', ['dkim', 'policy'], 'must be Managed or Disabled: signing with keys of your own does not work yet');

  const routes = spec.routes.flatMap((route, at) => {
    if (spec.routes.findIndex(({ name }) => name === route.name) < at) {
      add('InvalidSpec', ['routes', at, 'name'], 'must be different from the other routes');
    }
    const compiled = compileRoute(route, ['spec', 'routes', at, 'smtp'], references);
    if (!isFaults(compiled)) return [compiled];
    faults.push(...compiled);
    return [];
  });

  if (faults.length > 0 || from === null) return faults;
  const sender: Omit<Sender, 'hash'> = {
    tenant: metadata.namespace ?? defaultTenant,
    name: metadata.name,
    revision: 0,
    suspended: spec.suspend,
    verified: true,
    retiring: false,
    domain,
    from,
    replyTo: spec.replyTo.map((text) => parseMailbox(text)).filter((reply): reply is Mailbox => !isRefusal(reply)),
    returnPathDomain,
    team: spec.team.map(teamMember),
    routes,
    limits: {
      messagesPerSecond: spec.limits.messagesPerSecond,
      messagesPerDay: spec.limits.messagesPerDay,
      // 0 means no limit of the sender's own; the platform's stays.
      maxRecipients: spec.limits.maxRecipients || limits.recipientsMax,
      maxMessageBytes: spec.limits.maxMessageBytes || limits.bodyBytesMax,
    },
    retry: { delaysMs: spec.retry.delaysSeconds.map((seconds) => seconds * 1_000), maxAgeMs: spec.retry.maxAgeSeconds * 1_000 },
    copies: spec.copies === 'AtMostOnce' ? 'at_most_once' : 'at_least_once',
    dkim: [],
  };
  const open = { ...sender, revision: undefined, routes: routes.map((route) => ({ ...route, credentials: route.credentials !== null })) };
  return { ...sender, hash: contentHash(open) };
}

/** True when a domain is another one or lies below it. */
function liesIn(inner: string, outer: string): boolean {
  return inner === outer || inner.endsWith(`.${outer}`);
}

function compileRoute(route: RouteObject, path: FaultPath, references: SenderReferences): Route | readonly ObjectFault[] {
  const { host, port, tls, credentialsSecretRef, caSecretRef } = route.smtp;
  const faults: ObjectFault[] = [];
  const read = (secret: string, keys: readonly string[], field: string): readonly string[] => {
    const values = references.secret(secret);
    const add = (reason: FaultReason, message: string) => faults.push({ reason, path: [...path, field], message });
    if (values === null) {
      add('SecretNotFound', `there is no Secret "${secret}" in this namespace`);
      return [];
    }
    for (const key of keys) if (!Object.hasOwn(values, key)) add('SecretKeyMissing', `the Secret "${secret}" has no key "${key}"`);
    return keys.map((key) => values[key] ?? '');
  };

  const login = credentialsSecretRef ? read(credentialsSecretRef.name, ['username', 'password'], 'credentialsSecretRef') : null;
  const ca = caSecretRef ? (read(caSecretRef.name, [caSecretRef.key], 'caSecretRef')[0] ?? null) : null;
  if (faults.length > 0) return faults;
  if (ca !== null && !ca.includes('-----BEGIN CERTIFICATE-----')) {
    return [{ reason: 'InvalidKey', path: [...path, 'caSecretRef'], message: 'is not a certificate in PEM' }];
  }
  const [username = '', password = ''] = login ?? [];
  return {
    name: route.name,
    host: host.toLowerCase(),
    port,
    tls,
    credentials: login ? { username, password } : null,
    ca,
  };
}

// What follows reads again what `objects.ts` has found readable, for the canonical spelling.

export function domainName(text: string): string {
  const domain = parseDomain(text);
  return typeof domain === 'string' ? domain : text;
}

function mailboxOf(name: string | undefined, address: string): Mailbox | null {
  const mailbox = parseMailbox(name ? { name, address } : { address });
  return isRefusal(mailbox) ? null : mailbox;
}

function teamMember(text: string): string {
  if (text.startsWith('*@')) return `*@${domainName(text.slice(2))}`;
  const address = parseAddress(text);
  return (isRefusal(address) ? text : address).toLowerCase();
}
