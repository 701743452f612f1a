// The rules between limits that depend on each other; every program asserts them at start. Each
// limit is defined in the file of the room that reads it, with its unit and reason.

import { acceptLimits } from './accept.ts';
import { accessLimits } from './access.ts';
import { addressLimits } from './address.ts';
import { budgetsLimits } from './budgets.ts';
import { catalogLimits } from './catalog.ts';
import { connectionLimits } from './connection.ts';
import { deliveryLimits } from './delivery.ts';
import { dispatchLimits } from './dispatch.ts';
import { dnsLimits } from './dns.ts';
import { documentsLimits } from './documents.ts';
import { doorLimits } from './door.ts';
import { inboxLimits } from './inbox.ts';
import { ingestLimits } from './ingest.ts';
import { kubernetesLimits } from './kubernetes.ts';
import { mailLimits } from './mail.ts';
import { objectsLimits } from './objects.ts';
import { operatorLimits } from './operator.ts';
import { queueLimits } from './queue.ts';
import { runningLimits } from './running.ts';
import { smtpOutLimits } from './smtp-out.ts';
import { storeLimits } from './store.ts';
import { sweepLimits } from './sweep.ts';
import { tasksLimits } from './tasks.ts';
import { templateLimits } from './template.ts';
import { SECOND } from './units.ts';

/** All limits of Packetboat by name. */
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
  ...documentsLimits,
  ...doorLimits,
  ...inboxLimits,
  ...ingestLimits,
  ...kubernetesLimits,
  ...mailLimits,
  ...objectsLimits,
  ...operatorLimits,
  ...queueLimits,
  ...runningLimits,
  ...smtpOutLimits,
  ...storeLimits,
  ...sweepLimits,
  ...tasksLimits,
  ...templateLimits,
} as const;

/** Throws if the limits contradict a rule, which stops the program at start. */
export function assertLimits(l: typeof limits = limits): void {
  const rules: [boolean, string][] = [
    [1 > 2 * l.leaseRenewShare + l.leaseMarginShare, 'a lease survives one renewal that failed'],
    [
      (1 - l.leaseMarginShare) * (1 + l.storeClockSlewShare) < 1,
      'a dispatcher stops to trust its lease before the fastest clock of a store ends the lease',
    ],
    [
      l.leaseMinMs <= l.leaseMs && l.leaseMs <= l.leaseMaxMs,
      'the default lease lies between the lowest and the highest',
    ],
    [
      l.deliveriesInFlightMax >= 4 * l.connectionsPerRouteMax,
      'a quarter of the deliveries in flight can keep all connections of a route busy',
    ],
    [
      l.ackWaitMs > l.smtpDotMs + l.smtpSocketMs,
      'the queue does not redeliver an entry while a slow server takes its mail',
    ],
    [l.grpcMessageBytesMax > l.turnBytesMax + l.contentInlineBytes, 'a full turn fits into one gRPC message'],
    [l.contentInlineBytes * 2 < l.turnBytesMax, 'an inline message fits into a turn'],
    [l.bodyInMemoryBytes <= l.turnBytesMax, 'a body parsed in memory fits into a turn'],
    [l.parserBytesMax >= l.bodyBytesMax, 'the largest body can be parsed'],
    [
      // quoted-printable: 78 characters for 25 bytes
      l.mailBytesMax >= Math.ceil((l.bodyBytesMax / 25) * 78) + l.structureBytesMax,
      'a mail with the content of the largest body is within the limit of a sender without one',
    ],
    [l.inboxMailBytesMax > l.mailBytesMax, 'the inbox takes the largest mail with its signatures'],
    [
      l.blobGraceMs > l.uploadMs + l.uploadUsableMs + l.ingestCallMs,
      'no blob is deleted while the accept that refers to it may still run',
    ],
    [l.republishMinMs > l.publishMs, 'a publish has ended before its entry counts as lost'],
    [
      l.queueEntryAgeMs > l.queueDeliverMax * l.ackWaitMs,
      'an entry gets all its redeliveries before the queue drops it for its age',
    ],
    [l.readinessEveryMs + l.readinessCheckMs <= 5 * SECOND, 'a lost dependency is named within 5 s (P20)'],
    [
      2 * l.ingestCheckMs < l.readinessCheckMs,
      'two instances of ingest are checked before ingest counts as lost',
    ],
    [
      l.storeCheckMs < l.readinessCheckMs && l.natsCallMs < l.readinessCheckMs,
      'a readiness check ends by its own timeout, which has the better reason',
    ],
    [
      l.drainMs + 2 * l.natsCallMs < l.shutdownGraceMs,
      'aborted attempts can be recorded before a shutdown ends',
    ],
    [l.windowPerLane >= l.consumeBatch, 'one fetch does not empty the window'],
    [
      l.electionRenewByMs + 2 * l.electionRetryMs < l.electionSeconds * SECOND,
      'a leader stops before another candidate may start',
    ],
    [
      l.lapsesWithoutDelayMax < l.lapsesMax - 1,
      'a delivery waits at least once before the last lapse ends it',
    ],
    [l.feedEveryMs < l.sweepEveryMs, 'a sweeper feeds a backlog more often than it looks for deliveries'],
  ];
  for (const [holds, rule] of rules) if (!holds) throw new Error(`limits contradict a rule: ${rule}`);
}
