// One attempt: from a claimed delivery to a recorded outcome. What can be told before a connection
// is opened is done before; the mail is complete when the connection is used; the fence stands
// before the last bytes (R6).

import { needsSmtpUtf8 } from '../core/address.ts';
import type { Route, Sender } from '../core/catalog/catalog.ts';
import {
  type Change,
  type DeliveryView,
  type LastReply,
  type Outcome,
  record,
  release,
  type Verdict,
} from '../core/delivery/delivery.ts';
import { isUnanswered } from '../core/delivery/first-reply.ts';
import { judge } from '../core/delivery/reply.ts';
import { returnPath } from '../core/delivery/return-path.ts';
import { pausedRoutesText, routePause } from '../core/delivery/route-pause.ts';
import { Failure } from '../core/failure.ts';
import { deliveryLimits } from '../core/limits/delivery.ts';
import type { Report } from '../ports/transport.ts';
import { bytesOf, type ComposedMail, composeMail, inMemory } from './compose-mail.ts';
import type { DeliveryInHand } from './delivery-in-hand.ts';
import type { Dispatcher } from './dispatcher.ts';
import type { PausedRoutes } from './paused-routes.ts';

export interface Attempt {
  readonly hand: DeliveryInHand;
  readonly sender: Sender;
  readonly route: Route;
}

export interface Signals {
  /** No new connection, and what has not reached its dot is given up: the grace period ends. */
  readonly stop: AbortSignal;
  readonly paused: PausedRoutes;
}

/**
 * Resolves once the outcome is recorded, or the delivery is back in the queue, or somebody else has
 * it. Never rejects.
 */
export async function deliver(d: Dispatcher, attempt: Attempt, signals: Signals): Promise<void> {
  const { hand, sender } = attempt;
  let mail: ComposedMail;
  try {
    mail = await composeMail(d, hand.message, sender);
  } catch (error) {
    await contentFailed(d, attempt, signals, error);
    return;
  }
  const startedAt = d.clock.monotonic();
  const report = await send(d, attempt, signals, mail);
  await recordReport(d, attempt, signals, report, d.clock.monotonic() - startedAt);
}

/**
 * Content that cannot be rendered bounces at once: the next attempt would render the same. A store
 * that is away costs nothing.
 */
async function contentFailed(
  d: Dispatcher,
  { hand }: Attempt,
  signals: Signals,
  error: unknown,
): Promise<void> {
  if (error instanceof Failure && error.kind === 'invalid') {
    const reply: LastReply = { stage: 'render', code: null, enhanced: null, text: error.message };
    const outcome: Outcome = {
      verdict: { kind: 'bounced' },
      reply,
      data: { category: 'content', stage: 'render', reply: error.message },
    };
    d.metrics.attempt('bounced', 'content', 0);
    await hand.insist(
      (s) => record(s, hand.leaseId, outcome, d.messages.now(), { delaysMs: [], random: 0 }),
      signals.stop,
    );
    return;
  }
  d.report('a mail could not be composed', error);
  const how = { reason: null, due: d.messages.now() + hand.releaseDelayMs, tried: true };
  await hand.insist((s) => release(s, hand.leaseId, how), signals.stop);
}

async function send(
  d: Dispatcher,
  { hand, sender, route }: Attempt,
  { stop }: Signals,
  mail: ComposedMail,
): Promise<Report> {
  const opened = await d.transport.open(route, { signal: stop });
  if (opened.kind !== 'session') return opened;
  await using session = opened;
  const { recipient } = hand.view.delivery;
  return await session.send({
    mailFrom: returnPath(
      { message: hand.message.id, index: hand.index },
      sender.returnPathDomain,
      d.returnKey,
    ),
    rcptTo: recipient,
    smtpUtf8: needsSmtpUtf8(recipient),
    body: inMemory(mail) ?? bytesOf(d, mail),
    bytes: mail.bytes,
    beforeDot: () => hand.commit(),
    signal: stop,
  });
}

async function recordReport(
  d: Dispatcher,
  { hand, sender, route }: Attempt,
  signals: Signals,
  report: Report,
  ms: number,
): Promise<void> {
  const judgement = judge(report);
  const { category } = judgement;
  const reply: LastReply = {
    stage: report.stage,
    code: report.code,
    enhanced: report.enhanced,
    text: report.text,
  };
  if (report.cause !== undefined) d.report('an attempt failed here', report.cause);
  d.metrics.attempt(judgement.kind === 'lost' ? 'unknown' : judgement.kind, category, ms);
  const owner = { tenant: sender.tenant, sender: sender.name };
  d.tally?.attempt(owner, {
    outcome: judgement.kind,
    at: d.messages.now(),
    code: report.code,
    enhanced: report.enhanced,
  });

  const data = {
    category,
    stage: report.stage,
    code: report.code,
    enhanced: report.enhanced,
    reply: report.text,
    host: report.host,
    route: route.name,
    source: report.source,
    tls: report.tls?.version ?? null,
    ms: Math.round(ms),
  };
  const schedule = { delaysMs: sender.retry.delaysMs, random: d.random.fraction() };
  const recorded = (s: DeliveryView, verdict: Verdict): Change | null =>
    record(s, hand.leaseId, { verdict, reply, data }, d.messages.now(), schedule);

  if (judgement.kind !== 'local') {
    if (judgement.kind === 'delivered') signals.paused.resume(route);
    const { tier, events } = hand.message;
    const isFirstReply = report.code !== null && isUnanswered(hand.view, events);
    const tookMs = d.messages.now() - hand.view.startsAt;
    const isRecorded = await hand.insist((s) => recorded(s, judgement), signals.stop);
    if (isRecorded && isFirstReply) d.metrics.firstReply(tier, tookMs);
    if (isRecorded && judgement.kind === 'delivered') d.metrics.delivered(tier, tookMs);
    return;
  }
  const now = d.messages.now();
  const pause = judgement.scope === 'route' ? routePause(category, report) : null;
  const due =
    pause !== null
      ? signals.paused.pause(route, now, pause)
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
  // Behind the record `committing` nothing is released, not even when its answer never came here:
  // no dot was sent, so it waits like a refusal about us.
  const waiting: Verdict = { kind: 'deferred', spent: false, waitMs: deliveryLimits.refusalAboutUsMs };
  await hand.insist(
    (s) => (s.delivery.phase === 'committing' ? recorded(s, waiting) : release(s, hand.leaseId, how)),
    signals.stop,
  );
}
