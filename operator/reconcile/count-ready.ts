// Counts objects by their condition Ready, for a metric. The count has a loop of its own, because a
// visit would have to read all objects.

import { operatorLimits } from '../../services/core/limits/operator.ts';
import type { Clock } from '../../services/ports/clock.ts';
import type { Mirrors } from './affected.ts';
import type { ObjectWithStatus } from './decide-status.ts';
import type { OperatorMetrics } from './metrics.ts';

interface CountReadyParts {
  readonly clock: Clock;
  readonly metrics: Pick<OperatorMetrics, 'ready'>;
  readonly mirrors: Mirrors;
}

/** Until the signal aborts. */
export async function countReady(
  { clock, metrics, mirrors }: CountReadyParts,
  signal: AbortSignal,
): Promise<void> {
  while (!signal.aborted) {
    for (const [kind, objects] of [
      ['Sender', mirrors.senders.objects()] as const,
      ['Template', mirrors.templates.objects()] as const,
    ]) {
      const counts = countsOf(objects);
      for (const status of ['True', 'False', 'Unknown'] as const) metrics.ready(kind, status, counts[status]);
    }
    await clock.sleep(operatorLimits.countReadyEveryMs, signal);
  }
}

function countsOf(
  objects: readonly ObjectWithStatus[],
): Readonly<Record<'True' | 'False' | 'Unknown', number>> {
  const counts = { True: 0, False: 0, Unknown: 0 };
  for (const { status } of objects)
    counts[status?.conditions?.find(({ type }) => type === 'Ready')?.status ?? 'Unknown'] += 1;
  return counts;
}
