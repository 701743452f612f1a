// What kind of world a seed makes: which faults happen, how often and for how long. Each kind of
// fault is absent, rare or frequent, so that some worlds have one kind alone and others have all
// kinds at once: a fault that is always there hides what another fault would show.

import { deliveryLimits } from '../../services/core/limits/delivery.ts';
import type { Chance } from './chance.ts';
import type { MailFaults } from './mail-server.ts';
import type { Kind, ProcessFaults } from './process.ts';
import type { QueueFaults } from './queue.ts';

/** Probabilities of the faults of single calls. */
export interface FaultRates {
  readonly process: ProcessFaults;
  readonly queue: QueueFaults;
  readonly mail: MailFaults;
  /** Per reservation: the budget grants nothing. */
  readonly budgetRefusal: number;
}

export const noFaults: FaultRates = {
  process: { crash: 0, freeze: 0, failure: 0, delay: 0 },
  queue: { lost: 0, repeated: 0 },
  mail: { connect: 0, busy: 0, refused: 0, dropped: 0, answerLost: 0, slow: 0 },
  budgetRefusal: 0,
};

/** Faults that happen once, at a random time, whatever the processes are doing. */
const incidents = [
  'crash',
  'freeze',
  'shutdown',
  'queue erased',
  'queue repeats',
  'store down',
  'store clock jumps',
  'sender suspended',
] as const;
export type Incident = (typeof incidents)[number];

/**
 * Cluster: several processes of each program, which follow MongoDB's clock. Embedded: all programs
 * are parts of one process, whose memory has the queue, and the clocks of its machine make the
 * store's clock.
 */
export type Layout = 'cluster' | 'embedded';

export interface Settings {
  readonly layout: Layout;
  /** Faults happen in this first part of the world's time. */
  readonly faultsMs: number;
  readonly faults: FaultRates;
  readonly incidents: readonly Incident[];
  /** Things that callers do. */
  readonly actions: number;
  readonly instances: Readonly<Record<Kind, number>>;
  /** How wrong the clocks of processes are. */
  readonly skewsMs: readonly number[];
  readonly delaysMs: readonly number[];
  /** Entries that the queue takes. */
  readonly windowMax: number;
  /** Keys are tried again after their 24 hours. */
  readonly hasNextDay: boolean;
}

/** The incident waits until a mail is being sent, before the final dot or after it. */
type SendingPhase = 'streaming' | 'committing';

export type ClockIncident =
  /**
   * Embedded: somebody sets the wall clock, and back after `backAfterMs` unless that is null.
   * Cluster: the new primary has another clock.
   */
  | {
      readonly kind: 'step';
      readonly ms: number;
      readonly phase: SendingPhase | null;
      readonly backAfterMs: number | null;
    }
  /** Embedded: the machine is suspended. */
  | { readonly kind: 'suspension'; readonly ms: number; readonly phase: SendingPhase }
  /** Embedded: the process is killed, the wall clock is set, and the process starts again. */
  | { readonly kind: 'restart'; readonly ms: number };

const SECOND = 1_000;
const MINUTE = 60 * SECOND;
const HOUR = 60 * MINUTE;

/** What happens to the clocks of a world. */
export function clockIncidentsOf(
  chance: Chance,
  { layout, faultsMs }: Pick<Settings, 'layout' | 'faultsMs'>,
): readonly ClockIncident[] {
  const stepMs = (): number => chance.pick([-HOUR, -10 * MINUTE, 10 * MINUTE, HOUR]);
  const step: ClockIncident = {
    kind: 'step',
    ms: stepMs(),
    phase: chance.pick<SendingPhase | null>([null, 'committing']),
    backAfterMs: chance.pick<number | null>([null, 20 * SECOND, 50 * SECOND]),
  };
  const suspension: ClockIncident = {
    kind: 'suspension',
    ms: 10 * MINUTE,
    phase: chance.pick<SendingPhase>(['streaming', 'committing']),
  };
  const restart: ClockIncident = { kind: 'restart', ms: stepMs() };
  const possible = layout === 'embedded' ? [step, suspension, restart] : [step];
  return faultsMs === 0 ? [] : possible.filter(() => chance.happens(0.4));
}

export function settingsOf(chance: Chance, layout: Layout): Settings {
  const some = (least: number, most: number): number =>
    chance.happens(0.5) ? chance.pick([least, Math.sqrt(least * most), most]) : 0;
  const isLong = chance.happens(0.05);
  const faultsMs = isLong ? 90 * MINUTE : chance.pick([0, 20 * SECOND, 2 * MINUTE, 5 * MINUTE]);
  return {
    layout,
    faultsMs,
    faults: {
      process: {
        crash: some(0.002, 0.03),
        freeze: some(0.002, 0.03),
        failure: some(0.01, 0.25),
        delay: some(0.005, 0.05),
      },
      queue: { lost: some(0.05, 0.5), repeated: some(0.05, 0.5) },
      mail: {
        connect: some(0.02, 0.2),
        busy: some(0.02, 0.2),
        refused: some(0.1, 0.8),
        dropped: some(0.05, 0.5),
        answerLost: some(0.05, 0.5),
        slow: some(0.1, 0.5),
      },
      budgetRefusal: some(0.1, 0.5),
    },
    incidents: faultsMs === 0 ? [] : incidents.filter(() => chance.happens(0.25)),
    actions: chance.between(2, 6),
    instances: { ingest: 2, dispatcher: 2, sweeper: chance.pick([1, 2]) },
    skewsMs: chance.pick([[0], [0], [-10 * MINUTE, 0, 10 * MINUTE]]),
    delaysMs: isLong
      ? deliveryLimits.retryDelaysMs
      : chance.pick([[5 * SECOND], [30 * SECOND, 60 * SECOND], [2 * SECOND, 10 * SECOND, 100 * SECOND]]),
    windowMax: chance.happens(0.25) ? chance.between(2, 4) : Number.POSITIVE_INFINITY,
    hasNextDay: chance.happens(0.25),
  };
}
