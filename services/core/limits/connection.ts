// Connections to NATS and Redis: when to give up, and when to connect again.

import { SECOND } from './units.ts';

export const connectionLimits = {
  /** Timeout of one try to connect. */
  connectMs: 2 * SECOND,
  /** Wait between two tries to connect. Servers restart within seconds, and a try is cheap. */
  reconnectMs: 250,
  /** How often NATS is pinged. */
  natsPingMs: 2 * SECOND,
  /** Pings without a reply that end a connection: a frozen server is noticed within 6 s. */
  natsPingsLostMax: 2,
  /** Timeout of one call to NATS. */
  natsCallMs: 2 * SECOND,
  /**
   * A Redis connection with a command that has had no reply for this long is replaced. The callers
   * have long had their timeout (`budgetCallMs`).
   */
  redisSilentMs: 5 * SECOND,
} as const;
