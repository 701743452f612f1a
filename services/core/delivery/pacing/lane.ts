// A lane: the mail of one sender in one tier. Mail in a lane is first in, first out, and lanes take
// turns (`lane-turns.ts`). The window, the backlog and the queue's subjects are per lane, so that
// no sender's mail waits behind another's.

import type { Tier } from '../message.ts';

export interface Lane {
  readonly tenant: string;
  readonly tier: Tier;
  /** The name of the sender within the tenant. */
  readonly sender: string;
}

/** One text for each lane. Names of tenants and senders contain no line break. */
export const laneKey = ({ tenant, tier, sender }: Lane): string => `${tenant}\n${tier}\n${sender}`;

/** The lane with this key. */
export function laneFromKey(key: string): Lane {
  const [tenant = '', tier = '', sender = ''] = key.split('\n');
  return { tenant, tier: tier as Tier, sender };
}

/** The lane of a message, or of anything else that has the fields of a lane among others. */
export const laneOf = ({ tenant, tier, sender }: Lane): Lane => ({ tenant, tier, sender });
