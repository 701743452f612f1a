// The mail server of a simulated world. It accepts or refuses a mail, drops the connection at any
// stage, before the final dot and after it, and may take minutes to reply. The record learns from
// it what was sent.

import { createHash } from 'node:crypto';
import type { Route } from '../../services/core/catalog/catalog.ts';
import type { Stage } from '../../services/core/delivery/reply.ts';
import { parseReturnPath } from '../../services/core/delivery/return-path.ts';
import type { Report, Session, Transaction, Transport } from '../../services/ports/transport.ts';
import type { Chance } from './chance.ts';
import type { WorldClock } from './clock.ts';
import type { Process } from './process.ts';
import type { StoreRecord } from './record.ts';

/** Probabilities per attempt. */
export interface MailFaults {
  /** Connecting fails: a fault of ours. */
  readonly connect: number;
  /** Refused before RCPT: about us. */
  readonly busy: number;
  readonly refused: number;
  /** Dropped before the dot. */
  readonly dropped: number;
  /** Dropped after the dot. */
  readonly answerLost: number;
  readonly slow: number;
}

/** Beginnings of addresses that the server always treats in one way, with or without faults. */
export const habits = {
  /** Refused for now, whenever. */
  never: 'greylisted-',
  /** No such mailbox. */
  unknown: 'unknown-',
  /** Crashes the dispatcher that delivers to it. */
  poison: 'poison-',
} as const;

export interface MailWorld {
  readonly clock: WorldClock;
  readonly chance: Chance;
  readonly record: StoreRecord;
  readonly returnKey: Uint8Array;
  /** The probabilities at this time. */
  faults(): MailFaults;
  /** When a caller was told that this address is suppressed, monotonic. */
  suppressedAt(address: string): number | undefined;
  /** True: the server drops a connection that was open while the world was suspended. */
  dropsAfterSuspension(): boolean;
  troubled(until: number): void;
}

export function transportOf(world: MailWorld, process: Process): Transport {
  return {
    open: async (route, { signal }) => {
      await process.step();
      if (signal.aborted) return report(route, 'aborted', 'dial');
      const { chance } = world;
      const faults = world.faults();
      if (chance.happens(faults.connect))
        return report(route, 'fault', 'dial', { reason: chance.pick(['connect', 'dns', 'tls']) });
      if (chance.happens(faults.busy))
        return report(route, 'refused', 'greeting', { code: 421, text: 'too busy' });
      const session: Session = {
        kind: 'session',
        send: (transaction) => send(world, process, route, transaction),
        [Symbol.asyncDispose]: async () => {},
      };
      return session;
    },
    [Symbol.asyncDispose]: async () => {},
  };
}

async function send(world: MailWorld, process: Process, route: Route, t: Transaction): Promise<Report> {
  const { record } = world;
  const named = parseReturnPath(t.mailFrom ?? '', [world.returnKey]);
  if (named === null) throw new Error('the envelope sender is not ours');
  const delivery = record.delivery(named.message, named.index);
  const claim = record.claimOf(delivery, process);
  const result = await converse(world, process, route, t, {
    data: () => record.dataBegan(delivery, claim, world.suppressedAt(t.rcptTo)),
    take: (digest) => record.taken(delivery, t.rcptTo, digest),
  });
  if (result.kind !== 'fenced' && result.kind !== 'aborted')
    record.answered(delivery, claim, result.kind === 'answer_lost');
  await process.step();
  return result;
}

async function converse(
  world: MailWorld,
  process: Process,
  route: Route,
  t: Transaction,
  witness: { readonly data: () => void; readonly take: (digest: string) => void },
): Promise<Report> {
  const { chance, clock } = world;
  const faults = world.faults();
  const { suspendedMs } = clock;
  const dropsAsSuspended = (): boolean => clock.suspendedMs > suspendedMs && world.dropsAfterSuspension();
  const refuses = (): boolean => chance.happens(faults.refused / 4);
  const drops = (): boolean => chance.happens(faults.dropped / 4) || dropsAsSuspended();

  await process.step();
  if (refuses()) return report(route, 'refused', 'mail', { code: 451, text: 'later' });
  if (drops()) return report(route, 'lost', 'mail', { reason: 'dropped' });
  if (t.rcptTo.startsWith(habits.unknown))
    return report(route, 'refused', 'rcpt', { code: 550, enhanced: '5.1.1' });
  if (t.rcptTo.startsWith(habits.never))
    return report(route, 'refused', 'rcpt', { code: 450, enhanced: '4.7.1' });
  if (refuses()) return report(route, 'refused', 'rcpt', { code: 450 });
  if (drops()) return report(route, 'lost', 'rcpt', { reason: 'dropped' });
  if (t.signal.aborted) return report(route, 'aborted', 'rcpt');

  witness.data();
  const hash = createHash('sha256');
  for await (const chunk of t.body) hash.update(chunk);
  if (t.rcptTo.startsWith(habits.poison) && chance.happens(0.8)) process.crash();
  await process.step();
  if (drops()) return report(route, 'lost', 'body', { reason: 'dropped' });
  if (t.signal.aborted) return report(route, 'aborted', 'body');
  try {
    if (!(await t.beforeDot())) return report(route, 'fenced', 'body');
  } catch (cause) {
    return { ...report(route, 'fenced', 'body'), cause };
  }
  await process.step();
  if (drops()) return report(route, 'lost', 'body', { reason: 'dropped' });

  // from here on only the server knows whether the mail was sent
  const answer = afterDot(world, faults, route);
  if (answer.takes) witness.take(hash.digest('hex'));
  if (chance.happens(faults.slow)) await slowly(world, t.signal);
  await process.step();
  return t.signal.aborted || dropsAsSuspended()
    ? report(route, 'answer_lost', 'dot', { reason: 'dropped' })
    : answer.report;
}

function afterDot(
  { chance }: MailWorld,
  faults: MailFaults,
  route: Route,
): { readonly takes: boolean; readonly report: Report } {
  if (chance.happens(faults.answerLost)) {
    return {
      takes: chance.happens(0.5),
      report: report(route, 'answer_lost', 'dot', { reason: chance.pick(['dropped', 'timeout']) }),
    };
  }
  if (chance.happens(faults.refused / 4))
    return { takes: false, report: report(route, 'refused', 'dot', { code: 451 }) };
  if (chance.happens(faults.refused / 8))
    return { takes: false, report: report(route, 'refused', 'dot', { code: 554, enhanced: '5.6.0' }) };
  return { takes: true, report: report(route, 'accepted', 'dot', { code: 250, text: 'ok' }) };
}

/**
 * Up to five minutes, far beyond a lease, though within what SMTP allows. No fault: its mail is not
 * late and not doubled.
 */
async function slowly(world: MailWorld, signal: AbortSignal): Promise<void> {
  const ms = world.chance.pick([2_000, 45_000, 100_000, 300_000]);
  world.troubled(world.clock.monotonic() + ms);
  await world.clock.sleep(ms, signal);
}

function report(route: Route, kind: Report['kind'], stage: Stage, more: Partial<Report> = {}): Report {
  return {
    kind,
    stage,
    reason: null,
    code: null,
    enhanced: null,
    text: '',
    host: route.host,
    source: null,
    tls: null,
    timings: { open: null, envelope: null, body: null, dot: null },
    transcript: null,
    ...more,
  };
}
