// Addresses (RFC 5321 section 4.5.3.1).

const ADDRESS_OCTETS_MAX = 254;
const DISPLAY_NAME_CHARS_MAX = 256;

export const addressLimits = {
  localPartOctetsMax: 64,
  addressOctetsMax: ADDRESS_OCTETS_MAX,
  domainOctetsMax: 253,
  /** RFC 1035 2.3.4. */
  labelOctetsMax: 63,
  displayNameCharsMax: DISPLAY_NAME_CHARS_MAX,
  /**
   * The longest text that can be a mailbox: every character of the name escaped, quotes, brackets,
   * and the address.
   */
  mailboxCharsMax: 2 * DISPLAY_NAME_CHARS_MAX + ADDRESS_OCTETS_MAX + 16,
} as const;
