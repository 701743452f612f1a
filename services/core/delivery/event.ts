// The timeline of a message: what happened to it and to each of its deliveries.

export type EventType =
  | 'queued'
  | 'scheduled'
  | 'accepted' // taken up for delivery: the first claim
  | 'deferred'
  | 'delivered'
  | 'bounced'
  | 'suppressed'
  | 'cancelled'
  | 'expired'
  | 'unknown'
  | 'dead';

/**
 * An event before the store has stamped it. `data` is plain JSON and holds no address and no
 * content.
 */
export interface NewEvent {
  readonly type: EventType;
  readonly data: Readonly<Record<string, string | number | boolean | null>>;
}

/**
 * One entry of the timeline. Its `seq` is its position in `Message.events`, which is never trimmed:
 * gapless per message.
 */
export interface Event extends NewEvent {
  /** Milliseconds since 1970 by the store's clock. */
  readonly at: number;
  /** Index into `Message.deliveries`. */
  readonly delivery: number;
}
