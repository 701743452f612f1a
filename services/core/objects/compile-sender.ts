// Compiles a Sender object and its Secrets into the sender that services read. If several Senders
// claim a domain, `compile-folder.ts` and the operator decide which one has it.

import {
  canonical,
  domainOf,
  isRefusal,
  type Mailbox,
  parseAddress,
  parseDomain,
  parseMailbox,
} from '../address.ts';
import type { DkimKey, Route, RouteCredentials, Sender } from '../catalog/catalog.ts';
import { contentHash } from '../catalog/content-hash.ts';
import { type FaultPath, type FaultReason, isFaults, type ObjectFault } from '../documents/fault.ts';
import { acceptLimits } from '../limits/accept.ts';
import { mailLimits } from '../limits/mail.ts';
import { readDkimKey } from '../mail/dkim/key.ts';
import { defaultTenant } from './identity.ts';
import { type CredentialsOwner, readCredentials } from './route-credentials.ts';
import type { SenderObject } from './sender-schema.ts';

interface SenderReferences {
  /** The decoded values of a Secret of the same namespace; null if there is no such Secret. */
  secret(name: string): Readonly<Record<string, string>> | null;
}

type RouteObject = SenderObject['spec']['routes'][number];

/** Facts about a Sender that are not in the object. For a folder, the defaults apply. */
export interface ObservedState {
  /** The keys that sign if the policy is Managed. */
  readonly managedKeys?: readonly DkimKey[];
  readonly verified?: boolean;
}

/**
 * `revision` is 0, since the writer of the catalog assigns the number. The hash excludes secrets,
 * so it does not change when a password is rotated.
 */
export function compileSender(
  object: SenderObject,
  references: SenderReferences,
  { managedKeys = [], verified = true }: ObservedState = {},
): Sender | readonly ObjectFault[] {
  const { spec, metadata } = object;
  const faults: ObjectFault[] = [];
  const add = (reason: FaultReason, path: FaultPath, message: string): void => {
    faults.push({ reason, path: ['spec', ...path], message });
  };

  const domain = domainName(spec.domain);
  const from = mailboxOf(spec.from.name, spec.from.address);
  if (from === null) add('InvalidSpec', ['from', 'name'], 'must be a name without control characters');
  else if (!liesIn(domainOf(from.address), domain))
    add('InvalidSpec', ['from', 'address'], `must be in the domain ${domain}`);
  const returnPathDomain = domainName(spec.returnPathDomain ?? spec.domain);
  if (!liesIn(returnPathDomain, domain))
    add('InvalidSpec', ['returnPathDomain'], `must be in the domain ${domain}`);

  const provided = spec.dkim.policy === 'Provided' ? compileKeys(spec.dkim.keys, references) : { keys: [] };
  if (isFaults(provided)) faults.push(...provided);

  const routes = spec.routes.flatMap((route, at) => {
    if (spec.routes.findIndex(({ name }) => name === route.name) < at) {
      add('InvalidSpec', ['routes', at, 'name'], 'must differ from the names of the other routes');
    }
    const owner = { tenant: metadata.namespace ?? defaultTenant, sender: metadata.name };
    const compiled = compileRoute(route, { path: ['spec', 'routes', at, 'smtp'], references, owner });
    if (!isFaults(compiled)) return [compiled];
    faults.push(...compiled);
    return [];
  });

  if (faults.length > 0 || from === null || isFaults(provided)) return faults;
  const sender: Omit<Sender, 'hash'> = {
    tenant: metadata.namespace ?? defaultTenant,
    name: metadata.name,
    revision: 0,
    suspended: spec.suspend,
    verified,
    retiring: false,
    domain,
    from,
    replyTo: spec.replyTo
      .map((text) => parseMailbox(text))
      .filter((reply): reply is Mailbox => !isRefusal(reply)),
    returnPathDomain,
    team: spec.team.map(teamMember),
    routes,
    limits: {
      messagesPerSecond: spec.limits.messagesPerSecond,
      messagesPerDay: spec.limits.messagesPerDay,
      // 0 means that only the platform's limit applies
      maxRecipients: spec.limits.maxRecipients || acceptLimits.recipientsMax,
      maxMessageBytes: spec.limits.maxMessageBytes || mailLimits.mailBytesMax,
    },
    retry: {
      delaysMs: spec.retry.delaysSeconds.map((seconds) => seconds * 1_000),
      maxAgeMs: spec.retry.maxAgeSeconds * 1_000,
    },
    copies: spec.copies === 'AtMostOnce' ? 'at_most_once' : 'at_least_once',
    dkim: spec.dkim.policy === 'Managed' ? managedKeys : provided.keys,
  };
  const open = {
    ...sender,
    revision: undefined,
    routes: routes.map((route) => ({ ...route, credentials: route.credentials !== null })),
    dkim: sender.dkim.map(({ selector, algorithm, fingerprint }) => ({ selector, algorithm, fingerprint })),
  };
  return { ...sender, hash: contentHash(open) };
}

