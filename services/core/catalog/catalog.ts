// The compiled senders and templates that services read. `core/objects/compile-sender.ts` and
// `compile-template.ts` make them from the objects that people write; adapters read them from a
// folder or MongoDB. All types are plain JSON, so that a store can keep them unchanged.

import { type Address, canonical, domainOf, type Mailbox } from '../address.ts';

/**
 * Selects the content of a template and restricts the recipients (docs/sending.md). An API key has
 * an environment as its default and its ceiling.
 */
export type Environment = 'draft' | 'testing' | 'live';
export const environments: readonly Environment[] = ['draft', 'testing', 'live'];

/**
 * What happens when a fault leaves it unknown whether a mail was delivered: `at_least_once` sends a
 * second copy, `at_most_once` ends the delivery `unknown` (P5).
 */
export type Copies = 'at_least_once' | 'at_most_once';

/**
 * `StartTLS` and `Implicit` verify the certificate. `Opportunistic` uses TLS if the server offers
 * it, without verification. `None` never encrypts.
 */
export type TlsPolicy = 'StartTLS' | 'Implicit' | 'Opportunistic' | 'None';

/** A login with a password (PLAIN, LOGIN, CRAM-MD5). */
export interface PasswordCredentials {
  readonly username: string;
  readonly password: string;
  readonly accessToken?: undefined;
}

/**
 * A login with an OAuth 2 access token (XOAUTH2). Tokens change every hour, so the sender that owns
 * them identifies the login.
 */
export interface TokenCredentials {
  readonly username: string;
  readonly accessToken: string;
  readonly password?: undefined;
  readonly tenant: string;
  readonly sender: string;
}

export type RouteCredentials = PasswordCredentials | TokenCredentials;

/** One way out for a sender: an SMTP relay. */
export interface Route {
  readonly name: string;
  readonly host: string;
  readonly port: number;
  readonly tls: TlsPolicy;
  /**
   * Sent only over verified TLS. Null if the relay needs no login, and in programs that may not
   * open sealed values.
   */
  readonly credentials: RouteCredentials | null;
  /** The certificate authority to trust instead of the system's, in PEM; null: the system's. */
  readonly ca: string | null;
}

/** A key that signs a sender's mail. */
export interface DkimKey {
  /** The label before `._domainkey.` in the name of the key's DNS record, in lower case. */
  readonly selector: string;
  readonly algorithm: DkimAlgorithm;
  /**
   * SHA-256, in hex, of the public key's SubjectPublicKeyInfo. It identifies the key for readers
   * that may not read it.
   */
  readonly fingerprint: string;
  /** PKCS#8 in PEM. Null in programs that may not open sealed values. */
  readonly privateKey: string | null;
}

/** The values of the `a=` tag of a signature. */
export type DkimAlgorithm = 'rsa-sha256' | 'ed25519-sha256';

/** An identity that may send. */
export interface Sender {
  readonly tenant: string;
  readonly name: string;
  readonly revision: number;
  /** SHA-256, in hex, of the compiled object without its secrets. */
  readonly hash: string;
  /** While true, accepted mail is held. */
  readonly suspended: boolean;
  /**
   * False while verification is enforced and a required DNS record is missing. Accepted mail is
   * held.
   */
  readonly verified: boolean;
  /**
   * The sender was retired: no new mail is accepted, and the accepted mail is delivered. Only
   * readers of a catalog set it.
   */
  readonly retiring: boolean;
  /** A-label in lower case. */
  readonly domain: string;
  readonly from: Mailbox;
  readonly replyTo: readonly Mailbox[];
  readonly returnPathDomain: string;
  /** Who may receive drafts: addresses or `*@domain`, in lower case. */
  readonly team: readonly string[];
  readonly routes: readonly Route[];
  readonly limits: {
    /** Tokens of the sender's budget per second; 0: no limit. */
    readonly messagesPerSecond: number;
    /** Tokens of the sender's budget per day; 0: no limit. */
    readonly messagesPerDay: number;
    readonly maxRecipients: number;
    readonly maxMessageBytes: number;
  };
  readonly retry: { readonly delaysMs: readonly number[]; readonly maxAgeMs: number };
  readonly copies: Copies;
  /**
   * The active keys, at most one for each algorithm; each signs all mail. If empty, mail is not
   * signed.
   */
  readonly dkim: readonly DkimKey[];
}

