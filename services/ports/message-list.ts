// Lists a tenant's messages, filtered and paged: for callers, and for the sweeper, which checks
// whether a draining sender still has unfinished mail.

import type { Reach } from '../core/access/caller.ts';
import type { CanonicalAddress } from '../core/address.ts';
import type { Message, MessageStatus } from '../core/delivery/message.ts';
import type { MessageId } from '../core/ids.ts';

/** Filters of a list; absent ones do not filter. All are typed values, never a query language. */
export interface ListQuery {
  readonly tenant: string;
  /** Only messages of these environments and senders, on top of the filters. */
  readonly within?: Reach;
  readonly status?: MessageStatus;
  /** Finds every spelling of the address. */
  readonly recipient?: CanonicalAddress;
  readonly sender?: string;
  readonly template?: string;
  readonly environment?: string;
  /** Milliseconds, inclusive. */
  readonly createdAfter?: number;
  /** Milliseconds, exclusive. */
  readonly createdBefore?: number;
  /** The last row of the previous page: the list continues with older messages. */
  readonly before?: { readonly createdAt: number; readonly id: MessageId };
  readonly limit: number;
}

export interface MessageList {
  /**
   * Newest first: by (createdAt, id), descending. Rejects with `Failure('unavailable')` when the
   * store does not reply within `storeLimits.storeCallMs`.
   */
  list(query: ListQuery): Promise<readonly Message[]>;
}
