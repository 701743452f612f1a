// Suppresses an address. After the response, no attempt to the address starts, even for messages
// that were accepted earlier (P11).

import { mergeFaults } from '../core/accept/field-rules.ts';
import type { Caller } from '../core/access/caller.ts';
import { SCOPE_ALL, suppressionHashes } from '../core/access/suppression.ts';
import { isRefusal, parseAddress } from '../core/address.ts';
import { Failure, type FieldError, validationFailed } from '../core/failure.ts';
import type { Suppression } from '../ports/suppression-store.ts';
import type { Ingest } from './ingest-parts.ts';

/**
 * A suppression that is stored under an older hash key is not added again. `faults`: faults by the
 * rules of the contract.
 */
export async function createSuppression(
  { messages, suppressions, hashKeys }: Pick<Ingest, 'messages' | 'suppressions' | 'hashKeys'>,
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

  const [hash, ...older] = suppressionHashes(hashKeys.suppression, caller.tenant, address);
  if (hash === undefined) throw new Failure('internal', 'the keyring has no key for suppressions');
  const known = older.length === 0 ? null : await suppressions.find(caller.tenant, SCOPE_ALL, older);
  if (known !== null) return { suppression: known, created: false };
  return suppressions.add({
    tenant: caller.tenant,
    scope: SCOPE_ALL,
    hash,
    reason,
    createdAt: messages.now(),
  });
}
