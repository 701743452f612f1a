// Connections to NATS and Redis.

import { SECOND } from './units.ts';

export const connectionLimits = {
  /** A server that does not take a connection in this time is tried again. */
  connectMs: 2 * SECOND,
  reconnectMs: 250,
  /** A frozen server is given up after two of these without an answer. */
  natsPingMs: 2 * SECOND,
  natsCallMs: 2 * SECOND,
  /**
   * A Redis that leaves a command without an answer for this long is dialled anew; its callers were
   * told long before.
   */
  redisSilentMs: 5 * SECOND,
} as const;
