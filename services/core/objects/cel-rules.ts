// The rules of Sender and Template that JSON Schema cannot express, in CEL. The API server alone
// evaluates them, when an object is written. The schemas beside this file check the same rules in
// TypeScript, for files and for objects that an older API server stored; both share the message.

import { forbiddenSchemes, listed } from '../template/schemes.ts';

interface CelRule {
  readonly cel: string;
  readonly message: string;
  /** The path of the field at fault, below the object of the rule; empty: the object itself. */
  readonly path: readonly string[];
}

/** The argument of `refine`; a new object each time, since `refine` changes it. */
export const refusalOf = ({ message, path }: CelRule) => ({ message, path: [...path] });

/** The annotation of a schema whose objects the API server checks by these rules. */
export const validatedBy = (...rules: readonly CelRule[]) => ({
  'x-kubernetes-validations': rules.map(({ cel, message, path }) => ({
    rule: cel,
    message,
    ...(path.length === 0 ? {} : { fieldPath: `.${path.join('.')}` }),
  })),
});

/** A rule of `spec.routes[].smtp`. */
export const credentialsNeedVerifiedTls: CelRule = {
  // no default on the API server, so that an absent field means StartTLS
  cel: "!has(self.credentialsSecretRef) || !has(self.tls) || self.tls in ['StartTLS', 'Implicit']",
  message: 'must be StartTLS or Implicit when credentialsSecretRef is set',
  path: ['tls'],
};

/** A rule of `spec.dkim`. */
export const keysBelongToProvided: CelRule = {
  cel: "(self.policy == 'Provided') == (size(self.keys) > 0)",
  message: 'must be set with policy Provided, and with no other policy',
  path: ['keys'],
};

/**
 * A rule of `spec.domain`. A file has no earlier version, so only the API server can check this.
 */
export const domainIsImmutable: CelRule = {
  cel: 'self == oldSelf',
  message: 'cannot be changed: create another Sender for another domain',
  path: [],
};

/** Rules of a Sender's `spec`. `compileSender` checks both again with the canonical spelling. */
export const fromIsInDomain: CelRule = {
  cel: "self.from.address.lowerAscii().endsWith('@' + self.domain.lowerAscii()) || self.from.address.lowerAscii().endsWith('.' + self.domain.lowerAscii())",
  message: 'must be in spec.domain',
  path: ['from', 'address'],
};
export const returnPathIsInDomain: CelRule = {
  cel: "!has(self.returnPathDomain) || self.returnPathDomain.lowerAscii() == self.domain.lowerAscii() || self.returnPathDomain.lowerAscii().endsWith('.' + self.domain.lowerAscii())",
  message: 'must be in spec.domain',
  path: ['returnPathDomain'],
};

/** A rule of a host: `:` occurs in addresses of IPv6 only. */
export const hostHasNoPort: CelRule = {
  cel: "!self.contains(':') || isIP(self)",
  message: 'must be a host name or an IP address without a port: spec.routes[].smtp.port is the port',
  path: [],
};

/** A rule of a domain. The parser of domains checks it for files. */
export const domainIsNoAddress: CelRule = {
  cel: '!isIP(self)',
  message: 'must be a domain name, not an IP address',
  path: [],
};

/** The language tag that `tag` is compared by, in CEL. */
const comparedBy = (tag: string): string => `${tag}.lowerAscii().replace('_', '-')`;
const hasDefaultLocale = (locales: string): string =>
  `${locales}.exists(l, ${comparedBy('l.locale')} == ${comparedBy('self.defaultLocale')})`;

/**
 * A rule of a Template's `spec`. A template that is only a test or a draft has no live locales yet.
 * `resolveContent` checks this rule and the two of content for files.
 */
export const contentExists: CelRule = {
  cel: 'size(self.locales) > 0 || has(self.testing) && size(self.testing.locales) > 0 || has(self.draft) && size(self.draft.locales) > 0',
  message: 'must have an entry, unless testing or draft has one',
  path: ['locales'],
};
export const defaultLocaleExists: CelRule = {
  cel: `size(self.locales) > 0 ? ${hasDefaultLocale('self.locales')} : has(self.testing) && size(self.testing.locales) > 0 ? ${hasDefaultLocale('self.testing.locales')} : has(self.draft) && size(self.draft.locales) > 0 ? ${hasDefaultLocale('self.draft.locales')} : true`,
  message: 'must be one of the locales',
  path: ['defaultLocale'],
};

/** A rule of each live locale. A field of only white space becomes a condition. */
export const bodyExists: CelRule = {
  cel: "has(self.htmlFrom) || has(self.html) && self.html != '' || has(self.text) && self.text != ''",
  message: 'must have html, htmlFrom or text that is not blank',
  path: [],
};

/**
 * A rule of a Template's `spec` about its first live locale: over all locales this rule would exceed the
 * API server's limit on the cost of rules, so a subject that another locale lacks becomes a
 * condition. A layout needs no subject, and contains `{{{content}}}`, perhaps with spaces.
 */
export const subjectExists: CelRule = {
  cel: `size(self.locales) == 0 || ${[
    "has(self.locales[0].subject) && self.locales[0].subject != ''",
    'has(self.locales[0].htmlFrom)',
    "has(self.locales[0].html) && self.locales[0].html.contains('{{{')",
    "has(self.locales[0].text) && self.locales[0].text.contains('{{{')",
  ].join(' || ')}`,
  message: 'the first entry must have a subject, unless it is a layout',
  path: ['locales'],
};

/** A rule of each entry of a Template's `locales`. */
export const htmlHasOneSource: CelRule = {
  cel: '!has(self.html) || !has(self.htmlFrom)',
  message: 'must not be set together with html',
  path: ['htmlFrom'],
};

/** Of each entry of a Template's `allowedSchemes`. */
export const schemeIsSafe: CelRule = {
  cel: `!(self.lowerAscii() in ['${forbiddenSchemes.join("', '")}'])`,
  message: `must not be ${listed(forbiddenSchemes, 'or')}`,
  path: [],
};
