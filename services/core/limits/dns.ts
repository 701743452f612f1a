// DNS queries.

import { SECOND } from './units.ts';

export const dnsLimits = {
  /** Timeout of one question, over all servers and rounds. */
  dnsMs: 10 * SECOND,
  /** Time that one server has to reply before the next server is asked. */
  dnsTryMs: 2 * SECOND,
  /** How often the list of servers is asked from its start: UDP packets get lost. */
  dnsRounds: 2,
} as const;
