// Two operators: the one that leads is stopped politely, killed, and frozen until the other has
// done its work. At each time exactly one works, and what an overtaken one still wants to write is
// refused.

import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it, vi } from 'vitest';
import { openMongo } from '../../services/adapters/mongo/connection.ts';
import { SystemRandom } from '../../services/adapters/system/random.ts';
import { kubernetesLimits } from '../../services/core/limits/kubernetes.ts';
import { keysFor } from '../../services/core/secrets/keyring.ts';
import { readKeyring, readOrMakeKeyring } from '../../services/runtime/keyring.ts';
import { startMongo, startNats } from '../support/backend.ts';
import { describeWith } from '../support/describe-with.ts';
import { freePort } from '../support/free-port.ts';
import { type PacketboatProgram, startRole } from '../support/installation.ts';
import { type Kubernetes, kubectlOk, startKubernetes } from '../support/kubernetes.ts';
import { startOperatorHere } from '../support/operator.ts';
import { grantOperator, operatorAccount } from '../support/operator-account.ts';

const crds = join(import.meta.dirname, '../../charts/packetboat/files/crds');

describeWith(
  ['kube-apiserver', 'etcd', 'kubectl', 'helm', 'mongo-server', 'nats-server'],
  'two operators',
  () => {
    const open = new AsyncDisposableStack();
    let kubernetes: Kubernetes;
    let env: Readonly<Record<string, string>>;
    let mongodbUrl: string;
    let kubeconfig: string;

    beforeAll(async () => {
      kubernetes = open.use(await startKubernetes([operatorAccount('mail')]));
      const mongo = open.use(await startMongo());
      const nats = open.use(await startNats());
      mongodbUrl = mongo.url;
      const folder = await mkdtemp(join(tmpdir(), 'packetboat-operators-'));
      open.defer(() => rm(folder, { recursive: true, force: true }));
      const keyringFile = join(folder, 'keyring.json');
      await readOrMakeKeyring(keyringFile, new SystemRandom());
      await kubectlOk(kubernetes.kubeconfig, ['apply', '-f', crds]);
      await kubectlOk(kubernetes.kubeconfig, [
        'wait',
        '--for=condition=Established',
        '--timeout=30s',
        '-f',
        crds,
      ]);
      await kubectlOk(kubernetes.kubeconfig, ['create', 'namespace', 'mail']);
      env = {
        ...{
          MONGODB_URL: mongodbUrl,
          NATS_URL: nats.url,
          PACKETBOAT_KEYRING_FILE: keyringFile,
          PACKETBOAT_NAMESPACE: 'mail',
        },
        ...(await kubernetes.podEnvFor(operatorAccount('mail').name)),
      };
      kubeconfig = await grantOperator(kubernetes, { namespace: 'mail', namespaces: ['mail'] });
    }, 90_000);
    afterAll(() => open.disposeAsync(), 60_000);

    const startOperator = async (): Promise<PacketboatProgram> =>
      open.use(await startRole('operator', env, await freePort()));
    const isLeading = async ({ operationsUrl }: PacketboatProgram): Promise<boolean> =>
      (await (await fetch(`${operationsUrl}/metrics`)).text()).includes(
        'leader_election_master_status{name="packetboat-operator"} 1',
      );
    const isIdle = async ({ operationsUrl }: PacketboatProgram): Promise<boolean> =>
      /workqueue_depth\{name="template"\} 0\n/.test(await (await fetch(`${operationsUrl}/metrics`)).text());
    const untilLeading = (program: PacketboatProgram, timeout: number) =>
      vi.waitFor(async () => expect(await isLeading(program)).toBe(true), { timeout, interval: 50 });
    const template = (text: string) => ({
      ...{
        apiVersion: 'packetboat.dev/v1alpha1',
        kind: 'Template',
        metadata: { name: 'welcome', namespace: 'mail' },
      },
      spec: { defaultLocale: 'en', locales: [{ locale: 'en', subject: 'Hi', text }] },
    });
    const apply = (text: string) =>
      kubectlOk(kubernetes.kubeconfig, ['apply', '-f', '-'], JSON.stringify(template(text)));
    /** The edit is in the catalog, and its status says so. */
    const untilPublished = async (text: string, revision: number): Promise<void> => {
      await apply(text);
      await vi.waitFor(
        async () => {
          const args = ['-n', 'mail', 'get', 'template', 'welcome', '-o', 'jsonpath={.status.revision}'];
          expect(await kubectlOk(kubernetes.kubeconfig, args)).toBe(String(revision));
        },
        { timeout: 20_000, interval: 100 },
      );
    };
    const stored = async () => {
      await using mongo = await openMongo(mongodbUrl);
      return mongo.db
        .collection<{ _id: string; fence: { term: number } }>('catalog')
        .findOne({ _id: 'template/mail/welcome' });
    };

    it('one is stopped politely, one is killed, one is frozen: each time the other goes on', async () => {
      let leader = await startOperator();
      await untilLeading(leader, 10_000);
      await untilPublished('one', 1);

      // stopped: it releases the Lease, and the others need not wait until the Lease expires
      let other = await startOperator();
      expect(await isLeading(other)).toBe(false);
      expect(await leader.stop()).toBe(0);
      await untilLeading(other, (kubernetesLimits.electionSeconds * 1_000) / 3);
      await untilPublished('two', 2);

      // killed: the Lease has to be over first
      leader = other;
      other = await startOperator();
      await leader.kill();
      await untilLeading(other, 20_000);
      await untilPublished('three', 3);
      const term = (await stored())?.fence.term ?? 0;

      // frozen for twice the time of a Lease
      leader = other;
      other = await startOperator();
      leader.pause();
      const frozenAt = performance.now();
      await untilLeading(other, 20_000);
      await untilPublished('four', 4);
      await vi.waitFor(() => expect(performance.now() - frozenAt).toBeGreaterThan(30_000), {
        timeout: 35_000,
        interval: 500,
      });
      leader.resume();
      await vi.waitFor(async () => expect(await isLeading(leader)).toBe(false), {
        timeout: 10_000,
        interval: 50,
      });
      expect(await isLeading(other)).toBe(true);
      await untilPublished('five', 5);
      expect((await stored())?.fence.term).toBeGreaterThan(term);
      for (const program of [leader, other]) expect(await program.stop()).toBe(0);
    }, 150_000);

    it('what was made anew while nobody worked is in the catalog, and stays there', async () => {
      const names = Array.from({ length: 100 }, (_, i) => `anew-${i}`);
      const items = names.map((name) => ({
        ...template('anew'),
        metadata: { name, namespace: 'mail', labels: { made: 'anew' } },
      }));
      const list = JSON.stringify({ apiVersion: 'v1', kind: 'List', items });
      const uids = async () => {
        await using mongo = await openMongo(mongodbUrl);
        const found = mongo.db
          .collection<{ _id: string; state: string; source: { uid: string } }>('catalog')
          .find({ state: 'live' });
        return new Map((await found.toArray()).map(({ _id, source }) => [_id, source.uid]));
      };
      const whole = async () => {
        const pairs = 'jsonpath={range .items[*]}{.metadata.name}={.metadata.uid} {end}';
        const live = await kubectlOk(kubernetes.kubeconfig, [
          '-n',
          'mail',
          'get',
          'templates',
          '-l',
          'made=anew',
          '-o',
          pairs,
        ]);
        const known = await uids();
        return live
          .trim()
          .split(' ')
          .map((pair) => pair.split('='))
          .filter(([name, uid]) => known.get(`template/mail/${name}`) === uid).length;
      };
      const ready = [
        '-n',
        'mail',
        'wait',
        '--for=condition=Ready',
        'templates',
        '-l',
        'made=anew',
        '--timeout=50s',
      ];

      const first = await startOperator();
      await untilLeading(first, 20_000);
      await kubectlOk(kubernetes.kubeconfig, ['apply', '-f', '-'], list);
      await kubectlOk(kubernetes.kubeconfig, ready);
      expect(await whole()).toBe(names.length);
      await first.stop();
      await kubectlOk(kubernetes.kubeconfig, ['replace', '--force', '-f', '-'], list);
      expect(await whole()).toBe(0);
      const second = await startOperator();
      await untilLeading(second, 20_000);
      await kubectlOk(kubernetes.kubeconfig, ready);
      await vi.waitFor(async () => expect(await isIdle(second)).toBe(true), {
        timeout: 30_000,
        interval: 100,
      });
      expect(await whole()).toBe(names.length);
      await second.stop();
    }, 150_000);

    it('what an overtaken one writes is refused, and it hears of it', async () => {
      const before = await stored();
      const keys = keysFor(await readKeyring(env.PACKETBOAT_KEYRING_FILE ?? ''), 'catalog');
      const results: string[] = [];
      const fenced = Promise.withResolvers<void>();
      {
        await using _overtaken = await startOperatorHere({
          ...{ kubeconfig, mongodbUrl, keys, namespaces: ['mail'], term: (before?.fence.term ?? 0) - 1 },
          metrics: { published: (_, result) => results.push(result) },
          onFenced: fenced.resolve,
        });
        await fenced.promise;
      }
      expect(new Set(results)).toEqual(new Set(['fenced']));
      expect(await stored()).toEqual(before);
    });
  },
);
