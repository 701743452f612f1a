// Limits that depend on each other, asserted by every program at start. Each limit stands in the
// file of the room that reads it, with its unit and reason.

import { acceptLimits } from './accept.ts';
import { accessLimits } from './access.ts';
import { addressLimits } from './address.ts';
import { budgetsLimits } from './budgets.ts';
import { catalogLimits } from './catalog.ts';
import { connectionLimits } from './connection.ts';
import { deliveryLimits } from './delivery.ts';
import { dispatchLimits } from './dispatch.ts';
import { dnsLimits } from './dns.ts';
import { doorLimits } from './door.ts';
import { inboxLimits } from './inbox.ts';
import { ingestLimits } from './ingest.ts';
import { kubernetesLimits } from './kubernetes.ts';
import { operatorLimits } from './operator.ts';
import { queueLimits } from './queue.ts';
import { runningLimits } from './running.ts';
import { smtpOutLimits } from './smtp-out.ts';
import { storeLimits } from './store.ts';
import { sweepLimits } from './sweep.ts';
import { tasksLimits } from './tasks.ts';
import { templateLimits } from './template.ts';
import { SECOND } from './units.ts';

/** Every limit of Packetboat by its name. */
export const limits = {
  ...acceptLimits,
  ...accessLimits,
  ...addressLimits,
  ...budgetsLimits,
  ...catalogLimits,
  ...connectionLimits,
  ...deliveryLimits,
  ...dispatchLimits,
  ...dnsLimits,
  ...doorLimits,
  ...inboxLimits,
  ...ingestLimits,
  ...kubernetesLimits,
  ...operatorLimits,
  ...queueLimits,
  ...runningLimits,
  ...smtpOutLimits,
  ...storeLimits,
  ...sweepLimits,
  ...tasksLimits,
  ...templateLimits,
} as const;

/** Stops the process when limits that rest on each other do not fit. */
export function assertLimits(l: typeof limits = limits): void {
  const rules: [boolean, string][] = [
    [1 > 2 * l.leaseRenewShare + l.leaseMarginShare, 'a lease survives one renewal that failed'],
    [l.leaseMinMs <= l.leaseMs && l.leaseMs <= l.leaseMaxMs, 'the usual lease is one that may be asked for'],
    [
      l.deliveriesInFlightMax >= 4 * l.connectionsPerRouteMax,
      'a quarter of the deliveries in flight keeps all connections of a route busy',
    ],
    [
      l.ackWaitMs > l.smtpDotMs + l.smtpSocketMs,
      'the queue does not hand an entry out again while a slow server takes it',
    ],
    [l.grpcMessageBytesMax > l.turnBytesMax + l.contentInlineBytes, 'a full turn fits into one gRPC message'],
    [l.contentInlineBytes * 2 < l.turnBytesMax, 'an inline message fits into a turn'],
    [l.bodyInMemoryBytes <= l.turnBytesMax, 'a body parsed in memory fits into a turn'],
    [l.parserBytesMax >= l.bodyBytesMax, 'the largest body can be parsed'],
    [
      l.blobGraceMs > l.uploadMs + l.ingestCallMs,
      'no blob is swept while the accept that refers to it may still run',
    ],
    [l.republishMinMs > l.publishMs, 'a publish has ended before its entry counts as lost'],
    [
      l.queueEntryAgeMs > l.queueDeliverMax * l.ackWaitMs,
      'an entry is handed out as often as it may be before it is too old',
    ],
    [l.readinessEveryMs + l.readinessCheckMs <= 5 * SECOND, 'a lost dependency is named within 5 s (P20)'],
    [
      2 * l.ingestCheckMs < l.readinessCheckMs,
      'two instances of ingest can be asked before it counts as lost',
    ],
    [
      l.storeCheckMs < l.readinessCheckMs && l.natsCallMs < l.readinessCheckMs,
      'a check ends with its own reason before it is given up',
    ],
    [
      l.drainMs + 2 * l.natsCallMs < l.shutdownGraceMs,
      'what is given up at the end of a shutdown can still be recorded',
    ],
    [l.windowPerTenantAndTier >= l.consumeBatch, 'one fetch does not empty the window'],
    [
      l.electionRenewByMs + 2 * l.electionRetryMs < l.electionSeconds * SECOND,
      'a leader stops before another one may begin',
    ],
    [l.feedEveryMs < l.sweepEveryMs, 'a sweeper feeds a backlog more often than it looks for one'],
  ];
  for (const [holds, rule] of rules) if (!holds) throw new Error(`limits do not fit: ${rule}`);
}
