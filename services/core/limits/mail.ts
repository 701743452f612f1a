// Composing and signing mail: its size and its keys. Lengths that RFCs fix, such as those of a line or an encoded word,
// are constants of the code that writes the format.

import { MIB } from './units.ts';

export const mailLimits = {
  /**
   * Bytes of a mail before it is signed: the limit of a sender that has no limit of its own. No
   * request is above it: as quoted-printable, the 50 MiB of a request become at most 156 MiB.
   */
  mailBytesMax: 160 * MIB,
  /**
   * Bytes of a mail beside its encoded content: the header and the fields and boundaries of its
   * parts. The limits of a request allow 2 MiB: 50 headers of 8 KiB, 100 mailboxes and 100
   * filenames, which grow at most fourfold as encoded words.
   */
  structureBytesMax: 4 * MIB,
  /**
   * Bits of an RSA key for DKIM: signers should use at least 2,048 bits, and verifiers must accept
   * up to 4,096 (RFC 8301 3.2).
   */
  dkimRsaBitsMin: 2_048,
  dkimRsaBitsMax: 4_096,
} as const;
