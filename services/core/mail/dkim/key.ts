// DKIM keys: parses private keys and makes their DNS records (RFC 6376 section 3.6.1; RFC 8463 for
// Ed25519).

import { createHash, createPrivateKey, createPublicKey, type KeyObject } from 'node:crypto';
import type { DkimAlgorithm, DkimKey } from '../../catalog/catalog.ts';
import { mailLimits } from '../../limits/mail.ts';

/** The bytes before the 32 bytes of an Ed25519 key in a SubjectPublicKeyInfo. */
const ED25519_PREFIX_BYTES = 12;

/**
 * Parses a private key in PEM. Returns a string if the key cannot be used: the end of a sentence
 * that describes the fault without quoting the key.
 */
export function readDkimKey(selector: string, pem: string): DkimKey | string {
  let key: KeyObject;
  try {
    key = createPrivateKey(pem);
  } catch {
    return 'is not a private key in PEM without a passphrase';
  }
  const algorithm = algorithmOf(key);
  if (algorithm === null)
    return `must be RSA of ${mailLimits.dkimRsaBitsMin} to ${mailLimits.dkimRsaBitsMax} bits, or Ed25519`;
  const der = createPublicKey(key).export({ type: 'spki', format: 'der' });
  return {
    selector,
    algorithm,
    fingerprint: createHash('sha256').update(der).digest('hex'),
    privateKey: String(key.export({ type: 'pkcs8', format: 'pem' })),
  };
}

function algorithmOf(key: KeyObject): DkimAlgorithm | null {
  if (key.asymmetricKeyType === 'ed25519') return 'ed25519-sha256';
  const bits = key.asymmetricKeyDetails?.modulusLength ?? 0;
  return key.asymmetricKeyType === 'rsa' &&
    bits >= mailLimits.dkimRsaBitsMin &&
    bits <= mailLimits.dkimRsaBitsMax
    ? 'rsa-sha256'
    : null;
}

/** The content of the DNS record for a private key in PEM. */
export function dkimRecord(privateKey: string): string {
  const publicKey = createPublicKey(createPrivateKey(privateKey));
  const der = publicKey.export({ type: 'spki', format: 'der' });
  const isEd25519 = publicKey.asymmetricKeyType === 'ed25519';
  const bytes = isEd25519 ? der.subarray(ED25519_PREFIX_BYTES) : der;
  return `v=DKIM1; k=${isEd25519 ? 'ed25519' : 'rsa'}; p=${bytes.toString('base64')}`;
}

/** The name of the DNS record of a key. */
export const dkimName = (selector: string, domain: string): string => `${selector}._domainkey.${domain}`;
