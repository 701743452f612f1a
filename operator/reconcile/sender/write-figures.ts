// Writes the figures of each sender's last hour into `status.figures`: at most once a minute, and
// only where they changed. Their field manager differs from that of the rest of the status, so
// neither overwrites the other.

import type { Category } from '../../../services/core/delivery/reply.ts';
import { dispatchLimits } from '../../../services/core/limits/dispatch.ts';
import type { Clock } from '../../../services/ports/clock.ts';
import type { SenderFigures, SenderFiguresStore } from '../../../services/ports/sender-figures.ts';
import { type SenderResource, senders } from '../../api/v1alpha1/resources.ts';
import type { SenderStatus } from '../../api/v1alpha1/status.ts';
import type { KubernetesClient } from '../../kubernetes/client.ts';
import { timeText } from '../conditions.ts';
import { isSame } from '../decide-status.ts';
import type { Mirror } from '../mirror.ts';
import { keyOf } from '../precedence.ts';
import type { Tenants } from '../tenants.ts';

interface FiguresParts {
  readonly client: Pick<KubernetesClient, 'applyStatus'>;
  readonly clock: Clock;
  readonly figures: Pick<SenderFiguresStore, 'lastHour'>;
  readonly senders: Mirror<SenderResource>;
  readonly tenants: Tenants;
  readonly report: (what: string, error: unknown) => void;
}

const MANAGER = 'packetboat-operator-figures';

/** Until the signal aborts. Never rejects. */
export async function writeFigures(parts: FiguresParts, signal: AbortSignal): Promise<void> {
  while (!signal.aborted) {
    try {
      await writeOnce(parts, signal);
    } catch (error) {
      if (!signal.aborted) parts.report('the figures of senders could not be written', error);
    }
    await parts.clock.sleep(dispatchLimits.figuresShownEveryMs, signal);
  }
}

/** An object whose figures cannot be written, for example without a Role, stops no other object. */
async function writeOnce(parts: FiguresParts, signal: AbortSignal): Promise<void> {
  const found: FiguresByName = new Map(
    (await parts.figures.lastHour()).map((entry) => [`${entry.tenant}/${entry.sender}`, entry]),
  );
  const errors: unknown[] = [];
  for (const object of parts.senders.objects()) {
    if (signal.aborted) return;
    await writeFor(parts, object, found, signal).catch((error: unknown) => void errors.push(error));
  }
  if (errors.length > 0 && !signal.aborted)
    parts.report(`the figures of ${errors.length} senders could not be written`, errors[0]);
}

type FiguresByName = ReadonlyMap<string, SenderFigures>;

async function writeFor(
  { client, clock, tenants }: FiguresParts,
  object: SenderResource,
  found: FiguresByName,
  signal: AbortSignal,
): Promise<void> {
  const { metadata, status } = object;
  const before = status?.figures;
  if (metadata.deletionTimestamp !== undefined || (found.size === 0 && before === undefined)) return;
  const next = statusFigures(
    found.get(`${await tenants.of(metadata.namespace ?? '')}/${metadata.name}`),
    clock.now(),
  );
  if (isSame(before, next)) return;
  const key = { ...keyOf(object), ...(metadata.uid === undefined ? {} : { uid: metadata.uid }) };
  await client.applyStatus(senders, key, next === undefined ? {} : { figures: next }, {
    signal,
    fieldManager: MANAGER,
  });
}

/** By category of the fault; docs/operator.md lists them. */
const reasonOf: Partial<Record<Category, string>> = {
  dns: 'NameNotResolved',
  address_refused: 'AddressNotAllowed',
  connect: 'ConnectionFailed',
  tls: 'TLSFailed',
  auth: 'LoginFailed',
  route_refused: 'ConnectionRefused',
};

/** The figures as the status shows them; undefined when there are none. */
export function statusFigures(figures: SenderFigures | undefined, now: number): SenderStatus['figures'] {
  if (figures === undefined) return undefined;
  const { sent, deferred, bounced, lastReply, pausedRoutes } = figures;
  const paused = Object.entries(pausedRoutes)
    .filter(([, { until }]) => until > now)
    .map(([name, { reason, message }]) => ({ name, reason: reasonOf[reason] ?? 'RouteFailed', message }))
    .sort((a, b) => (a.name < b.name ? -1 : 1));
  return {
    ...{ sent, deferred, bounced },
    ...(lastReply === null
      ? {}
      : {
          lastReply: `${lastReply.code} ${lastReply.enhanced ?? ''}`.trim(),
          lastReplyTime: timeText(lastReply.at),
        }),
    ...(paused.length === 0 ? {} : { pausedRoutes: paused }),
  };
}
