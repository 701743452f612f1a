// Suppresses an address: from the answer on nothing is sent to it, not even what was accepted
// before and not taken up yet (P11).

import { mergeFaults } from '../core/accept/field-rules.ts';
import type { Caller } from '../core/access/caller.ts';
import { SCOPE_ALL, suppressionHashes } from '../core/access/suppression.ts';
import { isRefusal, parseAddress } from '../core/address.ts';
import { Failure, type FieldError, validationFailed } from '../core/failure.ts';
import type { Suppression } from '../ports/suppression-store.ts';
import type { Ingest } from './ingest.ts';

/** `faults`: by the rules of the contract. */
export async function createSuppression(
  ingest: Ingest,
  caller: Caller,
  request: { readonly recipient: string; readonly reason: string },
  faults: readonly FieldError[],
): Promise<{ readonly suppression: Suppression; readonly created: boolean }> {
  const errors: FieldError[] = [];
  const address = parseAddress(request.recipient);
  if (isRefusal(address)) errors.push({ field: 'recipient', code: address.code, message: address.message });
  const reason = request.reason === '' ? 'manual' : request.reason;
  const all = mergeFaults(faults, errors);
  if (isRefusal(address) || all.length > 0) throw validationFailed(all, 'The suppression is not valid.');

  const [hash, ...older] = suppressionHashes(ingest.hashKeys.suppression, caller.tenant, address);
  if (hash === undefined) throw new Failure('internal', 'the keyring has no key for suppressions');
  const known = older.length === 0 ? null : await ingest.suppressions.find(caller.tenant, SCOPE_ALL, older);
  if (known !== null) return { suppression: known, created: false };
  return ingest.suppressions.add({
    tenant: caller.tenant,
    scope: SCOPE_ALL,
    hash,
    reason,
    createdAt: ingest.messages.now(),
  });
}
