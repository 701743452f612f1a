// Lists messages, newest first. A signed cursor continues with the next page of the same filters.

import { readCursor, writeCursor } from '../core/accept/cursor.ts';
import { mergeFaults } from '../core/accept/field-rules.ts';
import type { Caller } from '../core/access/caller.ts';
import { canonical, isRefusal, parseAddress } from '../core/address.ts';
import type { Environment } from '../core/catalog/catalog.ts';
import type { Message, MessageStatus } from '../core/delivery/message.ts';
import { type FieldError, validationFailed } from '../core/failure.ts';
import { acceptLimits } from '../core/limits/accept.ts';
import type { ListQuery, MessageList } from '../ports/message-list.ts';
import type { Ingest } from './ingest-parts.ts';

/** Null or empty: no filter. */
interface ListRequest {
  readonly status: MessageStatus | null;
  readonly recipient: string;
  readonly sender: string;
  readonly template: string;
  readonly environment: Environment | null;
  readonly createdAfter: number | null;
  readonly createdBefore: number | null;
  readonly limit: number | null;
  readonly cursor: string;
}

export interface ListParts {
  readonly messages: MessageList;
  readonly hashKeys: Pick<Ingest['hashKeys'], 'cursor'>;
}

/** `faults`: faults by the rules of the contract. */
export async function listMessages(
  ingest: ListParts,
  caller: Caller,
  request: ListRequest,
  faults: readonly FieldError[],
): Promise<{ readonly messages: readonly Message[]; readonly nextCursor: string | null }> {
  const errors: FieldError[] = [];
  const limit = request.limit ?? acceptLimits.listLimitDefault;
  const recipient = request.recipient === '' ? null : parseAddress(request.recipient);
  if (recipient !== null && isRefusal(recipient))
    errors.push({ field: 'recipient', code: recipient.code, message: recipient.message });
  const { cursor, ...filters } = { ...request, limit: 0 };
  const bound = JSON.stringify([caller.tenant, caller.reach, filters]);
  const before = cursor === '' ? null : readCursor(ingest.hashKeys.cursor, cursor, bound);
  if (cursor !== '' && before === null)
    errors.push({
      field: 'cursor',
      code: 'invalid_cursor',
      message: 'This cursor does not belong to a list with these filters.',
    });
  const all = mergeFaults(faults, errors);
  if (all.length > 0) throw validationFailed(all, 'The filters are not valid.');

  const query: ListQuery = {
    tenant: caller.tenant,
    within: caller.reach,
    limit: limit + 1,
    ...(request.status === null ? {} : { status: request.status }),
    ...(recipient === null || isRefusal(recipient) ? {} : { recipient: canonical(recipient) }),
    ...(request.sender === '' ? {} : { sender: request.sender }),
    ...(request.template === '' ? {} : { template: request.template }),
    ...(request.environment === null ? {} : { environment: request.environment }),
    ...(request.createdAfter === null ? {} : { createdAfter: request.createdAfter }),
    ...(request.createdBefore === null ? {} : { createdBefore: request.createdBefore }),
    ...(before === null ? {} : { before }),
  };
  const found = await ingest.messages.list(query);
  const messages = found.slice(0, limit);
  const last = messages.at(-1);
  const [key] = ingest.hashKeys.cursor;
  const hasMore = found.length > limit && last !== undefined && key !== undefined;
  return {
    messages,
    nextCursor: hasMore ? writeCursor(key, { createdAt: last.createdAt, id: last.id }, bound) : null,
  };
}