/** The content of one locale, as Handlebars source. A missing html or text is null. */
export interface LocaleContent {
  /** BCP 47 tag in lower case, for example `de-at`. */
  readonly locale: string;
  readonly subject: string;
  readonly html: string | null;
  readonly text: string | null;
}

/** One revision of a template. A revision never changes, and its `layouts` are resolved. */
export interface TemplateRevision {
  readonly tenant: string;
  readonly identifier: string;
  readonly revision: number;
  readonly hash: string;
  /** Name of a sender of the same tenant; null: each request names its sender. */
  readonly sender: string | null;
  readonly defaultLocale: string;
  /**
   * The schema of the caller's data, in the supported subset of JSON Schema; null: no schema is
   * declared.
   */
  readonly variables: Readonly<Record<string, unknown>> | null;
  readonly sampleData: Readonly<Record<string, unknown>>;
  /**
   * Schemes of links, in lower case, that the template and its layouts allow besides the standard
   * schemes.
   */
  readonly allowedSchemes: readonly string[];
  /** Headers of the mail. Each value is Handlebars and renders as plain text. */
  readonly headers: readonly { readonly name: string; readonly value: string }[];
  /** Each environment is complete: compiling merges draft over testing over live. */
  readonly content: Readonly<Record<Environment, readonly LocaleContent[]>>;
  /** Templates that wrap this one, innermost first. Each inserts its child at `{{{content}}}`. */
  readonly layouts: readonly {
    readonly content: Readonly<Record<Environment, readonly LocaleContent[]>>;
    readonly defaultLocale: string;
  }[];
}

/**
 * The catalog at one moment. A change makes a new snapshot, so a reader that keeps a snapshot sees
 * no change while it works.
 */
export interface CatalogSnapshot {
  /** Grows with each change that a reader can see. */
  readonly version: number;
  sender(tenant: string, name: string): Sender | null;
  senders(tenant: string): readonly Sender[];
  /** The live revision; null if there is none. */
  template(tenant: string, identifier: string): TemplateRevision | null;
  templates(tenant: string): readonly TemplateRevision[];
}

/** True if `address` may receive drafts of this sender. */
export function isOnTeam(sender: Sender, address: Address): boolean {
  return sender.team.includes(canonical(address)) || sender.team.includes(`*@${domainOf(address)}`);
}

/** An object that a writer puts into the catalog. */
export type CatalogEntry =
  | { readonly kind: 'sender'; readonly sender: Sender }
  | { readonly kind: 'template'; readonly template: TemplateRevision };

/** The key of an object in the catalog, in `prune` and in its notice. */
export const entryKey = (entry: CatalogEntry): string =>
  entry.kind === 'sender'
    ? senderKey(entry.sender.tenant, entry.sender.name)
    : templateKey(entry.template.tenant, entry.template.identifier);

/** The key of a sender in stores, notices and the port: `sender/<tenant>/<name>`. */
export const senderKey = (tenant: string, name: string): string => `sender/${tenant}/${name}`;
/** The key of a template: `template/<tenant>/<identifier>`. */
export const templateKey = (tenant: string, identifier: string): string => `template/${tenant}/${identifier}`;
/** Notices of changes are published as `catalog.changed.<kind>.<tenant>.<name>`. */
export const NOTICE = 'catalog.changed';
export const noticeOf = (key: string): string => `${NOTICE}.${key.replaceAll('/', '.')}`;
