// The two installations that every e2e file runs against: one process, and a cluster of processes.

import { describe } from 'vitest';
import { borrow, describeWith } from '../support/describe-with.ts';
import type { Installation, InstallationOptions } from '../support/installation.ts';
import { type ClusterOptions, startCluster } from '../support/start-cluster.ts';
import { startEmbedded } from '../support/start-embedded.ts';

export interface Subject {
  readonly name: 'embedded' | 'cluster';
  /** `sizes` matter in a cluster only. */
  start(
    options?: InstallationOptions,
    sizes?: Pick<ClusterOptions, 'gateways' | 'ingests' | 'dispatchers' | 'sweepers'>,
  ): Promise<Installation>;
}

const embedded: Subject = { name: 'embedded', start: (options) => startEmbedded(options) };

const cluster: Subject = {
  name: 'cluster',
  start: async (options, sizes) => {
    const [mongo, nats, redis] = await Promise.all([borrow('mongo'), borrow('nats'), borrow('redis')]);
    return startCluster({
      ...options,
      ...sizes,
      backends: { mongo: mongo.url, nats: nats.url, redis: redis.url },
    });
  },
};

/** Runs the same tests against both. */
export function describeSubjects(title: string, body: (subject: Subject) => void): void {
  describe(`${title}: embedded`, () => body(embedded));
  describeWith(['mongo', 'nats', 'redis'], `${title}: cluster`, () => body(cluster));
}
