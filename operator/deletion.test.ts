// What a deletion does to the catalog, on a real API server and a real store. There are no
// controllers: the tests do what the controller of namespaces does, and erase drained senders as a
// sweeper does.

import { join } from 'node:path';
import { afterAll, beforeAll, expect, it, vi } from 'vitest';
import { MemoryNotices } from '../services/adapters/memory/notices.ts';
import type { ObjectDocument } from '../services/adapters/mongo/catalog-document.ts';
import { type Mongo, openMongo } from '../services/adapters/mongo/connection.ts';
import { openDrainingSenders } from '../services/adapters/mongo/draining-senders.ts';
import { startMongo } from '../test/support/backend.ts';
import { describeWith } from '../test/support/describe-with.ts';
import { type Kubernetes, kubectl, kubectlOk, startKubernetes } from '../test/support/kubernetes.ts';
import { type OperatorOptions, startOperatorHere } from '../test/support/operator.ts';
import { grantOperator, operatorAccount } from '../test/support/operator-account.ts';
import type { SenderStatus } from './api/v1alpha1/status.ts';

const crds = join(import.meta.dirname, '../charts/packetboat/files/crds');
const WAIT = { timeout: 90_000, interval: 100 };

describeWith(['kube-apiserver', 'etcd', 'kubectl', 'helm', 'mongo-server'], 'a deletion', () => {
  const open = new AsyncDisposableStack();
  let kubernetes: Kubernetes;
  let mongoServer: Awaited<ReturnType<typeof startMongo>>;
  let mongo: Mongo;
  let kubeconfig: string;
  let term = 0;

  beforeAll(async () => {
    kubernetes = open.use(await startKubernetes([operatorAccount('mail'), operatorAccount('other')]));
    mongoServer = open.use(await startMongo());
    mongo = open.use(await openMongo(mongoServer.url));
    await defineKinds();
    for (const name of ['mail', 'other', 'shop', 'many', 'leaving']) await ctl('create', 'namespace', name);
    kubeconfig = await grantOperator(kubernetes, { namespace: 'mail', namespaces: ['*'] });
  }, 90_000);
  afterAll(() => open.disposeAsync(), 60_000);

  const ctl = (...args: readonly string[]) => kubectlOk(kubernetes.kubeconfig, args);
  const apply = (...items: readonly object[]) =>
    kubectlOk(
      kubernetes.kubeconfig,
      ['apply', '--server-side', '-f', '-'],
      JSON.stringify({ apiVersion: 'v1', kind: 'List', items }),
    );
  async function defineKinds(): Promise<void> {
    await ctl('apply', '-f', crds);
    await ctl('wait', '--for=condition=Established', '--timeout=30s', '-f', crds);
  }
  /** A new leader of the same cluster. */
  const startOperator = (options: Partial<OperatorOptions> = {}) => {
    term += 1;
    return startOperatorHere({ kubeconfig, mongodbUrl: mongoServer.url, term, ...options });
  };

  const sender = (name: string, { namespace = 'shop', domain = `${name}.example` } = {}) => ({
    ...{ apiVersion: 'packetboat.dev/v1alpha1', kind: 'Sender', metadata: { name, namespace } },
    spec: {
      ...{ domain, from: { address: `hi@${domain}` } },
      ...{ verification: { policy: 'Disabled' }, dkim: { policy: 'Disabled' } },
      routes: [{ name: 'relay', smtp: { host: 'relay.example.net' } }],
    },
  });
  const template = (name: string) => ({
    ...{ apiVersion: 'packetboat.dev/v1alpha1', kind: 'Template', metadata: { name, namespace: 'shop' } },
    spec: { defaultLocale: 'en', locales: [{ locale: 'en', subject: 'Hi', text: 'Hello' }] },
  });
  const entries = () => mongo.db.collection<ObjectDocument>('catalog');
  const entry = (key: string) => entries().findOne({ _id: key });
  const untilState = (key: string, state: ObjectDocument['state']) =>
    vi.waitFor(async () => expect((await entry(key))?.state).toBe(state), WAIT);
  const untilReady = (kind: string, name: string, namespace = 'shop') =>
    ctl('-n', namespace, 'wait', '--for=condition=Ready', '--timeout=60s', `${kind}/${name}`);
  const conditionsOf = async (name: string): Promise<Readonly<Record<string, string>>> => {
    const text = await ctl('-n', 'shop', 'get', 'sender', name, '-o', 'json');
    const { conditions = [] } = (JSON.parse(text) as { readonly status: SenderStatus }).status;
    return Object.fromEntries(conditions.map(({ type, status, reason }) => [type, `${status} ${reason}`]));
  };
  const createMany = async (namespace: string, from: number, to: number): Promise<void> => {
    const names = Array.from({ length: to - from }, (_, i) => `many-${from + i}`);
    await apply(...names.map((name) => sender(name, { namespace })));
    await vi.waitFor(async () => {
      const keys = { $in: names.map((name) => `sender/${namespace}/${name}`) };
      expect(await entries().countDocuments({ _id: keys, state: 'live' })).toBe(names.length);
    }, WAIT);
  };
  const statesIn = async (tenant: string) => {
    const found = await entries().find({ tenant }).toArray();
    return {
      live: found.filter(({ state }) => state === 'live').length,
      draining: found.filter(({ state }) => state === 'draining').length,
    };
  };

  it('is immediate; the sender drains with what was published last, and the template is hidden', async () => {
    await using _ = await startOperator();
    await apply(sender('plain'), template('letter'));
    await untilReady('sender', 'plain');
    await untilReady('template', 'letter');
    const before = await entry('sender/shop/plain');
    await ctl('-n', 'shop', 'delete', 'sender/plain', 'template/letter', '--timeout=5s');
    await untilState('sender/shop/plain', 'draining');
    await untilState('template/shop/letter', 'removed');
    const { config, sealed, revision } = (await entry('sender/shop/plain')) ?? {};
    expect({ config, sealed, revision }).toEqual({
      ...{ config: before?.config, sealed: before?.sealed, revision: before?.revision },
    });
  }, 90_000);

  it('while no operator runs is seen at the next start', async () => {
    {
      await using _ = await startOperator();
      await apply(sender('absent'));
      await untilReady('sender', 'absent');
    }
    await ctl('-n', 'shop', 'delete', 'sender/absent', '--timeout=5s');
    expect((await entry('sender/shop/absent'))?.state).toBe('live');
    await using _ = await startOperator();
    await untilState('sender/shop/absent', 'draining');
  }, 90_000);

  it('while the store is unreachable is seen when the store is reachable again', async () => {
    await using _ = await startOperator();
    await apply(sender('unstored'), sender('watched'));
    for (const name of ['unstored', 'watched']) await untilReady('sender', name);
    mongoServer.pause();
    await ctl('-n', 'shop', 'delete', 'sender/unstored', '--timeout=5s');
    // later than the comparison that the deletion caused
    await vi.waitFor(
      async () => expect(await conditionsOf('watched')).toMatchObject({ Ready: 'False StoreUnavailable' }),
      WAIT,
    );
    mongoServer.resume();
    await untilState('sender/shop/unstored', 'draining');
  }, 120_000);

  it('that the finalizer of another program delays counts from the request on', async () => {
    await using _ = await startOperator();
    const kept = sender('kept');
    await apply({ ...kept, metadata: { ...kept.metadata, finalizers: ['acme.example/wait'] } });
    await untilReady('sender', 'kept');
    await ctl('-n', 'shop', 'delete', 'sender/kept', '--wait=false');
    await untilState('sender/shop/kept', 'draining');
    await ctl('-n', 'shop', 'patch', 'sender/kept', '--type=merge', '-p', '{"metadata":{"finalizers":null}}');
  }, 90_000);

  it('and a creation with the same name and domain continue the entry', async () => {
    await using _ = await startOperator();
    await apply(sender('again'));
    await untilReady('sender', 'again');
    const uid = (await entry('sender/shop/again'))?.source.uid;
    await ctl('-n', 'shop', 'delete', 'sender/again', '--timeout=5s');
    await apply(sender('again'));
    await vi.waitFor(async () => {
      const now = await entry('sender/shop/again');
      expect([now?.state, now?.source.uid === uid]).toEqual(['live', false]);
    }, WAIT);

    await ctl('-n', 'shop', 'delete', 'sender/again', '--timeout=5s');
    await untilState('sender/shop/again', 'draining');
    await apply(sender('again'));
    await untilState('sender/shop/again', 'live');
    await untilReady('sender', 'again');
  }, 120_000);

  it('and a creation with the same name and another domain wait until the mail has left', async () => {
    await using _ = await startOperator();
    await apply(sender('moved'));
    await untilReady('sender', 'moved');
    await ctl('-n', 'shop', 'delete', 'sender/moved', '--timeout=5s');
    await apply(sender('moved', { domain: 'elsewhere.example' }));
    await vi.waitFor(
      async () =>
        expect(await conditionsOf('moved')).toMatchObject({
          ...{ Accepted: 'False Draining', Published: 'Unknown Pending', Ready: 'False Draining' },
        }),
      WAIT,
    );
    await untilState('sender/shop/moved', 'draining');
    expect((await entry('sender/shop/moved'))?.config).toContain('moved.example');
    const senders = await openDrainingSenders(mongo, new MemoryNotices());
    for (const each of await senders.draining()) if (each.name === 'moved') await senders.erase(each);
    await untilReady('sender', 'moved');
    expect((await entry('sender/shop/moved'))?.config).toContain('elsewhere.example');
  }, 120_000);

  it('of most objects of a namespace at once waits for an administrator; 50 of 120 are retired', async () => {
    const held: number[] = [];
    const lease = { namespace: 'mail', name: 'packetboat-operator' };
    await apply({ apiVersion: 'coordination.k8s.io/v1', kind: 'Lease', metadata: lease });
    const first = await startOperator({
      lease,
      metrics: { retirementsHeld: (count) => void held.push(count) },
    });
    {
      await using _ = first;
      await createMany('many', 0, 120);
      const some = Array.from({ length: 50 }, (_, i) => `sender/many-${i}`);
      await ctl('-n', 'many', 'delete', ...some, '--timeout=60s');
      await vi.waitFor(async () => expect(await statesIn('many')).toEqual({ live: 70, draining: 50 }), WAIT);
      expect(held.every((count) => count === 0)).toBe(true);

      await ctl('-n', 'many', 'delete', 'senders', '--all', '--timeout=60s');
      await vi.waitFor(() => expect(held.at(-1)).toBe(70), WAIT);
      expect(await statesIn('many')).toEqual({ live: 70, draining: 50 });
      await vi.waitFor(
        async () =>
          expect(await ctl('-n', 'mail', 'events', '--for', 'lease/packetboat-operator')).toContain(
            'namespace many: 70 of 70 objects are missing',
          ),
        WAIT,
      );
    }
    await using _ = await startOperator({ isMassRetireAllowed: true });
    await vi.waitFor(async () => expect(await statesIn('many')).toEqual({ live: 0, draining: 120 }), WAIT);
  }, 240_000);

  it('of a namespace, its Role first, hangs nowhere; the entry stays until it is retired or the Role is back', async () => {
    const account = await grantOperator(kubernetes, { namespace: 'other', namespaces: ['leaving'] });
    let refused = 0;
    await using _ = await startOperator({
      ...{ kubeconfig: account, namespaces: ['leaving'], cluster: 'roles' },
      onAnswer: ({ verb, code }) => {
        if (verb === 'LIST' && code === 403) refused += 1;
      },
    });
    await apply(sender('left', { namespace: 'leaving' }));
    await untilReady('sender', 'left', 'leaving');
    await ctl('delete', 'namespace', 'leaving', '--wait=false');
    // what the controller does, in the worst order
    await ctl('-n', 'leaving', 'delete', 'roles,rolebindings', '--all');
    await ctl('-n', 'leaving', 'delete', 'senders,templates,secrets,events', '--all', '--timeout=10s');
    const namespace = JSON.parse(await ctl('get', 'namespace', 'leaving', '-o', 'json')) as object;
    await kubectlOk(
      kubernetes.kubeconfig,
      ['replace', '--raw', '/api/v1/namespaces/leaving/finalize', '-f', '-'],
      JSON.stringify({ ...namespace, spec: { finalizers: [] } }),
    );
    await ctl('wait', '--for=delete', 'namespace/leaving', '--timeout=20s');
    // after the comparison that the deletion caused, which could not list the namespace
    await vi.waitFor(() => expect(refused).toBeGreaterThan(0), WAIT);
    expect((await entry('sender/leaving/left'))?.state).toBe('live');
    await ctl('create', 'namespace', 'leaving');
    await grantOperator(kubernetes, { namespace: 'other', namespaces: ['leaving'] });
    await untilState('sender/leaving/left', 'draining');
  }, 180_000);

  it('of a namespace retires its senders where the operator sees all namespaces', async () => {
    await using _ = await startOperator();
    await ctl('create', 'namespace', 'closing');
    await apply(sender('closed', { namespace: 'closing' }));
    await untilReady('sender', 'closed', 'closing');
    await ctl('delete', 'namespace', 'closing', '--wait=false');
    await ctl('-n', 'closing', 'delete', 'senders', '--all', '--timeout=10s');
    await untilState('sender/closing/closed', 'draining');
  }, 90_000);

  it('of the definitions retires nothing, and the objects continue when they are back', async () => {
    let notFound = 0;
    await using _ = await startOperator({
      onAnswer: ({ code }) => {
        if (code === 404) notFound += 1;
      },
    });
    await apply(sender('defined'));
    await untilReady('sender', 'defined');
    await ctl('delete', '-f', crds, '--timeout=30s');
    // the mirrors of both kinds retry after 0.5 s, 1 s, 2 s, 4 s …: the comparison is among these
    await vi.waitFor(() => expect(notFound).toBeGreaterThan(9), WAIT);
    expect((await entry('sender/shop/defined'))?.state).toBe('live');
    await defineKinds();
    await apply(sender('defined'));
    await vi.waitFor(
      async () =>
        expect(
          (
            await kubectl(kubernetes.kubeconfig, [
              '-n',
              'shop',
              'wait',
              '--for=condition=Ready',
              'sender/defined',
              '--timeout=1s',
            ])
          ).code,
        ).toBe(0),
      WAIT,
    );
    expect((await entry('sender/shop/defined'))?.state).toBe('live');
  }, 150_000);
});
