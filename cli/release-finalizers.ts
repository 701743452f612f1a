// `packetboat release-finalizers`: `helm uninstall` runs it before it removes the operator.

import { accessOf } from '../operator/kubernetes/access.ts';
import { openKubernetesClient } from '../operator/kubernetes/http-client.ts';
import { releaseFinalizers } from '../operator/release-finalizers.ts';
import { systemClock } from '../services/adapters/system/clock.ts';
import type { Config } from '../services/runtime/config.ts';
import type { Logger } from '../services/runtime/log.ts';

export async function runReleaseFinalizers(
  config: Config<'release-finalizers'>,
  log: Pick<Logger, 'info'>,
): Promise<void> {
  await using client = await openKubernetesClient({
    access: accessOf(config),
    fieldManager: 'packetboat-operator',
    onAnswer: () => {},
  });
  const namespaces = config.namespaces ?? [config.namespace];
  const lease = { namespace: config.namespace, name: config.leaseName };
  log.info(
    { namespaces },
    'removing the finalizers of all Senders; this takes some seconds while an operator runs',
  );
  const released = await releaseFinalizers({
    client,
    clock: systemClock,
    lease,
    namespaces: namespaces.includes('*') ? null : namespaces,
  });
  log.info({ released }, 'Senders can now be deleted without an operator');
}
