// The tenant of a namespace: the value of its label, otherwise the name of the namespace. Labels of
// Senders and Templates are ignored, because their authors could cross tenants.

import type { ObjectFault } from '../../services/core/documents/fault.ts';
import { Failure } from '../../services/core/failure.ts';
import { operatorLimits } from '../../services/core/limits/operator.ts';
import type { Clock } from '../../services/ports/clock.ts';
import { TENANT_LABEL } from '../api/v1alpha1/names.ts';
import type { KubernetesClient } from '../kubernetes/client.ts';
import { namespaces } from '../kubernetes/resource.ts';

export const tenantNotAllowed: ObjectFault = {
  reason: 'NamespaceNotAllowed',
  path: [],
  message: `the value of the namespace's label ${TENANT_LABEL} is not a valid tenant name`,
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

  /**
   * The tenant of a namespace; null: the label is not a valid name. The label is read again after
   * `operatorLimits.tenantKnownMs`.
   */
  async of(namespace: string): Promise<string | null> {
    const now = this.#clock.monotonic();
    const known = this.#known.get(namespace);
    if (known !== undefined && known.until > now) return known.tenant;
    const { metadata } = await this.#client.get(namespaces, { name: namespace });
    const label = metadata.labels?.[TENANT_LABEL];
    const tenant = label === undefined ? namespace : tenantName.test(label) ? label : null;
    this.#known.set(namespace, { tenant, until: now + operatorLimits.tenantKnownMs });
    return tenant;
  }

  /**
   * Whether another namespace belongs to this tenant. False if that namespace cannot be read: it
   * must not stop the objects of this one.
   */
  async isOf(namespace: string, tenant: string): Promise<boolean> {
    try {
      return (await this.of(namespace)) === tenant;
    } catch (error) {
      if (error instanceof Failure && (error.kind === 'forbidden' || error.kind === 'not_found'))
        return false;
      throw error;
    }
  }
}
