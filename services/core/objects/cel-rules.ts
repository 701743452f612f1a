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
  cel: "!has(self.credentialsSecretRef) || self.tls in ['StartTLS', 'Implicit']",
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
