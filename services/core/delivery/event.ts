// The timeline of a message: one event for each thing that happens to one of its deliveries.

export type EventType =
  | 'queued'
  | 'scheduled'
  | 'accepted' // the first claim: a dispatcher has taken up the delivery
  | 'deferred'
  | 'delivered'
  | 'bounced'
  | 'suppressed'
  | 'cancelled'
  | 'expired'
  | 'unknown'
  | 'dead';

/**
 * An event before the store has stamped it. `data` is flat JSON and contains neither addresses nor
 * content.
 */
export interface NewEvent {
  readonly type: EventType;
  readonly data: Readonly<Record<string, string | number | boolean | null>>;
}

/**
 * One event of the timeline. Its `seq` is its position in `Message.events`. Events are never
 * removed, so `seq` has no gaps within a message.
 */
export interface Event extends NewEvent {
  /** Milliseconds since 1970 by the store's clock. */
  readonly at: number;
  /** Index into `Message.deliveries`. */
  readonly delivery: number;
}
