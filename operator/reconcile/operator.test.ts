// The operator on a real API server and a real store, in unusual situations: late references,
// conflicts, an unreachable store. test/e2e/kubernetes.test.ts has the usual ones.

import { join } from 'node:path';
import { Readable } from 'node:stream';
import { afterAll, beforeAll, expect, it, vi } from 'vitest';
import { stringify } from 'yaml';
import { validate } from '../../cli/validate.ts';
import type { ObjectDocument } from '../../services/adapters/mongo/catalog-document.ts';
import { openMongo } from '../../services/adapters/mongo/connection.ts';
import { openSender } from '../../services/core/catalog/sealed-sender.ts';
import { operatorLimits } from '../../services/core/limits/operator.ts';
import type { Keys } from '../../services/core/secrets/keyring.ts';
import { startMongo } from '../../test/support/backend.ts';
import { describeWith } from '../../test/support/describe-with.ts';
import { startDnsServer, type TestDnsServer } from '../../test/support/dns-server.ts';
import { type Kubernetes, kubectlOk, startKubernetes } from '../../test/support/kubernetes.ts';
import { startOperatorHere } from '../../test/support/operator.ts';
import { grantOperator, operatorAccount } from '../../test/support/operator-account.ts';
import type { SenderStatus } from '../api/v1alpha1/status.ts';
import type { KubernetesEvent } from '../kubernetes/resource.ts';

const crds = join(import.meta.dirname, '../../charts/packetboat/files/crds');
const sealingKeys: Keys = [{ id: 'k1', secret: new Uint8Array(32).fill(7) }];
const WAIT = { timeout: 40_000, interval: 100 };

