// The client, the reflector, the elector and the recorder on a real API server, which is killed,
// cut off, slowed down and made to forget.

import { once } from 'node:events';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { createServer as createHttpsServer } from 'node:https';
import { connect, createServer, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, expect, onTestFinished, test, vi } from 'vitest';
import { ManualClock } from '../../services/adapters/memory/clock.ts';
import { systemClock } from '../../services/adapters/system/clock.ts';
import { SystemRandom } from '../../services/adapters/system/random.ts';
import { kubernetesLimits } from '../../services/core/limits/kubernetes.ts';
import type { Clock } from '../../services/ports/clock.ts';
import { makeAuthority } from '../../test/support/certificates.ts';
import { describeWith } from '../../test/support/describe-with.ts';
import { type Kubernetes, kubectlOk, startKubernetes } from '../../test/support/kubernetes.ts';
import type { AnsweredRequest, KubernetesClient } from './client.ts';
import { type ElectorParts, elect, type Leadership } from './elector.ts';
import { EventRecorder } from './event-recorder.ts';
import { openKubernetesClient } from './http-client.ts';
import { Reflector } from './reflector.ts';
import { type ConfigMap, configMaps, events, leases, metadataOf, secrets } from './resource.ts';

const WAIT = { timeout: 45_000, interval: 50 };

