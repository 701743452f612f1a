// Records an attempt: what the transport reported becomes the outcome of the delivery, its event,
// the metrics and the figures of the sender. `deliver.ts` makes the attempt.

import type { Route, Sender } from '../core/catalog/catalog.ts';
import {
  type Change,
  type DeliveryView,
  type LastReply,
  record,
  release,
  type Verdict,
} from '../core/delivery/delivery.ts';
import { isUnanswered } from '../core/delivery/first-reply.ts';
import { classifyAnswer, classifyContentError } from '../core/delivery/reply.ts';
import { pausedRoutesText, routePause } from '../core/delivery/route-pause.ts';
import { deliveryLimits } from '../core/limits/delivery.ts';
import type { StoreClock } from '../ports/store-clock.ts';
import type { Report } from '../ports/transport.ts';
import type { DeliveryInHand } from './delivery-in-hand.ts';
import type { Dispatcher } from './dispatcher-parts.ts';
import type { PausedRoutes } from './paused-routes.ts';

export interface Attempt {
  readonly hand: DeliveryInHand;
  readonly sender: Sender;
  readonly route: Route;
}

export interface AttemptSignals {
  /**
   * Aborts when the grace period ends: no new connection, and mail before its final dot is given
   * up.
   */
  readonly stop: AbortSignal;
  readonly paused: PausedRoutes;
}

export type RecordParts = Pick<Dispatcher, 'clock' | 'random' | 'metrics' | 'tally' | 'report'> & {
  readonly messages: StoreClock;
};

/**
 * Resolves once the outcome is stored or given up. `ms`: how long the attempt took. Never rejects.
 */
export async function recordAttempt(
  d: RecordParts,
  { hand, sender, route }: Attempt,
  { stop, paused }: AttemptSignals,
  { result, ms }: { readonly result: Report; readonly ms: number },
): Promise<void> {
  const lost = result.reason === 'body' ? classifyContentError(result.cause) : null;
  const classification = lost ?? classifyAnswer(result);
  const { category } = classification;
  const reply: LastReply = {
    stage: result.stage,
    code: result.code,
    enhanced: result.enhanced,
    text: lost !== null && result.cause instanceof Error ? result.cause.message : result.text,
  };
  if (result.cause !== undefined) d.report('an attempt failed in this process', result.cause);
  d.metrics.attempt(classification.kind === 'lost' ? 'unknown' : classification.kind, category, ms);
  const owner = { tenant: sender.tenant, sender: sender.name };
  d.tally?.attempt(owner, {
    outcome: classification.kind,
    at: d.messages.now(),
    code: result.code,
    enhanced: result.enhanced,
  });

  const data = {
    category,
    stage: result.stage,
    code: result.code,
    enhanced: result.enhanced,
    reply: reply.text,
    host: result.host,
    route: route.name,
    source: result.source,
    tls: result.tls?.version ?? null,
    ms: Math.round(ms),
  };
  const schedule = { delaysMs: sender.retry.delaysMs, random: d.random.fraction() };
  const recorded = (view: DeliveryView, verdict: Verdict): Change | null =>
    record(view, hand.leaseId, { verdict, reply, data }, d.messages.now(), schedule);

  if (classification.kind !== 'local') {
    if (classification.kind === 'delivered') paused.resume(route);
    const { tier, events } = hand.message;
    const isFirstReply = result.code !== null && isUnanswered(hand.view, events);
    const tookMs = d.messages.now() - hand.view.startsAt;
    const isRecorded = await hand.insist((view) => recorded(view, classification), stop);
    if (isRecorded && isFirstReply) d.metrics.firstReply(tier, tookMs);
    if (isRecorded && classification.kind === 'delivered') d.metrics.delivered(tier, tookMs);
    return;
  }
  const now = d.messages.now();
  const pause = classification.scope === 'route' ? routePause(category, result) : null;
  const due =
    pause !== null
      ? paused.pause(route, now, pause)
      : category === 'aborted'
        ? now
        : now + hand.releaseDelayMs;
  if (pause !== null) d.tally?.paused(owner, route.name, { until: due, ...pause });
  const how = {
    reason: pause === null ? null : 'route',
    due,
    tried: category !== 'aborted',
    lastReply: reply,
    ...(pause === null ? {} : { message: pausedRoutesText([[route.name, pause.message]]) }),
  } as const;
  // A delivery in `committing` cannot be released, even if the store's confirmation of the fence
  // never arrived. No dot was sent, so it is deferred like a refusal that is about us, and no
  // attempt is counted.
  const waiting: Verdict = { kind: 'deferred', spent: false, waitMs: deliveryLimits.refusalAboutUsMs };
  await hand.insist(
    (view) =>
      view.delivery.phase === 'committing' ? recorded(view, waiting) : release(view, hand.leaseId, how),
    stop,
  );
}