describeWith(['kube-apiserver', 'etcd', 'kubectl', 'helm', 'mongo-server'], 'an operator at work', () => {
  const open = new AsyncDisposableStack();
  let kubernetes: Kubernetes;
  let dns: TestDnsServer;
  let mongoServer: Awaited<ReturnType<typeof startMongo>>;

  beforeAll(async () => {
    kubernetes = open.use(await startKubernetes([operatorAccount('mail')]));
    mongoServer = open.use(await startMongo());
    dns = open.use(await startDnsServer());
    await kubectlOk(kubernetes.kubeconfig, ['apply', '-f', crds]);
    await kubectlOk(kubernetes.kubeconfig, [
      'wait',
      '--for=condition=Established',
      '--timeout=30s',
      '-f',
      crds,
    ]);
    for (const name of ['mail', 'shop', 'sister', 'odd'])
      await kubectlOk(kubernetes.kubeconfig, ['create', 'namespace', name]);
    await kubectlOk(kubernetes.kubeconfig, ['label', 'namespace', 'sister', 'packetboat.dev/tenant=shop']);
    await kubectlOk(kubernetes.kubeconfig, [
      'label',
      'namespace',
      'odd',
      'packetboat.dev/tenant=Not.A_tenant',
    ]);

    const kubeconfig = await grantOperator(kubernetes, { namespace: 'mail', namespaces: ['*'] });
    open.use(
      await startOperatorHere({
        kubeconfig,
        mongodbUrl: mongoServer.url,
        dnsPort: dns.port,
        cluster: 'test',
        keys: sealingKeys,
      }),
    );
  }, 90_000);
  afterAll(() => open.disposeAsync(), 60_000);

  const apply = (...items: readonly object[]) =>
    kubectlOk(
      kubernetes.kubeconfig,
      ['apply', '--server-side', '-f', '-'],
      JSON.stringify({ apiVersion: 'v1', kind: 'List', items }),
    );
  const statusOf = async (kind: string, name: string, namespace = 'shop'): Promise<SenderStatus> => {
    const text = await kubectlOk(kubernetes.kubeconfig, ['-n', namespace, 'get', kind, name, '-o', 'json']);
    return (JSON.parse(text) as { readonly status: SenderStatus }).status;
  };
  const conditionsOf = async (kind: string, name: string, namespace: string) =>
    Object.fromEntries(
      ((await statusOf(kind, name, namespace)).conditions ?? []).map(({ type, status, reason }) => [
        type,
        `${status} ${reason}`,
      ]),
    );
  const annotate = (object: string, annotation: string) =>
    kubectlOk(kubernetes.kubeconfig, ['-n', 'shop', 'annotate', object, annotation]);
  const until = (kind: string, name: string, wanted: Readonly<Record<string, string>>, namespace = 'shop') =>
    vi.waitFor(async () => expect(await conditionsOf(kind, name, namespace)).toMatchObject(wanted), WAIT);

  const apiVersion = 'packetboat.dev/v1alpha1';
  const template = (name: string, spec: object = {}, namespace = 'shop') => ({
    ...{ apiVersion, kind: 'Template', metadata: { name, namespace } },
    spec: { defaultLocale: 'en', locales: [{ locale: 'en', subject: 'Hi', text: 'Hello' }], ...spec },
  });
  const sender = (name: string, spec: object = {}, namespace = 'shop') => ({
    ...{ apiVersion, kind: 'Sender', metadata: { name, namespace } },
    spec: {
      ...{
        domain: `${name}.example`,
        from: { address: `hi@${name}.example` },
        verification: { policy: 'Disabled' },
      },
      routes: [{ name: 'relay', smtp: { host: 'relay.example.net' } }],
      ...spec,
    },
  });
  const configMap = (name: string, data: object) => ({
    apiVersion: 'v1',
    kind: 'ConfigMap',
    metadata: { name, namespace: 'shop' },
    data,
  });
  const html = (html: string) => ({ locales: [{ locale: 'en', subject: 'Hi', html, text: 'Hello' }] });

  it('a template is published once its sender, ConfigMap and layout exist', async () => {
    const fromMap = {
      locales: [
        {
          locale: 'en',
          subject: 'Hi',
          text: 'Hello',
          htmlFrom: { configMapKeyRef: { name: 'bodies', key: 'late.html' } },
        },
      ],
    };
    await apply(
      template('late', { ...fromMap, senderRef: { name: 'waited-for' } }),
      template('child', { ...html('<p>child</p>'), layoutRef: { name: 'base' } }),
    );
    await until('template', 'late', {
      Accepted: 'True Accepted',
      ReferencesResolved: 'False ConfigMapNotFound',
      Compiled: 'Unknown Pending',
      Ready: 'False ConfigMapNotFound',
    });
    await until('template', 'child', {
      ReferencesResolved: 'False LayoutNotFound',
      Published: 'Unknown Pending',
    });
    await apply(configMap('bodies', { 'late.html': '<p>late</p>' }));
    await until('template', 'late', { ReferencesResolved: 'False SenderNotFound' });
    await apply(sender('waited-for'), template('base', html('<div>{{{content}}}</div>')));
    await until('template', 'late', {
      ReferencesResolved: 'True Resolved',
      Compiled: 'True Compiled',
      Published: 'True Published',
      Ready: 'True Ready',
    });
    await until('template', 'child', { Ready: 'True Ready' });

    // an edited ConfigMap makes a new revision, and a broken layout is a fault of the template that
    // it wraps
    await apply(configMap('bodies', { 'late.html': '<p>{{#if}}</p>' }));
    await until('template', 'late', { Compiled: 'False SyntaxError' });
    await apply(template('base', html('<div>{{{content}}}{{#each}}</div>')));
    await until('template', 'child', { Ready: 'False SyntaxError' });
  });

  it.each([
    [
      'a sample that does not fit the schema',
      { variables: { type: 'object', required: ['n'] } },
      { Compiled: 'False SchemaMismatch', Published: 'Unknown Pending' },
    ],
    [
      'what does not render',
      { ...html('{{list}}'), sampleData: { list: [1] } },
      { Compiled: 'False RenderFailed' },
    ],
    ['what is too large', html('x'.repeat(600_000)), { Compiled: 'False TooLarge' }],
    [
      'a layout that leads back to itself',
      { ...html('{{{content}}}'), layoutRef: { name: 'odd-3' } },
      { ReferencesResolved: 'False LayoutCycle' },
    ],
    [
      'a schema with a pattern',
      { variables: { type: 'object', properties: { n: { type: 'string', pattern: 'a' } } } },
      { Accepted: 'False InvalidSpec' },
    ],
    [
      'what may be wrong',
      html('<p>x</p>'.repeat(20_000)),
      { Compiled: 'True CompiledWithWarnings', Ready: 'True Ready' },
    ],
  ] as const)('a template with %s', async (title, spec, wanted) => {
    const name = title.startsWith('a layout') ? 'odd-3' : title.replaceAll(/[^a-z]+/g, '-');
    await apply(template(name, spec));
    await until('template', name, wanted);
  });

  it('of two templates with one identifier in one tenant, the older has it until it is deleted', async () => {
    await apply(template('one', { identifier: 'Shared_Id' }));
    await until('template', 'one', { Ready: 'True Ready' });
    const { metadata } = JSON.parse(
      await kubectlOk(kubernetes.kubeconfig, ['-n', 'shop', 'get', 'template', 'one', '-o', 'json']),
    ) as {
      readonly metadata: { readonly creationTimestamp: string };
    };
    await vi.waitFor(
      () => expect(Date.now()).toBeGreaterThan(Date.parse(metadata.creationTimestamp) + 1_000),
      WAIT,
    );
    await apply(template('two', { identifier: 'Shared_Id' }, 'sister'));
    await until(
      'template',
      'two',
      { Accepted: 'False IdentifierConflict', Ready: 'False IdentifierConflict' },
      'sister',
    );
    await kubectlOk(kubernetes.kubeconfig, ['-n', 'shop', 'delete', 'template', 'one']);
    await until('template', 'two', { Ready: 'True Ready' }, 'sister');
  });

  it('a namespace with an invalid tenant', async () => {
    await apply(sender('stray', {}, 'odd'), template('stray', {}, 'odd'));
    await until(
      'sender',
      'stray',
      { Accepted: 'False NamespaceNotAllowed', Ready: 'False NamespaceNotAllowed' },
      'odd',
    );
    await until('template', 'stray', { Accepted: 'False NamespaceNotAllowed' }, 'odd');
  });

  it('an invalid key', async () => {
    const privateKeySecretRef = { name: 'dkim', key: 'k.pem' };
    await apply(
      {
        apiVersion: 'v1',
        kind: 'Secret',
        metadata: { name: 'dkim', namespace: 'shop' },
        stringData: { 'k.pem': 'hunter2' },
      },
      sender('provided', { dkim: { policy: 'Provided', keys: [{ selector: 'k', privateKeySecretRef }] } }),
    );
    await until('sender', 'provided', { ReferencesResolved: 'False InvalidKey' });
    expect(
      await kubectlOk(kubernetes.kubeconfig, ['-n', 'shop', 'describe', 'sender', 'provided']),
    ).not.toContain('hunter2');
  });

  it('a new access token in a Secret is sealed again without a new revision', async () => {
    await using mongo = await openMongo(mongoServer.url);
    const untilStored = (accessToken: string) =>
      vi.waitFor(async () => {
        const stored = await mongo.db
          .collection<ObjectDocument>('catalog')
          .findOne({ _id: 'sender/shop/tokened' });
        const sender = openSender(
          { config: stored?.config ?? '', sealed: stored?.sealed ?? [] },
          sealingKeys,
        );
        expect(sender.routes[0]?.credentials).toMatchObject({ username: 'ana', accessToken });
        return stored;
      }, WAIT);
    const token = (accessToken: string) => ({
      apiVersion: 'v1',
      kind: 'Secret',
      metadata: { name: 'token', namespace: 'shop' },
      stringData: { username: 'ana', accessToken },
    });
    const smtp = { host: 'relay.example.net', tls: 'StartTLS', credentialsSecretRef: { name: 'token' } };
    await apply(token('token-one'), sender('tokened', { routes: [{ name: 'relay', smtp }] }));
    const before = await untilStored('token-one');
    await apply(token('token-two'));
    const after = await untilStored('token-two');
    expect([after?.revision, after?.hash]).toEqual([before?.revision, before?.hash]);
    expect(JSON.stringify(after)).not.toContain('token-two');
  }, 90_000);

  it('packetboat validate reports the same faults, word for word', async () => {
    const fromMap = (key: string) => ({
      locales: [
        { locale: 'en', subject: 'Hi', text: 'Hi', htmlFrom: { configMapKeyRef: { name: 'same', key } } },
      ],
    });
    const secret = (name: string, stringData: object) => ({
      apiVersion: 'v1',
      kind: 'Secret',
      metadata: { name, namespace: 'shop' },
      stringData,
    });
    const login = (name: string) => ({
      routes: [{ name: 'relay', smtp: { host: 'relay.example.net', credentialsSecretRef: { name } } }],
    });
    const keys = (name: string) => ({
      policy: 'Provided',
      keys: [{ selector: 'k', privateKeySecretRef: { name, key: 'k.pem' } }],
    });
    const objects = [
      configMap('same', { 'good.html': '<p>Hi</p>', 'bad.html': '<p>{{#each}}</p>' }),
      secret('half', { username: 'x' }),
      secret('both', { username: 'x', password: 'hunter2', accessToken: 'hunter2' }),
      secret('no-key', { 'k.pem': 'hunter2' }),
      sender('same-good'),
      sender('same-no-secret', login('nowhere')),
      sender('same-half', login('half')),
      sender('same-both', login('both')),
      sender('same-no-key', { dkim: keys('no-key') }),
      sender('same-odd', { domain: 'example-.odd.example', from: { address: 'hi@example-.odd.example' } }),
      template('same-good', fromMap('good.html')),
      template('same-bad', fromMap('bad.html')),
      template('same-no-map-key', fromMap('none.html')),
      template('same-no-sender', { senderRef: { name: 'nobody' } }),
      template('same-no-layout', { layoutRef: { name: 'nothing' } }),
      template('same-cycle', { ...html('{{{content}}}'), layoutRef: { name: 'same-cycle' } }),
      template('same-syntax', html('one\n{{#if a}}')),
      template('same-schema', { variables: { type: 'object', required: ['n'] } }),
      template('same-render', { ...html('{{list}}'), sampleData: { list: [1] } }),
      template('same-number', { sampleData: { n: 2 ** 53 } }),
      template('same-large', html('x'.repeat(600_000))),
    ];
    await apply(...objects);
    const said: string[] = [];
    let faulty = 0;
    const text = objects.map((object) => stringify(object)).join('---\n');
    await validate({ path: '-' }, Readable.from([text]), {
      say: () => {},
      complain: (line) => void said.push(line),
    });
    for (const { kind, metadata } of objects) {
      if (kind !== 'Sender' && kind !== 'Template') continue;
      const about = ` ${kind} shop/${metadata.name}: `;
      // between the file with the line and the reason
      const offline = said.flatMap((line) =>
        line.includes(about)
          ? [/: (?<message>.*) \((?<reason>\w+)\)$/s.exec(line.slice(line.indexOf(about)))?.groups]
          : [],
      );
      if (offline.length > 0) faulty += 1;
      await vi.waitFor(async () => {
        const object = JSON.parse(
          await kubectlOk(kubernetes.kubeconfig, [
            '-n',
            'shop',
            'get',
            kind.toLowerCase(),
            metadata.name,
            '-o',
            'json',
          ]),
        ) as { readonly status: SenderStatus };
        const { reason, message } = object.status.conditions?.find(({ type }) => type === 'Ready') ?? {};
        const expected =
          offline.length === 0
            ? { reason: 'Ready', message: 'ready to use' }
            : { reason: offline[0]?.reason, message: offline.map((fault) => fault?.message).join('; ') };
        expect([metadata.name, reason, message]).toEqual([metadata.name, expected.reason, expected.message]);
      }, WAIT);
    }
    expect(faulty).toBe(15);
  });

  it('forbidden references are Unknown until the operator may read them', async () => {
    const role = 'mail-packetboat-operator';
    const found = JSON.parse(
      await kubectlOk(kubernetes.kubeconfig, ['get', 'clusterrole', role, '-o', 'json']),
    ) as {
      readonly rules: readonly { readonly resources: readonly string[] }[];
    };
    const allow = (rules: readonly object[]) =>
      kubectlOk(kubernetes.kubeconfig, [
        'patch',
        'clusterrole',
        role,
        '--type=merge',
        '-p',
        JSON.stringify({ rules }),
      ]);
    await allow(
      found.rules.filter(
        ({ resources }) => !resources.includes('secrets') && !resources.includes('configmaps'),
      ),
    );
    const withLogin = {
      routes: [{ name: 'relay', smtp: { host: 'relay.example.net', credentialsSecretRef: { name: 'any' } } }],
    };
    const fromMap = {
      locales: [
        { locale: 'en', subject: 'Hi', text: 'Hi', htmlFrom: { configMapKeyRef: { name: 'any', key: 'a' } } },
      ],
    };
    await apply(sender('blind', withLogin), template('blind', fromMap));
    const unknown = {
      Accepted: 'True Accepted',
      ReferencesResolved: 'Unknown ApiUnavailable',
      Ready: 'Unknown ApiUnavailable',
    };
    await until('sender', 'blind', unknown);
    await until('template', 'blind', unknown);
    await allow(found.rules);
    await until('sender', 'blind', { ReferencesResolved: 'False SecretNotFound' });
    await until('template', 'blind', { ReferencesResolved: 'False ConfigMapNotFound' });
  });

  it('a domain without records is not verified, and with policy Warn its sender is ready', async () => {
    await apply(sender('warned', { verification: { policy: 'Warn' }, dkim: { policy: 'Disabled' } }));
    await until('sender', 'warned', { DomainVerified: 'False RecordsMissing', Ready: 'True Ready' });
  });

  it('a verified domain is not checked again before its period ends, except on request', async () => {
    dns.zone['looked.example'] = { txt: ['v=spf1 -all'] };
    await apply(sender('looked', { verification: { policy: 'Enforce' }, dkim: { policy: 'Disabled' } }));
    await until('sender', 'looked', { DomainVerified: 'True Verified', Ready: 'True Ready' });
    const asked = () => dns.asked.filter((question) => question.endsWith(' looked.example')).length;
    const before = asked();
    await kubectlOk(kubernetes.kubeconfig, [
      '-n',
      'shop',
      'annotate',
      'sender',
      'looked',
      'packetboat.dev/paused=true',
    ]);
    await until('sender', 'looked', { ReconciliationPaused: 'True Paused' });
    const told = ['-n', 'shop', 'events', '--for', 'sender/looked', '-o', 'jsonpath={.items[*].reason}'];
    await vi.waitFor(
      async () => expect(await kubectlOk(kubernetes.kubeconfig, told)).toContain('Paused'),
      WAIT,
    );
    await kubectlOk(kubernetes.kubeconfig, [
      '-n',
      'shop',
      'annotate',
      'sender',
      'looked',
      'packetboat.dev/paused-',
    ]);
    await vi.waitFor(
      async () =>
        expect(await conditionsOf('sender', 'looked', 'shop')).not.toHaveProperty('ReconciliationPaused'),
      WAIT,
    );
    expect(asked()).toBe(before);
    dns.zone['looked.example'] = { txt: ['v=spf1 -all', 'v=spf1 ~all'] };
    await kubectlOk(kubernetes.kubeconfig, [
      '-n',
      'shop',
      'annotate',
      'sender',
      'looked',
      'packetboat.dev/requested-at=now',
    ]);
    await until('sender', 'looked', {
      DomainVerified: 'False RecordsMismatch',
      Ready: 'False DomainNotVerified',
    });
  });

  it('a paused object keeps its conditions and generations, and Ready is Unknown after an edit', async () => {
    const { metadata, ...rest } = template('halted');
    const halted = { metadata: { ...metadata, annotations: { 'packetboat.dev/paused': 'true' } }, ...rest };
    await apply(halted);
    await until('template', 'halted', { ReconciliationPaused: 'True Paused', Ready: 'Unknown Paused' });
    expect(await statusOf('template', 'halted')).toMatchObject({ observedGeneration: -1 });
    await apply(template('halted')); // without the annotation
    await until('template', 'halted', { Ready: 'True Ready' });
    const before = await statusOf('template', 'halted');

    await annotate('template/halted', 'packetboat.dev/paused=true');
    await until('template', 'halted', { ReconciliationPaused: 'True Paused', Ready: 'True Ready' });
    const edited = { locales: [{ locale: 'en', subject: '{{#if}}', text: 'Hello' }] };
    const patch = ['-n', 'shop', 'patch', 'template', 'halted', '--type=merge', '-p'];
    await kubectlOk(kubernetes.kubeconfig, [...patch, JSON.stringify({ spec: edited })]);
    await until('template', 'halted', { Ready: 'Unknown Paused', Compiled: 'True Compiled' });
    const { conditions = [], ...fields } = await statusOf('template', 'halted');
    const { conditions: earlier = [], ...fieldsBefore } = before;
    expect(fields).toEqual(fieldsBefore);
    const visited = (list: typeof conditions) =>
      list.filter(({ type }) => type !== 'Ready' && type !== 'ReconciliationPaused');
    expect(visited(conditions)).toEqual(visited(earlier));

    await annotate('template/halted', 'packetboat.dev/paused-');
    await until('template', 'halted', {
      ...{ Compiled: 'False SyntaxError', Stalled: 'True SyntaxError', Ready: 'False SyntaxError' },
      Published: 'False EarlierRevision',
    });
    const after = await statusOf('template', 'halted');
    expect(after.revision).toBe(fieldsBefore.revision);
    expect(after.conditions?.find(({ type }) => type === 'Published')?.message).toBe(
      `revision ${after.revision} stays in use; generation ${after.observedGeneration} cannot be published: SyntaxError`,
    );
    expect(await conditionsOf('template', 'halted', 'shop')).not.toHaveProperty('ReconciliationPaused');
  });

  it('an Event that repeats is one Event with a count', async () => {
    await apply(sender('flapping'));
    await until('sender', 'flapping', { Ready: 'True Ready' });
    const isPaused = async (): Promise<boolean> =>
      'ReconciliationPaused' in (await conditionsOf('sender', 'flapping', 'shop'));
    for (let again = 0; again < 2; again += 1) {
      await annotate('sender/flapping', 'packetboat.dev/paused=true');
      await vi.waitFor(async () => expect(await isPaused()).toBe(true), WAIT);
      await annotate('sender/flapping', 'packetboat.dev/paused-');
      await vi.waitFor(async () => expect(await isPaused()).toBe(false), WAIT);
    }
    const told = ['-n', 'shop', 'get', 'events.events.k8s.io', '-o', 'json'];
    await vi.waitFor(async () => {
      const { items } = JSON.parse(await kubectlOk(kubernetes.kubeconfig, told)) as {
        readonly items: readonly KubernetesEvent[];
      };
      const paused = items.filter(
        ({ regarding, reason }) => regarding.name === 'flapping' && reason === 'Paused',
      );
      expect(paused.map(({ series }) => series?.count)).toEqual([2]);
    }, WAIT);
  });

  it('a Sender that waits for its records says when it is visited next', async () => {
    await apply(sender('awaited', { verification: { policy: 'Enforce' }, dkim: { policy: 'Disabled' } }));
    await until('sender', 'awaited', { Ready: 'False DomainNotVerified' });
    const { nextVisitTime = '' } = await statusOf('sender', 'awaited');
    const waitMs = Date.parse(nextVisitTime) - Date.now();
    expect(waitMs).toBeGreaterThan(0);
    expect(waitMs).toBeLessThanOrEqual(operatorLimits.domainRecheckMs + 1_000);
  });

  it('while the store is unreachable, published revisions stay, and every object says so', async () => {
    await until('sender', 'waited-for', { Ready: 'True Ready' });
    mongoServer.pause();
    await apply(sender('waited-for', { replyTo: ['help@waited-for.example'] }));
    await until('sender', 'waited-for', {
      Published: 'False StoreUnavailable',
      Ready: 'False StoreUnavailable',
    });
    // nobody edited these, but their mail is not accepted either
    await until('sender', 'flapping', {
      Published: 'False StoreUnavailable',
      Ready: 'False StoreUnavailable',
    });
    await until('template', 'two', { Ready: 'False StoreUnavailable' }, 'sister');
    mongoServer.resume();
    await until('sender', 'waited-for', { Published: 'True Published', Ready: 'True Ready' });
    await until('sender', 'flapping', { Published: 'True Published', Ready: 'True Ready' });
  }, 240_000);
});
