// One attempt: from a claimed delivery to a recorded outcome. The mail is composed and signed
// before a connection is used, so that a connection never waits for a mail, and a mail that cannot
// be composed costs no connection. The fence comes before the last bytes (R6).

import { type LastReply, type Outcome, record, release, type Verdict } from '../core/delivery/delivery.ts';
import { type Category, classifyContentError } from '../core/delivery/reply.ts';
import { returnPath } from '../core/delivery/return-path.ts';
import { Failure, type FailureKind } from '../core/failure.ts';
import type { Report } from '../ports/transport.ts';
import { bytesOf, type ComposedMail, type ComposeParts, composeMail, inMemory } from './compose-mail.ts';
import type { Dispatcher } from './dispatcher-parts.ts';
import { type Attempt, type AttemptSignals, type RecordParts, recordAttempt } from './record-attempt.ts';

export type DeliverParts = ComposeParts & RecordParts & Pick<Dispatcher, 'transport' | 'returnKey'>;

/**
 * Resolves once the outcome is recorded, or the delivery is queued again, or another dispatcher has
 * the delivery. Never rejects.
 */
export async function deliver(d: DeliverParts, attempt: Attempt, signals: AttemptSignals): Promise<void> {
  const { hand, sender } = attempt;
  let mail: ComposedMail;
  try {
    mail = await composeMail(d, hand.message, sender);
  } catch (error) {
    await contentFailed(d, attempt, signals, error);
    return;
  }
  const startedAt = d.clock.monotonic();
  const result = await send(d, attempt, signals, mail);
  await recordAttempt(d, attempt, signals, { result, ms: d.clock.monotonic() - startedAt });
}

/** The failures that the next attempt would repeat, because it would compose the same mail. */
const lasting: Partial<
  Record<FailureKind, { readonly category: Category; readonly enhanced: string | null }>
> = {
  invalid: { category: 'content', enhanced: null },
  too_large: { category: 'too_large', enhanced: '5.3.4' },
};

/**
 * Content that cannot be rendered, and a mail that is larger than its sender allows, bounce at
 * once. Stored content that is missing or damaged defers the delivery, and the attempt is counted.
 * After any other failure (the store is unreachable, a key cannot be opened) the delivery is
 * released, and no attempt is counted.
 */
async function contentFailed(
  d: Pick<RecordParts, 'messages' | 'metrics' | 'random' | 'report'>,
  { hand, sender }: Attempt,
  { stop }: Pick<AttemptSignals, 'stop'>,
  error: unknown,
): Promise<void> {
  const ending = error instanceof Failure ? endingOf(error) : null;
  if (error instanceof Failure && ending !== null) {
    const { verdict, category, enhanced } = ending;
    const reply: LastReply = { stage: 'render', code: null, enhanced, text: error.message };
    const outcome: Outcome = {
      verdict,
      reply,
      data: {
        category,
        stage: 'render',
        ...(enhanced === null ? {} : { enhanced }),
        reply: error.message,
      },
    };
    if (verdict.kind === 'deferred') d.report('a mail could not be composed', error);
    d.metrics.attempt(verdict.kind, category, 0);
    const schedule = { delaysMs: sender.retry.delaysMs, random: d.random.fraction() };
    await hand.insist((view) => record(view, hand.leaseId, outcome, d.messages.now(), schedule), stop);
    return;
  }
  d.report('a mail could not be composed', error);
  const how = { reason: null, due: d.messages.now() + hand.releaseDelayMs, tried: true };
  await hand.insist((view) => release(view, hand.leaseId, how), stop);
}

/** Null: the failure is over at a later attempt, or nobody knows. */
function endingOf(failure: Failure): {
  readonly verdict: Extract<Verdict, { readonly kind: 'bounced' | 'deferred' }>;
  readonly category: Category;
  readonly enhanced: string | null;
} | null {
  const bounce = lasting[failure.kind];
  if (bounce !== undefined) return { verdict: { kind: 'bounced' }, ...bounce };
  const lost = classifyContentError(failure);
  return lost === null ? null : { verdict: lost, category: lost.category, enhanced: null };
}

async function send(
  d: Pick<DeliverParts, 'transport' | 'returnKey' | 'blobs'>,
  { hand, sender, route }: Attempt,
  { stop }: Pick<AttemptSignals, 'stop'>,
  mail: ComposedMail,
): Promise<Report> {
  const opened = await d.transport.open(route, { signal: stop });
  if (opened.kind !== 'session') return opened;
  await using session = opened;
  return await session.send({
    mailFrom: returnPath(
      { message: hand.message.id, index: hand.index },
      sender.returnPathDomain,
      d.returnKey,
    ),
    rcptTo: hand.view.delivery.recipient,
    smtpUtf8: mail.smtpUtf8,
    body: inMemory(mail) ?? bytesOf(d.blobs, mail.parts),
    bytes: mail.bytes,
    beforeDot: () => hand.commit(),
    signal: stop,
  });
}
