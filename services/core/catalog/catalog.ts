// The compiled senders and templates that services read. Compiling the objects that people write is
// in `compile.ts`; where they come from (a folder, MongoDB) is an adapter's business. All of it is
// plain JSON, so that a store can keep it as it is.

import type { Address, Mailbox } from '../address.ts';

/** Which template content is used and who may receive; a key has one as default and ceiling. */
export type Environment = 'draft' | 'testing' | 'live';
export const environments: readonly Environment[] = ['draft', 'testing', 'live'];

/** `at_most_once` never sends a second copy, at the price of deliveries that end `unknown` (P5). */
export type Copies = 'at_least_once' | 'at_most_once';

/**
 * `StartTLS` and `Implicit` verify the certificate; `Opportunistic` takes what is offered; `None`
 * never encrypts.
 */
export type TlsPolicy = 'StartTLS' | 'Implicit' | 'Opportunistic' | 'None';

/** One way out for a sender. */
export interface Route {
  readonly name: string;
  readonly host: string;
  readonly port: number;
  readonly tls: TlsPolicy;
  /**
   * Only ever sent over verified TLS. Null where there is none, and in programs that may not open
   * sealed values.
   */
  readonly credentials: { readonly username: string; readonly password: string } | null;
  /** PEM of the authority to trust instead of the system's. */
  readonly ca: string | null;
}

/** A key that signs a sender's mail. */
export interface DkimKey {
  /** What stands before `._domainkey.` in the name of its DNS record: a lower-case label. */
  readonly selector: string;
  readonly algorithm: DkimAlgorithm;
  /**
   * SHA-256 (hex) of the public key's SubjectPublicKeyInfo: which key it is, for readers that may
   * not see it.
   */
  readonly fingerprint: string;
  /** PKCS#8 in PEM. Null in programs that may not open sealed values. */
  readonly privateKey: string | null;
}

/** As in the `a=` tag of a signature. */
export type DkimAlgorithm = 'rsa-sha256' | 'ed25519-sha256';

/** An identity that may send. */
export interface Sender {
  readonly tenant: string;
  readonly name: string;
  readonly revision: number;
  /** SHA-256 (hex) of the compiled object without secrets. */
  readonly hash: string;
  /** Nothing leaves; accepted mail is held. */
  readonly suspended: boolean;
  /**
   * False while verification is enforced and DNS records that it requires are not there: accepted
   * mail is held.
   */
  readonly verified: boolean;
  /** Deleted, with mail still waiting: that mail goes out, nothing new is accepted. */
  readonly retiring: boolean;
  /** A-label, lower case. */
  readonly domain: string;
  readonly from: Mailbox;
  readonly replyTo: readonly Mailbox[];
  readonly returnPathDomain: string;
  /** Who may receive drafts: addresses, or `*@domain`; lower case. */
  readonly team: readonly string[];
  readonly routes: readonly Route[];
  readonly limits: {
    /** 0: no limit. */
    readonly messagesPerSecond: number;
    /** 0: no limit. */
    readonly messagesPerDay: number;
    readonly maxRecipients: number;
    readonly maxMessageBytes: number;
  };
  readonly retry: { readonly delaysMs: readonly number[]; readonly maxAgeMs: number };
  readonly copies: Copies;
  /**
   * The keys that sign now, at most one of each algorithm; all of them sign. None: mail leaves
   * unsigned.
   */
  readonly dkim: readonly DkimKey[];
}

/** One locale's content; all three are Handlebars source. A text or html that is absent is null. */
export interface LocaleContent {
  /** Lower-cased BCP 47 tag as it is matched, for example `de-at`. */
  readonly locale: string;
  readonly subject: string;
  readonly html: string | null;
  readonly text: string | null;
}

/** One immutable revision of a template; layouts are already merged into `layouts`. */
export interface TemplateRevision {
  readonly tenant: string;
  readonly identifier: string;
  readonly revision: number;
  readonly hash: string;
  /** Name of the sender in the same tenant. */
  readonly sender: string | null;
  readonly defaultLocale: string;
  /** JSON Schema subset of the caller's data; null when none is declared. */
  readonly variables: Readonly<Record<string, unknown>> | null;
  readonly sampleData: Readonly<Record<string, unknown>>;
  /**
   * Schemes of links, in lower case, that the template and its layouts allow besides the standard
   * schemes.
   */
  readonly allowedSchemes: readonly string[];
  /**
   * Complete per environment: overlays are resolved when the object is compiled, draft over testing
   * over live.
   */
  readonly content: Readonly<Record<Environment, readonly LocaleContent[]>>;
  /** Wrapping templates, innermost first; each places its child by `{{{content}}}`. */
  readonly layouts: readonly {
    readonly content: Readonly<Record<Environment, readonly LocaleContent[]>>;
    readonly defaultLocale: string;
  }[];
}

/**
 * One moment of the catalog. Replaced whole on a change, so a reader that holds one sees no change
 * in the middle of its work.
 */
export interface CatalogSnapshot {
  /** Grows with each change that a reader can see. */
  readonly version: number;
  sender(tenant: string, name: string): Sender | null;
  senders(tenant: string): readonly Sender[];
  /** The live revision. */
  template(tenant: string, identifier: string): TemplateRevision | null;
  templates(tenant: string): readonly TemplateRevision[];
}

/** True when an address may receive drafts of this sender. */
export function isOnTeam(sender: Sender, address: Address): boolean {
  const wanted = address.toLowerCase();
  const wildcard = `*${wanted.slice(wanted.lastIndexOf('@'))}`;
  return sender.team.includes(wanted) || sender.team.includes(wildcard);
}

/** What a writer puts into the catalog. */
export type CatalogEntry =
  | { readonly kind: 'sender'; readonly sender: Sender }
  | { readonly kind: 'template'; readonly template: TemplateRevision };

/** Under what an object stands in the catalog, `prune` and its notice. */
export const entryKey = (entry: CatalogEntry): string =>
  entry.kind === 'sender'
    ? senderKey(entry.sender.tenant, entry.sender.name)
    : templateKey(entry.template.tenant, entry.template.identifier);

/**
 * What an object of the catalog is called in stores, notices and the port:
 * `sender/<tenant>/<name>`.
 */
export const senderKey = (tenant: string, name: string): string => `sender/${tenant}/${name}`;
/** `template/<tenant>/<identifier>`. */
export const templateKey = (tenant: string, identifier: string): string => `template/${tenant}/${identifier}`;
/** Notices of a change are `<this>.<kind>.<tenant>.<name>`. */
export const NOTICE = 'catalog.changed';
export const noticeOf = (key: string): string => `${NOTICE}.${key.replaceAll('/', '.')}`;
