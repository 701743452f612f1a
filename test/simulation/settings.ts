// What kind of world a seed makes. Each kind of trouble is there or not, weak or strong, so that
// some worlds have one kind alone and others all at once: a fault that is always on hides what
// another one would show.

import { deliveryLimits } from '../../services/core/limits/delivery.ts';
import type { Chance } from './chance.ts';
import type { MailWeather } from './mail-server.ts';
import { calm, type Kind, type Weather } from './process.ts';
import type { QueueWeather } from './queue.ts';

export interface Sky {
  readonly process: Weather;
  readonly queue: QueueWeather;
  readonly mail: MailWeather;
  readonly budgetRefusal: number;
}

export const calmSky: Sky = {
  process: calm,
  queue: { lost: 0, repeated: 0 },
  mail: { connect: 0, busy: 0, refused: 0, dropped: 0, answerLost: 0, slow: 0 },
  budgetRefusal: 0,
};

const disasters = [
  'crash',
  'freeze',
  'shutdown',
  'queue erased',
  'queue repeats',
  'store down',
  'store clock jumps',
  'sender suspended',
] as const;
export type Disaster = (typeof disasters)[number];

export interface Settings {
  readonly stormMs: number;
  readonly storm: Sky;
  readonly disasters: readonly Disaster[];
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

const SECOND = 1_000;
const MINUTE = 60 * SECOND;

export function settingsOf(chance: Chance): Settings {
  const some = (least: number, most: number): number =>
    chance.happens(0.5) ? chance.pick([least, Math.sqrt(least * most), most]) : 0;
  const isLong = chance.happens(0.05);
  const stormMs = isLong ? 90 * MINUTE : chance.pick([0, 20 * SECOND, 2 * MINUTE, 5 * MINUTE]);
  return {
    stormMs,
    storm: {
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
    disasters: stormMs === 0 ? [] : disasters.filter(() => chance.happens(0.25)),
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
