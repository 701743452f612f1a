// Mail addresses and display names. The octets are those of RFC 5321 section 4.5.3.1.

const ADDRESS_OCTETS_MAX = 254;
const DISPLAY_NAME_CHARS_MAX = 256;

export const addressLimits = {
  /** Octets before the `@` (RFC 5321 4.5.3.1.1). */
  localPartOctetsMax: 64,
  /** Octets of an address: a path of 256 less its angle brackets (RFC 5321 4.5.3.1.3). */
  addressOctetsMax: ADDRESS_OCTETS_MAX,
  /** Octets of a domain in A-label form (RFC 1035 2.3.4, less the length and the root). */
  domainOctetsMax: 253,
  /** Octets of one label of a domain (RFC 1035 2.3.4). */
  labelOctetsMax: 63,
  /** Characters of a display name. */
  displayNameCharsMax: DISPLAY_NAME_CHARS_MAX,
  /**
   * Characters of a mailbox before it is parsed: a display name with each character escaped, the
   * quotes, the angle brackets, some spaces and the address.
   */
  mailboxCharsMax: 2 * DISPLAY_NAME_CHARS_MAX + ADDRESS_OCTETS_MAX + 16,
} as const;
