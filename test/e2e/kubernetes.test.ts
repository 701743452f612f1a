// What people do with kubectl, on a real API server, with operator, ingest, dispatcher, sweeper and
// gateway as processes: apply, look, edit, delete. Mail goes through a relay with TLS and a login.
// There are no controllers, so nothing here is garbage-collected.

import { readFileSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { dkimVerify } from 'mailauth/lib/dkim/verify.js';
import { afterAll, beforeAll, expect, it, vi } from 'vitest';
import { parseAllDocuments } from 'yaml';
import type { SenderStatus, TemplateStatus } from '../../operator/api/v1alpha1/status.ts';
import type { ObjectDocument } from '../../services/adapters/mongo/catalog-document.ts';
import { openMongo } from '../../services/adapters/mongo/connection.ts';
import { makeAuthority } from '../support/certificates.ts';
import { borrow, describeWith } from '../support/describe-with.ts';
import { startDnsServer, type TestDnsServer } from '../support/dns-server.ts';
import { freePort } from '../support/free-port.ts';
import { type Installation, type PacketboatProgram, startRole } from '../support/installation.ts';
import { type Kubernetes, kubectlOk, startKubernetes } from '../support/kubernetes.ts';
import { grantOperator, operatorAccount } from '../support/operator-account.ts';
import { type Sink, startSink } from '../support/smtp-sink.ts';
import { startCluster } from '../support/start-cluster.ts';
import { bytesOf, untilMailTo } from './mails.ts';
import { RestClient } from './rest-client.ts';

const root = join(import.meta.dirname, '../..');
const crds = join(root, 'charts/packetboat/files/crds');
const WAIT = { timeout: 45_000, interval: 200 };
const login = { user: 'packetboat', password: 'planted-marker-one' };

describeWith(
  ['kube-apiserver', 'etcd', 'kubectl', 'helm', 'mongo', 'nats', 'redis'],
  'a cluster that kubectl fills',
  () => {
    const open = new AsyncDisposableStack();
    const authority = makeAuthority();
    let kubernetes: Kubernetes;
    /** Of a pod whose service account may do what the chart lets it, and no more. */
    let podEnv: Readonly<Record<string, string>>;
    let dns: TestDnsServer;
    let sink: Sink;
    let cluster: Installation;
    let operator: PacketboatProgram;
    let rest: RestClient;

    const env = (): Record<string, string> => ({
      ...cluster.env,
      ...podEnv,
      PACKETBOAT_NAMESPACES: 'shop,other',
      PACKETBOAT_NAMESPACE: 'shop',
      PACKETBOAT_DNS_SERVERS: `127.0.0.1:${dns.port}`,
    });
    const startOperator = async (): Promise<PacketboatProgram> =>
      open.use(await startRole('operator', env(), await freePort()));

    beforeAll(async () => {
      kubernetes = open.use(await startKubernetes([operatorAccount('shop')]));
      dns = open.use(await startDnsServer());
      sink = open.use(
        await startSink({
          tls: 'starttls',
          certificate: authority.issue({ names: ['127.0.0.1'] }),
          auth: login,
          rules: [{ at: 'dot', to: '@slow.example', times: 1, reply: '451 4.3.0 later' }],
        }),
      );
      const folder = await mkdtemp(join(tmpdir(), 'packetboat-empty-'));
      open.defer(() => rm(folder, { recursive: true, force: true }));
      const [mongo, nats, redis] = await Promise.all([borrow('mongo'), borrow('nats'), borrow('redis')]);
      const backends = { mongo: mongo.url, nats: nats.url, redis: redis.url };
      cluster = open.use(
        await startCluster({
          backends,
          relay: '',
          catalogDir: folder,
          gateways: 1,
          ingests: 1,
          dispatchers: 1,
          sweepers: 1,
        }),
      );
      rest = new RestClient(cluster.url, cluster.key);
      await kubectlOk(kubernetes.kubeconfig, ['apply', '-f', crds]);
      await kubectlOk(kubernetes.kubeconfig, [
        'wait',
        '--for=condition=Established',
        '--timeout=30s',
        '-f',
        crds,
      ]);
      for (const namespace of ['shop', 'other'])
        await kubectlOk(kubernetes.kubeconfig, ['create', 'namespace', namespace]);
      // the key of the installation is the tenant's `default`
      await kubectlOk(kubernetes.kubeconfig, ['label', 'namespace', 'shop', 'packetboat.dev/tenant=default']);
      await grantOperator(kubernetes, { namespace: 'shop', namespaces: ['shop', 'other'] });
      podEnv = await kubernetes.podEnvFor(operatorAccount('shop').name);
      operator = await startOperator();
    }, 120_000);
    afterAll(() => open.disposeAsync(), 60_000);

    const ctl = (...args: readonly string[]) => kubectlOk(kubernetes.kubeconfig, ['-n', 'shop', ...args]);
    const apply = (...objects: readonly object[]) =>
      kubectlOk(
        kubernetes.kubeconfig,
        ['apply', '-f', '-'],
        JSON.stringify({ apiVersion: 'v1', kind: 'List', items: objects }),
      );
    const statusOf = async <S extends SenderStatus | TemplateStatus>(
      kind: string,
      name: string,
      namespace = 'shop',
    ): Promise<S> =>
      (
        JSON.parse(
          await kubectlOk(kubernetes.kubeconfig, ['-n', namespace, 'get', kind, name, '-o', 'json']),
        ) as { readonly status: S }
      ).status;
    const conditionsOf = async (kind: string, name: string, namespace = 'shop') =>
      Object.fromEntries(
        ((await statusOf<SenderStatus>(kind, name, namespace)).conditions ?? []).map(
          ({ type, status, reason }) => [type, `${status} ${reason}`],
        ),
      );
    const until = (
      kind: string,
      name: string,
      wanted: Readonly<Record<string, string>>,
      namespace = 'shop',
    ) =>
      vi.waitFor(async () => expect(await conditionsOf(kind, name, namespace)).toMatchObject(wanted), WAIT);

    /** The objects of `examples/` as they are, but for the relay, which is the test's own. */
    function examples(file: string): readonly Example[] {
      return parseAllDocuments(readFileSync(join(root, 'examples', file), 'utf8')).map(
        (document) => document.toJS() as Example,
      );
    }
    const relayOf = (credentials = 'relay-login') => ({
      host: '127.0.0.1',
      port: sink.port,
      tls: 'StartTLS',
      credentialsSecretRef: { name: credentials },
      caSecretRef: { name: 'relay-ca', key: 'ca.crt' },
    });
    const secretOf = (name: string, stringData: Readonly<Record<string, string>>) => ({
      apiVersion: 'v1',
      kind: 'Secret',
      metadata: { name, namespace: 'shop' },
      stringData,
    });
    const senderOf = (name: string, spec: object, namespace = 'shop') => ({
      apiVersion: 'packetboat.dev/v1alpha1',
      kind: 'Sender',
      metadata: { name, namespace },
      spec: {
        routes: [{ name: 'relay', smtp: { host: 'relay.example.net' } }],
        verification: { policy: 'Disabled' },
        ...spec,
      },
    });
    const inDomain = (domain: string) => ({ domain, from: { address: `hello@${domain}` } });

    it('an example Sender reports its missing login, and waits for its DNS records once the login exists', async () => {
      const [, sender] = examples('sender.yaml');
      if (sender === undefined) return expect.fail('the example has a Sender');
      await apply({
        ...sender,
        metadata: { ...sender.metadata, namespace: 'shop' },
        spec: { ...sender.spec, routes: [{ name: 'relay', smtp: relayOf() }] },
      });
      await until('sender', 'notifications', {
        Accepted: 'True Accepted',
        ReferencesResolved: 'False SecretNotFound',
        Ready: 'False SecretNotFound',
        Published: 'Unknown Pending',
      });
      await apply(
        secretOf('relay-ca', { 'ca.crt': authority.cert }),
        secretOf('relay-login', { username: login.user }),
      );
      await until('sender', 'notifications', { ReferencesResolved: 'False SecretKeyMissing' });
      await apply(secretOf('relay-login', { username: login.user, password: login.password }));
      await until('sender', 'notifications', {
        ReferencesResolved: 'True Resolved',
        DomainVerified: 'False RecordsMissing',
        Published: 'True Published',
        Ready: 'False DomainNotVerified',
      });
      const { dnsRecords, dkimKeys } = await statusOf<SenderStatus>('sender', 'notifications');
      expect(dkimKeys).toMatchObject([{ state: 'Standby', algorithm: 'rsa-sha256' }]);
      expect(dnsRecords?.map(({ purpose, state, required }) => [purpose, state, required])).toEqual([
        ['DKIM', 'Missing', true],
        ['SPF', 'Missing', true],
        ['DMARC', 'Missing', false],
        ['ReturnPath', 'Missing', false],
      ]);
    });

    it('an example Template is accepted, and a request by its name is held until the domain is verified', async () => {
      await apply(
        ...examples('template.yaml').map((object) => ({
          ...object,
          metadata: { ...object.metadata, namespace: 'shop' },
        })),
      );
      await ctl('wait', '--for=condition=Ready', '--timeout=40s', 'template/order-shipped');
      expect(await statusOf<TemplateStatus>('template', 'order-shipped')).toMatchObject({
        identifier: 'order-shipped',
        usedVariables: ['carrier', 'number'],
        warnings: [],
        locales: ['en', 'de'],
        revision: 1,
      });
      const request = {
        recipient: 'ana@example.com',
        template: 'order-shipped',
        template_data: { number: '2026-17' },
      };
      const id = await vi.waitFor(() => rest.accepted(request), WAIT);
      await vi.waitFor(
        async () => expect(JSON.stringify(await rest.message(id))).toContain('unverified'),
        WAIT,
      );

      // what `status` says is pasted into the zone
      const { dnsRecords = [] } = await statusOf<SenderStatus>('sender', 'notifications');
      for (const { name, type, value } of dnsRecords) {
        const mx = type === 'MX' ? { mx: [{ preference: 10, exchange: value.slice(3) }] } : { txt: [value] };
        dns.zone[name] = { ...dns.zone[name], ...mx };
      }
      await ctl('annotate', 'sender', 'notifications', 'packetboat.dev/requested-at=now');
      await ctl('wait', '--for=condition=Ready', '--timeout=40s', 'sender/notifications');
      expect(await statusOf<SenderStatus>('sender', 'notifications')).toMatchObject({
        lastHandledRequest: 'now',
        dkimKeys: [{ state: 'Active' }],
      });

      // an unreachable DNS server stops no sender that was verified before
      const verified = { ...dns.zone };
      for (const { name } of dnsRecords) dns.zone[name] = { fault: 'SERVFAIL' };
      for (const request of ['once', 'again']) {
        await ctl(
          'annotate',
          '--overwrite',
          'sender',
          'notifications',
          `packetboat.dev/requested-at=${request}`,
        );
        await vi.waitFor(
          async () =>
            expect((await statusOf<SenderStatus>('sender', 'notifications')).lastHandledRequest).toBe(
              request,
            ),
          WAIT,
        );
        await until('sender', 'notifications', { DomainVerified: 'Unknown LookupFailed' });
      }

      // held mail is looked at again after a minute
      await sink.until(() => sink.mails.some(({ to }) => to.includes('ana@example.com')), 90_000);
      const mail = await untilMailTo(sink, 'ana@example.com');
      expect(mail).toMatchObject({ isTls: true, user: login.user });
      Object.assign(dns.zone, verified);
      const resolver = async (name: string): Promise<string[][]> =>
        (dns.zone[name]?.txt ?? []).map((text) => [String(text)]);
      const { results } = await dkimVerify(bytesOf(mail), { resolver });
      expect(results.map(({ status }) => status.result)).toEqual(['pass']);
    }, 180_000);

    it('the next mail has an edit; an invalid edit keeps the last valid revision live and reports the faulty field', async () => {
      const [template] = examples('template.yaml');
      if (template === undefined) return expect.fail('the example has a Template');
      const locales = template.spec.locales as readonly { readonly locale: string; readonly text: string }[];
      const edited = (text: string) => ({
        ...template,
        metadata: { ...template.metadata, namespace: 'shop' },
        spec: {
          ...template.spec,
          locales: locales.map((one) => (one.locale === 'de' ? { ...one, text } : one)),
        },
      });
      const send = async (recipient: string) => {
        await rest.accepted({
          recipient,
          template: 'order-shipped',
          template_data: { number: '7' },
          language: 'de',
        });
        return bytesOf(await untilMailTo(sink, recipient)).toString();
      };
      await apply(edited('Neu: {{number}}'));
      await vi.waitFor(
        async () => expect((await statusOf<TemplateStatus>('template', 'order-shipped')).revision).toBe(2),
        WAIT,
      );
      await vi.waitFor(
        async () => expect(await send(`edited-${Math.random()}@example.com`)).toContain('Neu: 7'),
        WAIT,
      );
      await apply(edited('Kaputt: {{#if number}}'));
      await until('template', 'order-shipped', {
        Accepted: 'True Accepted',
        Compiled: 'False SyntaxError',
        Ready: 'False SyntaxError',
      });
      expect(await send('broken@example.com')).toContain('Neu: 7');
      const described = await ctl('describe', 'template', 'order-shipped');
      expect(described).toMatch(/spec\.locales\[1\]\.text: .*locale de/);
      expect(described).toMatch(/Warning\s+SyntaxError/);
      expect(await ctl('get', 'mail')).toMatch(/template\S*order-shipped\s+False\s+SyntaxError/);
    });

    it('of two Senders with one domain, the older has it, and the younger gets it when the older is deleted', async () => {
      await apply(senderOf('first', inDomain('taken.example')));
      await until('sender', 'first', { Ready: 'True Ready', DomainVerified: 'True VerificationDisabled' });
      const { metadata } = JSON.parse(await ctl('get', 'sender', 'first', '-o', 'json')) as {
        readonly metadata: { readonly creationTimestamp: string };
      };
      // times of creation are whole seconds
      await vi.waitFor(
        () => expect(Date.now()).toBeGreaterThan(Date.parse(metadata.creationTimestamp) + 1_000),
        WAIT,
      );
      await apply(senderOf('second', inDomain('Taken.example'), 'other'));
      await until(
        'sender',
        'second',
        { Accepted: 'False DomainConflict', Ready: 'False DomainConflict', Published: 'Unknown Pending' },
        'other',
      );
      await ctl('delete', 'sender', 'first', '--timeout=100s');
      await until('sender', 'second', { Ready: 'True Ready' }, 'other');
    }, 180_000);

    it('faults of a spec that the API server accepts, a pause and a suspension are conditions', async () => {
      await apply(
        senderOf('odd', { domain: 'example-.odd.example', from: { address: 'hello@example-.odd.example' } }),
      );
      await until('sender', 'odd', {
        Accepted: 'False InvalidSpec',
        ReferencesResolved: 'Unknown Pending',
        Ready: 'False InvalidSpec',
      });
      await apply(senderOf('quiet', { ...inDomain('quiet.example'), suspend: true }));
      await until('sender', 'quiet', { Ready: 'True Suspended' });
      await ctl('annotate', 'sender', 'quiet', 'packetboat.dev/paused=true');
      await until('sender', 'quiet', { ReconciliationPaused: 'True Paused' });
      await apply(senderOf('quiet', { ...inDomain('quiet.example'), suspend: false }));
      await ctl('annotate', 'sender', 'quiet', 'packetboat.dev/paused-');
      await until('sender', 'quiet', { Ready: 'True Ready' });
      expect(await conditionsOf('sender', 'quiet')).not.toHaveProperty('ReconciliationPaused');
    });

    it('a second operator takes over from a killed one, and at its start repairs manual changes of the catalog', async () => {
      const mongodb = cluster.env.MONGODB_URL ?? '';
      {
        await using mongo = await openMongo(mongodb);
        await mongo.db
          .collection<{ _id: string }>('catalog')
          .updateOne({ _id: 'sender/default/quiet' }, { $set: { config: '{}' } });
      }
      const second = await startOperator();
      await operator.kill();
      await vi.waitFor(() => expect(second.output()).toContain('"msg":"leading"'), WAIT);
      await using mongo = await openMongo(mongodb);
      const stored = () =>
        mongo.db
          .collection<{ _id: string; config: string }>('catalog')
          .findOne({ _id: 'sender/default/quiet' });
      await vi.waitFor(async () => expect((await stored())?.config).toContain('quiet.example'), WAIT);
      operator = second;
    });

    it('the login of a relay is changed under load, and nothing is lost', async () => {
      const recipients = Array.from({ length: 40 }, (_, i) => `load-${i}@example.com`);
      const sending = (async () => {
        for (const recipient of recipients)
          await rest.accepted({ recipient, template: 'order-shipped', template_data: { number: '1' } });
      })();
      await apply(secretOf('relay-login-2', { username: login.user, password: login.password }));
      const [, sender] = examples('sender.yaml');
      await apply({
        ...sender,
        metadata: { ...sender?.metadata, namespace: 'shop' },
        spec: { ...sender?.spec, routes: [{ name: 'relay', smtp: relayOf('relay-login-2') }] },
      });
      await sending;
      for (const recipient of recipients) await untilMailTo(sink, recipient);
    });

    it('a status has the outcomes of recent mail beside the conditions of the operator', async () => {
      await vi.waitFor(
        async () => {
          const { figures, conditions } = await statusOf<SenderStatus>('sender', 'notifications');
          expect(figures).toMatchObject({
            bounced: 0,
            lastReply: expect.stringMatching(/^250/),
            lastReplyTime: expect.any(String),
          });
          expect(figures?.sent).toBeGreaterThan(5);
          expect(conditions?.find(({ type }) => type === 'Ready')).toMatchObject({ status: 'True' });
        },
        { timeout: 90_000, interval: 500 },
      );
      const managers = await ctl(
        'get',
        'sender',
        'notifications',
        '--show-managed-fields',
        '-o',
        'jsonpath={.metadata.managedFields[*].manager}',
      );
      expect(managers.split(' ')).toContain('packetboat-operator-figures');
    }, 120_000);

    it('no secret is in statuses, Events, logs, metrics or plain documents', async () => {
      const metrics = await (await fetch(`${operator.operationsUrl}/metrics`)).text();
      expect(metrics).toContain('packetboat_operator_resource_ready{kind="Sender",status="True"}');
      await using mongo = await openMongo(cluster.env.MONGODB_URL ?? '');
      const documents = JSON.stringify(await mongo.db.collection('catalog').find().toArray());
      const statuses = await ctl('get', 'senders,templates,events', '-o', 'yaml');
      const logs = [operator, ...cluster.programs].map((program) => program.output()).join('');
      for (const text of [metrics, documents, statuses, logs]) {
        expect(text).not.toContain(login.password);
        expect(text).not.toContain('PRIVATE KEY');
      }
    });

    it('a deleted Sender disappears at once, accepts no mail, delivers the mail that it has, and is then erased', async () => {
      await rest.accepted({
        recipient: 'late@slow.example',
        template: 'order-shipped',
        template_data: { number: '1' },
      });
      await ctl('delete', 'sender', 'notifications', '--timeout=5s');
      await vi.waitFor(
        async () =>
          expect(
            (
              await rest.send({
                recipient: 'x@example.com',
                sender: 'notifications',
                subject: 'Hi',
                text: 'Hi',
              })
            ).status,
          ).toBe(422),
        WAIT,
      );
      await using mongo = await openMongo(cluster.env.MONGODB_URL ?? '');
      const stored = () =>
        mongo.db.collection<ObjectDocument>('catalog').findOne({ _id: 'sender/default/notifications' });
      expect(await stored()).toMatchObject({ state: 'draining' });
      await vi.waitFor(
        async () => expect(await stored()).toMatchObject({ state: 'removed', config: null, sealed: [] }),
        { timeout: 110_000, interval: 500 },
      );
      expect(sink.mails.some(({ to }) => to.includes('late@slow.example'))).toBe(true);
    }, 150_000);
  },
);

interface Example {
  readonly metadata: { readonly name: string };
  readonly spec: Readonly<Record<string, unknown>>;
}
