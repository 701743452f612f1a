// DNS.

import { SECOND } from './units.ts';

export const dnsLimits = {
  /** For an answer, whoever gives it. */
  dnsMs: 10 * SECOND,
  /** For one server to answer, before the next one is asked. */
  dnsTryMs: 2 * SECOND,
  dnsRounds: 2,
} as const;
