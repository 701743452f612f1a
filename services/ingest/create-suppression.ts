// Suppresses an address: from the answer on nothing is sent to it, not even what was accepted before and not taken up yet (RELIABILITY P11).

import { isRefusal, parseAddress } from '../core/address.ts';
import { Failure, type FieldError } from '../core/failure.ts';
import type { Principal } from '../core/principal.ts';
import { SCOPE_ALL, suppressionHashes } from '../core/suppression.ts';
import type { Suppression } from '../ports/suppression-store.ts';
import type { Ingest } from './ingest.ts';

const REASON = /^[a-z][a-z0-9_]{0,63}$/;

export async function createSuppression(
  ingest: Ingest,
  principal: Principal,
  request: { readonly recipient: string; readonly reason: string },
): Promise<{ readonly suppression: Suppression; readonly created: boolean }> {
  const errors: FieldError[] = [];
  const address = parseAddress(request.recipient);
  if (isRefusal(address)) errors.push({ field: 'recipient', code: address.code, message: address.message });
  const reason = request.reason === '' ? 'manual' : request.reason;
  if (!REASON.test(reason))
    errors.push({
      field: 'reason',
      code: 'invalid_reason',
      message: 'A reason is a word of at most 64 lower-case letters, digits and underscores.',
    });
  if (isRefusal(address) || errors.length > 0)
    throw new Failure('invalid', 'The suppression is not valid.', { code: 'validation_failed', errors });

  const [hash, ...older] = suppressionHashes(ingest.hashKeys.suppression, principal.tenant, address);
  if (hash === undefined) throw new Failure('internal', 'the keyring has no key for suppressions');
  const known = older.length === 0 ? null : await ingest.suppressions.find(principal.tenant, SCOPE_ALL, older);
  if (known !== null) return { suppression: known, created: false };
  return ingest.suppressions.add({ tenant: principal.tenant, scope: SCOPE_ALL, hash, reason, createdAt: ingest.messages.now() });
}
