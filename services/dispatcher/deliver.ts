// One attempt: from a claimed delivery to a recorded outcome. The mail is composed and signed
// before a connection is used, so that a connection never waits for a mail, and a mail that cannot
// be composed costs no connection. The fence comes before the last bytes (R6).

import { needsSmtpUtf8 } from '../core/address.ts';
import { type LastReply, type Outcome, record, release } from '../core/delivery/delivery.ts';
import { returnPath } from '../core/delivery/return-path.ts';
import { Failure } from '../core/failure.ts';
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

/**
 * Content that cannot be rendered bounces at once, because the next attempt would render the same.
 * After any other failure (the store is unreachable, a key cannot be opened) the delivery is
 * released, and no attempt is counted.
 */
async function contentFailed(
  d: Pick<RecordParts, 'messages' | 'metrics' | 'report'>,
  { hand }: Attempt,
  { stop }: Pick<AttemptSignals, 'stop'>,
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
      (view) => record(view, hand.leaseId, outcome, d.messages.now(), { delaysMs: [], random: 0 }),
      stop,
    );
    return;
  }
  d.report('a mail could not be composed', error);
  const how = { reason: null, due: d.messages.now() + hand.releaseDelayMs, tried: true };
  await hand.insist((view) => release(view, hand.leaseId, how), stop);
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
  const { recipient } = hand.view.delivery;
  return await session.send({
    mailFrom: returnPath(
      { message: hand.message.id, index: hand.index },
      sender.returnPathDomain,
      d.returnKey,
    ),
    rcptTo: recipient,
    smtpUtf8: needsSmtpUtf8(recipient),
    body: inMemory(mail) ?? bytesOf(d.blobs, mail),
    bytes: mail.bytes,
    beforeDot: () => hand.commit(),
    signal: stop,
  });
}
