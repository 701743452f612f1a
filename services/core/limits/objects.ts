// Objects: the number and length of their fields. Fields whose maximum Kubernetes, DNS or a limit of
// mail fixes have that maximum.

import { DAY, MINUTE } from './units.ts';

export const objectsLimits = {
  /** Characters of an object's name, and of a key in a Secret: the maximum of Kubernetes. */
  objectNameCharsMax: 253,
  /** Characters of a namespace, which is a DNS label (RFC 1035 2.3.4). */
  namespaceCharsMax: 63,
  /** Characters of the name by which callers use a Template. */
  templateIdentifierCharsMax: 128,
  /** Characters of a locale: the longest language tag that RFC 5646 4.4.1 expects. */
  localeCharsMax: 35,
  /** Team members of one Sender. Each draft is checked against all of them. */
  teamMembersMax: 1_000,
  /** Routes of one Sender. A delivery tries them in order. */
  routesMax: 20,
  /** DKIM keys that one Sender brings. One of each algorithm signs; the others are for rotation. */
  dkimKeysMax: 8,
  /** Longest rotation period of managed DKIM keys: ten years. */
  dkimRotationDaysMax: 3_650,
  /** Shortest and longest time between two checks of a Sender's DNS records. */
  dnsCheckMinMs: MINUTE,
  dnsCheckMaxMs: 7 * DAY,
} as const;