/** Whether a domain equals another or is a subdomain of it. */
function liesIn(inner: string, outer: string): boolean {
  return inner === outer || inner.endsWith(`.${outer}`);
}

/**
 * Returns the first key of each algorithm, which signs. Reads the other keys too, so that an
 * invalid key is reported before it is needed.
 */
function compileKeys(
  keys: SenderObject['spec']['dkim']['keys'],
  references: SenderReferences,
): { readonly keys: readonly DkimKey[] } | readonly ObjectFault[] {
  const faults: ObjectFault[] = [];
  const read = keys.flatMap(({ selector, privateKeySecretRef: { name, key } }, at) => {
    const path = ['spec', 'dkim', 'keys', at, 'privateKeySecretRef'];
    const values = references.secret(name);
    const value = values !== null && Object.hasOwn(values, key) ? values[key] : undefined;
    if (values === null)
      faults.push({
        reason: 'SecretNotFound',
        path,
        message: `there is no Secret "${name}" in this namespace`,
        isElsewhere: true,
      });
    else if (value === undefined)
      faults.push({ reason: 'SecretKeyMissing', path, message: `the Secret "${name}" has no key "${key}"` });
    if (value === undefined) return [];
    const found = readDkimKey(selector, value);
    if (typeof found !== 'string') return [found];
    faults.push({ reason: 'InvalidKey', path, message: found });
    return [];
  });
  if (faults.length > 0) return faults;
  return {
    keys: read.filter((key, at) => read.findIndex(({ algorithm }) => algorithm === key.algorithm) === at),
  };
}

function compileRoute(
  route: RouteObject,
  {
    path,
    references,
    owner,
  }: { readonly path: FaultPath; readonly references: SenderReferences; readonly owner: CredentialsOwner },
): Route | readonly ObjectFault[] {
  const { host, port, tls, credentialsSecretRef, caSecretRef } = route.smtp;
  const faults: ObjectFault[] = [];
  /** Null, with a fault, when the Secret or one of the keys is missing. */
  const read = (secret: string, keys: readonly string[], field: string) => {
    const values = references.secret(secret);
    const at = [...path, field];
    if (values === null) {
      const message = `there is no Secret "${secret}" in this namespace`;
      faults.push({ reason: 'SecretNotFound', path: at, message, isElsewhere: true });
      return null;
    }
    const missing = keys.filter((key) => !Object.hasOwn(values, key));
    for (const key of missing)
      faults.push({
        reason: 'SecretKeyMissing',
        path: at,
        message: `the Secret "${secret}" has no key "${key}"`,
      });
    return missing.length > 0 ? null : values;
  };

  let credentials: RouteCredentials | null = null;
  if (credentialsSecretRef) {
    const { name } = credentialsSecretRef;
    const values = read(name, ['username'], 'credentialsSecretRef');
    const found = values === null ? null : readCredentials(values, owner);
    if (found !== null && 'reason' in found)
      faults.push({
        reason: found.reason,
        path: [...path, 'credentialsSecretRef'],
        message: `the Secret "${name}" ${found.message}`,
      });
    else credentials = found;
  }
  const ca = caSecretRef
    ? (read(caSecretRef.name, [caSecretRef.key], 'caSecretRef')?.[caSecretRef.key] ?? null)
    : null;
  if (faults.length > 0) return faults;
  if (ca !== null && !ca.includes('-----BEGIN CERTIFICATE-----')) {
    return [{ reason: 'InvalidKey', path: [...path, 'caSecretRef'], message: 'is not a certificate in PEM' }];
  }
  return {
    name: route.name,
    host: host.toLowerCase(),
    port,
    tls,
    credentials,
    ca,
  };
}

// The functions below parse text again that the schema has validated, to get the canonical
// spelling.

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
  return isRefusal(address) ? text : canonical(address);
}
