// Composing and signing mail. Lengths that RFCs fix, such as those of a line or an encoded word,
// are constants of the code that writes the format.

export const mailLimits = {
  /**
   * Bits of an RSA key for DKIM: signers should use at least 2,048 bits, and verifiers must accept
   * up to 4,096 (RFC 8301 3.2).
   */
  dkimRsaBitsMin: 2_048,
  dkimRsaBitsMax: 4_096,
} as const;
