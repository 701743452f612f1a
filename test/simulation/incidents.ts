// Faults that happen once, at a random time: to one process, whatever it is doing, or to what all
// processes share.

import { deliveryLimits } from '../../services/core/limits/delivery.ts';
import { sampleSender } from './catalog.ts';
import type { Chance } from './chance.ts';
import type { WorldClock } from './clock.ts';
import type { Journal } from './journal.ts';
import type { Programs, Shared } from './programs.ts';
import type { Incident, Settings } from './settings.ts';
import type { Trouble } from './trouble.ts';

export interface IncidentWorld {
  readonly clock: WorldClock;
  readonly chance: Chance;
  readonly settings: Settings;
  readonly trouble: Trouble;
  readonly journal: Journal;
  readonly shared: Pick<Shared, 'queue' | 'catalog'>;
  readonly programs: Programs;
}

export function planIncidents(world: IncidentWorld): void {
  const { clock, chance, settings } = world;
  for (const incident of settings.incidents)
    clock.at(chance.between(0, settings.faultsMs), () => happen(world, incident));
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
      jumpStoreClock(world, chance.pick([5_000, 70_000, 3_600_000]));
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

export function jumpStoreClock(
  { journal, trouble }: Pick<IncidentWorld, 'journal' | 'trouble'>,
  ms: number,
): void {
  journal.note(`the store’s clock jumps by ${ms}`);
  trouble.jumpStoreClock(ms);
}
