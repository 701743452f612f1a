// Whose a namespace is: its label says so, else it is a tenant by itself. The label of a Sender or Template would let their authors cross tenants.

import type { ObjectFault } from '../../services/core/fault.ts';
import { limits } from '../../services/core/limits.ts';
import type { Clock } from '../../services/ports/clock.ts';
import type { KubernetesClient } from '../kubernetes/client.ts';
import { namespaces } from '../kubernetes/resource.ts';

export const TENANT_LABEL = 'packetboat.dev/tenant';

export const tenantNotAllowed: ObjectFault = {
  reason: 'NamespaceNotAllowed',
  path: [],
  message: `the label ${TENANT_LABEL} of the namespace is not a name that a tenant may have`,
};

const tenantName = /^[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?$/;

export class Tenants {
  readonly #client: Pick<KubernetesClient, 'get'>;
  readonly #clock: Clock;
  readonly #known = new Map<string, { readonly tenant: string | null; readonly until: number }>();

  constructor(client: Pick<KubernetesClient, 'get'>, clock: Clock) {
    this.#client = client;
    this.#clock = clock;
  }

  /** Null: the label names none that may be. Asked anew after `limits.tenantKnownMs`. */
  async of(namespace: string): Promise<string | null> {
    const now = this.#clock.monotonic();
    const known = this.#known.get(namespace);
    if (known !== undefined && known.until > now) return known.tenant;
    const { metadata } = await this.#client.get(namespaces, { name: namespace });
    const label = metadata.labels?.[TENANT_LABEL];
    const tenant = label === undefined ? namespace : tenantName.test(label) ? label : null;
    this.#known.set(namespace, { tenant, until: now + limits.tenantKnownMs });
    return tenant;
  }
}
