// Faults that happen once, at a random time: to one process, whatever it is doing, or to what all
// processes share.

import { deliveryLimits } from '../../services/core/limits/delivery.ts';
import { storeLimits } from '../../services/core/limits/store.ts';
import { sampleSender } from './catalog.ts';
import type { Chance } from './chance.ts';
import type { WorldClock } from './clock.ts';
import type { Journal } from './journal.ts';
import type { Programs, Shared } from './programs.ts';
import type { StoreRecord } from './record.ts';
import type { ClockIncident, Incident, Settings } from './settings.ts';
import { ClusterClock, type WorldStoreClock } from './store-clock.ts';
import type { Trouble } from './trouble.ts';

export interface IncidentWorld {
  readonly clock: WorldClock;
  readonly chance: Chance;
  readonly settings: Settings;
  readonly trouble: Trouble;
  readonly journal: Journal;
  readonly shared: Pick<Shared, 'queue' | 'catalog'>;
  readonly programs: Programs;
  readonly record: Pick<StoreRecord, 'isSending'>;
  readonly storeClock: WorldStoreClock;
  /** Decides about clocks alone, so that they change nothing else in the world of a seed. */
  readonly clockChance: Chance;
  readonly clockIncidents: readonly ClockIncident[];
}

export function planIncidents(world: IncidentWorld): void {
  const { clock, chance, settings } = world;
  for (const incident of settings.incidents)
    clock.at(chance.between(0, settings.faultsMs), () => happen(world, incident));
  for (const incident of world.clockIncidents)
    clock.at(world.clockChance.between(0, settings.faultsMs), () => happenToClocks(world, incident));
}

function happenToClocks(world: IncidentWorld, incident: ClockIncident): void {
  const { clock, storeClock, trouble, programs, journal } = world;
  switch (incident.kind) {
    case 'step':
      whileSending(world, incident.phase, () => {
        stepClock(world, incident.ms);
        if (incident.backAfterMs !== null)
          clock.at(clock.monotonic() + incident.backAfterMs, () => stepClock(world, -incident.ms));
      });
      break;
    case 'suspension':
      whileSending(world, incident.phase, () => {
        journal.note(`the machine is suspended for ${incident.ms}`);
        storeClock.now(); // read after an earlier step, which the suspension could hide
        clock.suspend(incident.ms);
        trouble.lastUntil(clock.monotonic());
      });
      break;
    case 'restart':
      // the parts of the process end together; it starts again a little later
      for (const process of programs.living()) process.crash();
      stepClock(world, incident.ms);
      break;
    default:
      incident satisfies never;
  }
}

/** Acts as soon as a mail is in this phase, or after a minute without one. Null: at once. */
function whileSending(
  { clock, record }: Pick<IncidentWorld, 'clock' | 'record'>,
  phase: 'streaming' | 'committing' | null,
  act: () => void,
): void {
  const giveUpAt = clock.monotonic() + 60_000;
  const look = (): void => {
    if (phase === null || record.isSending(phase) || clock.monotonic() >= giveUpAt) act();
    else clock.at(clock.monotonic() + 2, look);
  };
  look();
}

function happen(world: IncidentWorld, incident: Incident): void {
  const { clock, chance, settings, trouble, shared, programs } = world;
  const now = clock.monotonic();
  const living = programs.living();
  const victim = living[chance.between(0, living.length - 1)];
  trouble.lastUntil(now);
  world.journal.note(incident);
  switch (incident) {
    case 'crash':
      victim?.crash();
      break;
    case 'freeze':
      victim?.freeze(chance.pick([20_000, 75_000, 200_000]));
      break;
    case 'shutdown':
      if (victim !== undefined) programs.stop(victim);
      break;
    case 'queue erased':
      shared.queue.erase();
      break;
    case 'queue repeats':
      void shared.queue.repeat(chance.between(1, 20));
      break;
    case 'store down':
      trouble.takeStoresDown(chance.pick([500, 15_000, 90_000]));
      break;
    case 'store clock jumps':
      stepClock(world, chance.pick([5_000, 70_000, 3_600_000]));
      break;
    case 'sender suspended': {
      const until = now + chance.pick([1_000, 100_000]);
      // held mail is looked at again once a minute
      trouble.lastUntil(until + deliveryLimits.heldRecheckMs);
      shared.catalog.replace([{ ...sampleSender(settings.delaysMs), suspended: true }]);
      clock.at(until, () => shared.catalog.replace([sampleSender(settings.delaysMs)]));
      break;
    }
    default:
      incident satisfies never;
  }
}

/** Embedded, the wall clock steps; in a cluster MongoDB's clock, which all programs follow soon. */
function stepClock({ clock, storeClock, journal, trouble }: IncidentWorld, ms: number): void {
  journal.note(`the clock steps by ${ms}`);
  if (storeClock instanceof ClusterClock) storeClock.jump(ms);
  else {
    storeClock.now(); // read after an earlier suspension, which the step could hide
    clock.step(ms);
  }
  trouble.lastUntil(clock.monotonic() + storeLimits.storeClockEveryMs);
}