describeWith(['kube-apiserver', 'etcd', 'kubectl'], 'on an API server', () => {
  let kubernetes: Kubernetes;
  let admin: KubernetesClient;

  beforeAll(async () => {
    kubernetes = await startKubernetes([{ name: 'operator' }]);
    admin = await openKubernetesClient({
      access: { kubeconfig: kubernetes.kubeconfig },
      fieldManager: 'test',
    });
    await kubectlOk(kubernetes.kubeconfig, [
      'create',
      'clusterrolebinding',
      'operator',
      '--clusterrole=cluster-admin',
      '--user=operator',
    ]);
  });
  afterAll(async () => {
    await admin?.[Symbol.asyncDispose]();
    await kubernetes?.[Symbol.asyncDispose]();
  });

  const open = async (more: Partial<Parameters<typeof openKubernetesClient>[0]> = {}) => {
    const client = await openKubernetesClient({
      access: { kubeconfig: kubernetes.kubeconfig },
      fieldManager: 'test',
      ...more,
    });
    onTestFinished(() => client[Symbol.asyncDispose]());
    return client;
  };
  const put = (name: string, namespace: string, value: string) =>
    kubectlOk(
      kubernetes.kubeconfig,
      ['apply', '-f', '-'],
      JSON.stringify({ apiVersion: 'v1', kind: 'ConfigMap', metadata: { name, namespace }, data: { value } }),
    );
  const newNamespace = async (): Promise<string> => {
    const name = `ns-${Math.random().toString(36).slice(2)}`;
    await kubectlOk(kubernetes.kubeconfig, ['create', 'namespace', name]);
    return name;
  };

  /** A reflector of a namespace's ConfigMaps at work. */
  function reflect(
    namespace: string,
    more: {
      readonly client?: Pick<KubernetesClient, 'list' | 'watch'>;
      readonly idleMs?: number;
      readonly clock?: Clock;
      readonly onChange?: () => void;
    } = {},
  ) {
    const reported: string[] = [];
    const seen: string[] = [];
    const reflector = new Reflector<ConfigMap>(
      configMaps,
      { namespace },
      {
        client: more.client ?? admin,
        clock: more.clock ?? systemClock,
        random: new SystemRandom(),
        indexers: {},
        report: (what) => reported.push(what),
        onChange: ({ before, after }) => {
          seen.push(
            `${before === null ? 'new' : after === null ? 'gone' : 'changed'} ${(after ?? before)?.metadata.name}`,
          );
          more.onChange?.();
        },
        ...(more.idleMs === undefined ? {} : { idleMs: more.idleMs }),
      },
    );
    const stop = new AbortController();
    const running = reflector.run(stop.signal);
    onTestFinished(async () => {
      stop.abort();
      await running;
    });
    return { reflector, reported, seen };
  }
  const held = (reflector: Reflector<ConfigMap>, namespace: string, name: string) =>
    reflector.get({ namespace, name })?.data?.value;

  test('the client distinguishes not found, conflict, invalid and forbidden, and names the field', async () => {
    const client = await open();
    const key = { namespace: 'default', name: 'one' };
    await expect(client.get(configMaps, key)).rejects.toMatchObject({ kind: 'not_found' });
    const made = await client.create(configMaps, { metadata: key, data: { a: '1' } });
    await expect(client.create(configMaps, { metadata: key })).rejects.toMatchObject({ kind: 'conflict' });
    await client.update(configMaps, { ...made, data: { a: '2' } });
    await expect(client.update(configMaps, { ...made, data: { a: '3' } })).rejects.toMatchObject({
      kind: 'conflict',
    });
    await expect(client.create(configMaps, { metadata: { ...key, name: '?' } })).rejects.toMatchObject({
      kind: 'invalid',
      errors: [expect.objectContaining({ field: 'metadata.name' })],
    });
    await expect(client.delete(configMaps, { ...key, uid: '0' })).rejects.toMatchObject({ kind: 'conflict' });
    const { uid = '' } = made.metadata;
    await client.delete(configMaps, { ...key, uid });
    await kubectlOk(kubernetes.kubeconfig, ['create', 'namespace', 'elsewhere']);
    const nobody = await startedFor('nobody');
    await expect(nobody.get(configMaps, key)).rejects.toMatchObject({ kind: 'unauthenticated' });
  });

  /** Somebody whom the server does not know. */
  async function startedFor(token: string) {
    const path = await kubernetes.kubeconfigFor('operator');
    const config = JSON.parse(await readFile(path, 'utf8')) as { users: { user: { token: string } }[] };
    for (const { user } of config.users) user.token = token;
    await writeFile(path, JSON.stringify(config));
    return open({ access: { kubeconfig: path } });
  }

  test('a metadata patch of an older version is refused, and a metadata read returns no content of a Secret', async () => {
    const client = await open();
    const key = { namespace: 'default', name: 'login' };
    const made = await client.create(secrets, { metadata: key, stringData: { password: 'hunter2' } });
    const version = made.metadata.resourceVersion ?? '';
    const annotations = { 'packetboat.dev/test': 'once' };
    await client.patchMetadata(secrets, { ...key, resourceVersion: version }, { annotations });
    await expect(
      client.patchMetadata(secrets, { ...key, resourceVersion: version }, { annotations }),
    ).rejects.toMatchObject({
      kind: 'conflict',
    });
    expect((await client.list(metadataOf(secrets), { namespace: 'kube-public' })).items).toEqual([]);
    const { items } = await client.list(metadataOf(secrets), { namespace: 'default' });
    expect(items.find(({ metadata }) => metadata.name === 'login')).not.toHaveProperty('data');
  });

  test('the reflector reports each change, and a handler that throws loses none', async () => {
    const namespace = await newNamespace();
    const { reflector, seen, reported } = reflect(namespace, {
      onChange: () => {
        throw new Error('a bug');
      },
    });
    await reflector.synced;
    await put('a', namespace, '1');
    await put('a', namespace, '2');
    await vi.waitFor(() => expect(held(reflector, namespace, 'a')).toBe('2'), WAIT);
    await kubectlOk(kubernetes.kubeconfig, ['delete', 'configmap', 'a', '-n', namespace]);
    await vi.waitFor(() => expect(reflector.objects()).toEqual([]), WAIT);
    expect(seen.filter((line) => line.endsWith(' a'))).toEqual(['new a', 'changed a', 'gone a']);
    expect(reported.every((what) => what.startsWith('handling a change of configmaps'))).toBe(true);
  });

  test('the reflector lists in pages', async () => {
    const namespace = await newNamespace();
    for (let i = 0; i < 5; i += 1) await put(`page-${i}`, namespace, String(i));
    const asked: AnsweredRequest[] = [];
    const { reflector } = reflect(namespace, {
      client: await open({ pageSize: 2, onAnswer: (request) => asked.push(request) }),
    });
    await reflector.synced;
    expect(reflector.objects()).toHaveLength(5);
    expect(asked.filter(({ verb }) => verb === 'LIST')).toHaveLength(3);
  });

  test('the reflector survives a killed API server and reports the changes of the outage', async () => {
    const namespace = await newNamespace();
    const { reflector, seen } = reflect(namespace);
    await put('kept', namespace, '1');
    await vi.waitFor(() => expect(held(reflector, namespace, 'kept')).toBe('1'), WAIT);
    await kubernetes.apiServer.kill();
    await kubernetes.apiServer.restart();
    await vi.waitFor(() => put('kept', namespace, '2'), WAIT);
    await vi.waitFor(() => expect(held(reflector, namespace, 'kept')).toBe('2'), WAIT);
    expect(seen.filter((line) => line === 'new kept')).toHaveLength(1);
  });

  test('the reflector lists again when etcd has compacted the version that it watches from', async () => {
    const namespace = await newNamespace();
    await put('old', namespace, '1');
    const gate = await startGate(kubernetes.url);
    const { reflector } = reflect(namespace, {
      client: await open({ access: { kubeconfig: await kubernetes.kubeconfigFor('operator', gate.url) } }),
    });
    await vi.waitFor(() => expect(held(reflector, namespace, 'old')).toBe('1'), WAIT);
    gate.cut();
    await put('old', namespace, '2');
    const { header } = (await etcd('range', { key: Buffer.from('/').toString('base64') })) as {
      readonly header: { readonly revision: string };
    };
    await etcd('compaction', { revision: header.revision, physical: true });
    gate.mend();
    await vi.waitFor(() => expect(held(reflector, namespace, 'old')).toBe('2'), WAIT);
    const forgotten = admin.watch(configMaps, { namespace, resourceVersion: '1', timeoutSeconds: 5 });
    await expect(Array.fromAsync(forgotten)).rejects.toMatchObject({ code: 'expired' });
  });

  test('the reflector lists again at once when its version has expired', async () => {
    const namespace = await newNamespace();
    const client = await open();
    let watches = 0;
    const forgetful: Pick<typeof client, 'list' | 'watch'> = {
      list: (resource, options) => client.list(resource, options),
      watch: (resource, options) =>
        client.watch(resource, watches++ === 0 ? { ...options, resourceVersion: '1' } : options),
    };
    const { reflector, reported } = reflect(namespace, { client: forgetful });
    await reflector.synced;
    await put('new', namespace, '1');
    await vi.waitFor(() => expect(held(reflector, namespace, 'new')).toBe('1'), WAIT);
    expect(watches).toBe(2);
    expect(reported).toEqual([]);
  });

  const etcd = async (call: string, body: object): Promise<unknown> => {
    const path = call === 'range' ? 'kv/range' : `kv/${call}`;
    return (
      await fetch(`${kubernetes.etcdUrl}/v3/${path}`, { method: 'POST', body: JSON.stringify(body) })
    ).json();
  };

  test('the reflector notices a half-open connection', async () => {
    const namespace = await newNamespace();
    const gate = await startGate(kubernetes.url);
    const kubeconfig = await kubernetes.kubeconfigFor('operator', gate.url);
    const { reflector, reported } = reflect(namespace, {
      client: await open({ access: { kubeconfig }, callMs: 2_000 }),
      idleMs: 1_000,
    });
    await reflector.synced;
    gate.hang();
    await put('unseen', namespace, '1');
    await vi.waitFor(() => expect(reported.length).toBeGreaterThan(0), WAIT);
    gate.mend();
    await vi.waitFor(() => expect(held(reflector, namespace, 'unseen')).toBe('1'), WAIT);
  });

  test('a refused credential is read again, because it may have been replaced', async () => {
    const path = await kubernetes.kubeconfigFor('operator');
    const client = await open({ access: { kubeconfig: path } });
    await client.list(configMaps, { namespace: 'default' });
    await kubernetes.renewToken('operator');
    const renewed = await kubernetes.kubeconfigFor('operator');
    await writeFile(path, await readFile(renewed));
    await client.list(configMaps, { namespace: 'default' });
  });

  test('in a pod a refused token of the service account is read again, and only its authority is trusted', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'packetboat-service-account-'));
    onTestFinished(() => rm(folder, { recursive: true }));
    const serviceAccount = { host: '127.0.0.1', port: Number(new URL(kubernetes.url).port), folder };
    await writeFile(join(folder, 'ca.crt'), kubernetes.authority);
    await writeFile(join(folder, 'token'), `${kubernetes.tokenOf('operator')}\n`);
    const client = await open({ access: { serviceAccount } });
    await client.list(configMaps, { namespace: 'default' });
    await writeFile(join(folder, 'token'), await kubernetes.renewToken('operator'));
    await client.list(configMaps, { namespace: 'default' });
    // another authority's certificate is not trusted
    await writeFile(join(folder, 'ca.crt'), makeAuthority().cert);
    const deceived = await open({ access: { serviceAccount } });
    await expect(deceived.list(configMaps, { namespace: 'default' })).rejects.toMatchObject({
      kind: 'unavailable',
    });
  });

  test('the reflector waits as long as a busy server asks', async () => {
    const certificate = makeAuthority().issue({ names: ['127.0.0.1'] });
    let answers = 0;
    const slept: number[] = [];
    const clock: Clock = {
      ...systemClock,
      sleep: (ms, signal) => {
        slept.push(ms);
        return systemClock.sleep(Math.min(ms, 20), signal);
      },
    };
    const server = createHttpsServer({ key: certificate.key, cert: certificate.cert }, (_, response) => {
      answers += 1;
      if (answers === 1) response.writeHead(429, { 'retry-after': '1' }).end('{}');
      else response.end(JSON.stringify({ items: [], metadata: { resourceVersion: '1' } }));
    }).listen(0, '127.0.0.1');
    await once(server, 'listening');
    onTestFinished(() => void server.close());
    const { port } = server.address() as { readonly port: number };
    const path = `${await kubernetes.kubeconfigFor('operator')}.busy`;
    const cluster = { server: `https://127.0.0.1:${port}`, 'insecure-skip-tls-verify': true };
    const config = {
      ...{ apiVersion: 'v1', kind: 'Config', 'current-context': 'c' },
      clusters: [{ name: 'c', cluster }],
      users: [{ name: 'u', user: { token: 't' } }],
      contexts: [{ name: 'c', context: { cluster: 'c', user: 'u' } }],
    };
    await writeFile(path, JSON.stringify(config));
    onTestFinished(() => rm(path));
    const client = await open({ access: { kubeconfig: path } });
    const { reflector } = reflect('default', { client, clock });
    await reflector.synced;
    expect(slept[0]).toBeGreaterThanOrEqual(1_000);
  });

  /** A client, and how many of its calls are under way. */
  function counted(client: ElectorParts['client']) {
    let count = 0;
    const during = <R>(call: Promise<R>): Promise<R> => {
      count += 1;
      return call.finally(() => {
        count -= 1;
      });
    };
    const counting: ElectorParts['client'] = {
      get: (resource, key, options) => during(client.get(resource, key, options)),
      create: (resource, object, options) => during(client.create(resource, object, options)),
      update: (resource, object, options) => during(client.update(resource, object, options)),
    };
    return { client: counting, count: () => count };
  }

  /** Candidates for one Lease, each on a clock of its own. */
  function candidate(name: string, identity: string, more: Partial<ElectorParts> = {}) {
    const clock = new ManualClock();
    const stop = new AbortController();
    const asking = counted(more.client ?? admin);
    const elected = elect(
      {
        clock,
        identity,
        lease: { namespace: 'default', name },
        freshTerm: async () => 7,
        report: () => {},
        ...more,
        client: asking.client,
      },
      stop.signal,
    );
    elected.catch(() => {}); // of those who never are
    onTestFinished(() => stop.abort());
    let leadership: Leadership | null = null;
    void elected.then(
      (won) => {
        leadership = won;
      },
      () => {},
    );
    return {
      clock,
      get leadership() {
        return leadership;
      },
      /**
       * Lets time pass here, but none while the server is being asked: however long it takes, that
       * says nothing about the candidate.
       */
      async pass(ms: number) {
        for (let passed = 0; passed < ms; passed += 500) {
          await clock.advance(500);
          do await sleep(1);
          while (asking.count() > 0);
        }
      },
      [Symbol.asyncDispose]: async () => void (await leadership?.release()),
    };
  }

  test('one of two candidates leads; the other takes over when the leader has died, not while it lives', async () => {
    const a = candidate('died', 'a');
    await a.pass(1_000);
    expect(a.leadership?.term).toBe(7);
    const b = candidate('died', 'b');
    for (let i = 0; i < 10; i += 1) await Promise.all([a.pass(2_000), b.pass(2_000)]);
    expect(b.leadership).toBeNull();
    // from here on nobody hears of a
    await b.pass(14_000);
    expect(b.leadership).toBeNull();
    await b.pass(6_000);
    expect(b.leadership?.term).toBe(8);
    // frozen for half a minute, it finds out by itself, before it writes anything
    await a.pass(30_000);
    expect(a.leadership?.lost.aborted).toBe(true);
    expect(b.leadership?.lost.aborted).toBe(false);
    await b.leadership?.release();
  });

  test('a released Lease is acquired at once', async () => {
    const a = candidate('released', 'a');
    await a.pass(1_000);
    const b = candidate('released', 'b');
    await b.pass(1_000);
    await Promise.all([a.leadership?.release(), a.pass(500)]);
    await b.pass(2_500);
    expect(b.leadership?.term).toBe(8);
    await b.leadership?.release();
  });

  test('a leader without an API server stops before another candidate may lead', async () => {
    const gate = await startGate(kubernetes.url);
    const a = candidate('cut', 'a', {
      client: await open({
        access: { kubeconfig: await kubernetes.kubeconfigFor('operator', gate.url) },
        callMs: 500,
      }),
    });
    await a.pass(1_000);
    expect(a.leadership?.lost.aborted).toBe(false);
    gate.cut();
    await a.pass(14_000);
    expect(a.leadership?.lost.aborted).toBe(true);
    gate.mend();
  });

  test('a renewal without a response ends before its deadline, whatever the timeout of the call', async () => {
    let hangs = false;
    const client: ElectorParts['client'] = {
      get: admin.get.bind(admin),
      create: admin.create.bind(admin),
      update: (resource, object, options) =>
        hangs
          ? new Promise((_, reject) =>
              options?.signal?.addEventListener('abort', () => reject(options.signal?.reason)),
            )
          : admin.update(resource, object, options),
    };
    const clock = new ManualClock();
    const lease = { namespace: 'default', name: 'unanswered' };
    const parts = { client, clock, lease, identity: 'a', freshTerm: async () => 7, report: () => {} };
    const leadership = await elect(parts, new AbortController().signal);
    hangs = true;
    await clock.advance(kubernetesLimits.electionRenewByMs - 1);
    expect(leadership.lost.aborted).toBe(false);
    await clock.advance(1);
    expect(leadership.lost.aborted).toBe(true);
  });

  test('a deleted Lease does no harm: the next term is above all terms in the catalog', async () => {
    const a = candidate('deleted', 'a');
    await a.pass(1_000);
    await kubectlOk(kubernetes.kubeconfig, ['delete', 'lease', 'deleted']);
    await a.pass(14_000);
    expect(a.leadership?.lost.aborted).toBe(true);
    const b = candidate('deleted', 'b', { freshTerm: async () => 8 });
    await b.pass(1_000);
    expect(b.leadership?.term).toBe(8);
    expect((await admin.get(leases, { namespace: 'default', name: 'deleted' })).spec?.leaseTransitions).toBe(
      8,
    );
    await b.leadership?.release();
  });

  test('occurrences of one cause are one Event with a count, and kubectl shows it', async () => {
    const made = await admin.create(configMaps, { metadata: { namespace: 'default', name: 'told' } });
    const clock = new ManualClock(Date.now());
    const note = { type: 'Warning', reason: 'SyntaxError', action: 'Reconcile', note: 'line 3' } as const;
    const recorder = new EventRecorder({
      ...{ client: admin, clock, controller: 'packetboat.dev/operator', instance: 'test' },
      report: (_, error) => expect.fail(String(error)),
    });
    const counts = async (): Promise<readonly number[]> => {
      await recorder[Symbol.asyncDispose]();
      const { items } = await admin.list(events, { namespace: 'default' });
      const own = items.filter(({ regarding }) => regarding.name === 'told');
      return own.map(({ series }) => series?.count ?? 1).sort((a, b) => a - b);
    };
    recorder.record(configMaps, made, note);
    expect(await counts()).toEqual([1]);
    // two of them come while another one is being written
    for (let i = 0; i < 3; i += 1) recorder.record(configMaps, made, note);
    expect(await counts()).toEqual([4]);
    recorder.record(configMaps, made, { ...note, note: 'line 4' });
    expect(await counts()).toEqual([1, 4]);
    const text = await kubectlOk(kubernetes.kubeconfig, ['describe', 'configmap', 'told']);
    expect(text).toMatch(/Warning +SyntaxError +\S+ \(x4 over \S+\) .* line 3$/m);

    // a stored Event that is gone is written again, with its count
    await kubectlOk(kubernetes.kubeconfig, ['delete', 'events', '--all', '-n', 'default']);
    recorder.record(configMaps, made, note);
    expect(await counts()).toEqual([5]);
    // long after the last occurrence, a new series begins
    await clock.advance(kubernetesLimits.eventSeriesMs);
    recorder.record(configMaps, made, note);
    expect(await counts()).toEqual([1, 5]);
  });
});

/** Between a client and the server: lets through, breaks off, or says nothing more. */
async function startGate(url: string) {
  const target = new URL(url);
  const open = new Set<Socket>();
  let mode: 'through' | 'cut' | 'hang' = 'through';
  const server = createServer((socket) => {
    open.add(socket);
    socket.on('error', () => {}).on('close', () => open.delete(socket));
    if (mode === 'cut') return socket.destroy();
    if (mode === 'hang') return;
    const onward = connect(Number(target.port), target.hostname);
    onward.on('error', () => socket.destroy()).on('close', () => socket.destroy());
    socket.on('close', () => onward.destroy());
    socket.on('data', (data) => mode === 'through' && onward.write(data));
    onward.on('data', (data) => mode === 'through' && socket.write(data));
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const cut = (): void => {
    for (const socket of open) socket.destroy();
  };
  onTestFinished(() => {
    cut();
    server.close();
  });
  const { port } = server.address() as { readonly port: number };
  return {
    url: `https://127.0.0.1:${port}`,
    cut: () => {
      mode = 'cut';
      cut();
    },
    hang: () => {
      mode = 'hang';
    },
    mend: () => {
      mode = 'through';
      cut();
    },
  };
}
