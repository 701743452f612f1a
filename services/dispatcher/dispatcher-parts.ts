// What a dispatcher works with (`Dispatcher`): stores, queue, transport, clock, keys, metrics. Each
// function takes the parts that it uses. `dispatch.ts` has the loop.

import type { Route, Sender } from '../core/catalog/catalog.ts';
import type { Tier } from '../core/delivery/message.ts';
import { deliveryLimits } from '../core/limits/delivery.ts';
import type { Key } from '../core/secrets/keyring.ts';
import type { CompiledTemplates } from '../core/template/compiled-templates.ts';
import type { BlobStore } from '../ports/blob-store.ts';
import type { Budgets } from '../ports/budgets.ts';
import type { Catalog } from '../ports/catalog.ts';
import type { Clock } from '../ports/clock.ts';
import type { MessageStore } from '../ports/message-store.ts';
import type { Random } from '../ports/random.ts';
import type { SuppressionStore } from '../ports/suppression-store.ts';
import type { Transport } from '../ports/transport.ts';
import type { WorkQueue } from '../ports/work-queue.ts';
import type { SigningKeys } from './sign.ts';
import type { Tally } from './tally.ts';

/** The counters; `runtime/metrics.ts` declares the metrics. */
export interface DispatcherMetrics {
  claimed(count: number): void;
  held(reason: string, count: number): void;
  /**
   * `unknown`: the connection ended after the final dot without a reply; the message's `copies`
   * decides what follows. `local`: a fault on our side.
   */
  attempt(
    outcome: 'delivered' | 'deferred' | 'bounced' | 'unknown' | 'local',
    category: string,
    ms: number,
  ): void;
  /**
   * A delivery succeeded: milliseconds since its message was accepted, or since its scheduled time.
   */
  delivered(tier: Tier, ms: number): void;
  /** The same time until a server first replied about a delivery. */
  firstReply(tier: Tier, ms: number): void;
  inFlight(count: number): void;
}

export interface Dispatcher {
  readonly messages: MessageStore;
  readonly blobs: BlobStore;
  readonly suppressions: SuppressionStore;
  readonly queue: WorkQueue;
  readonly budgets: Budgets;
  readonly catalog: Catalog;
  readonly transport: Transport;
  readonly clock: Clock;
  readonly random: Random;
  readonly templates: CompiledTemplates;
  readonly signingKeys: SigningKeys;
  /** The active key first, then older keys that are still read. */
  readonly suppressionKeys: readonly Key[];
  /** The keyring's active key for `return`. */
  readonly returnKey: Uint8Array;
  /** The route of all mail, in place of the senders' own routes (`PACKETBOAT_RELAY`), or null. */
  readonly relay: Route | null;
  /**
   * How long a claim holds. Default: `deliveryLimits.leaseMs`. Dispatchers may differ in it.
   */
  readonly leaseMs?: number;
  readonly metrics: DispatcherMetrics;
  /** Absent where no program reads the figures. */
  readonly tally?: Tally;
  /** Logs a failure of this program, with its cause. */
  readonly report: (what: string, error: unknown) => void;
}

export const leaseOf = (d: Pick<Dispatcher, 'leaseMs'>): number => d.leaseMs ?? deliveryLimits.leaseMs;

export const routesOf = (d: Pick<Dispatcher, 'relay'>, sender: Sender | null): readonly Route[] =>
  d.relay !== null ? [d.relay] : (sender?.routes ?? []);
