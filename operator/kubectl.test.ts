// The output of kubectl, as goldens: get, get mail, -o wide, describe, explain and wait. Ages,
// uids, versions and random values are replaced. `make golden` renews the files.

import { join } from 'node:path';
import { afterAll, beforeAll, expect, it, vi } from 'vitest';
import { startMongo } from '../test/support/backend.ts';
import { describeWith } from '../test/support/describe-with.ts';
import { startDnsServer } from '../test/support/dns-server.ts';
import { type Kubernetes, kubectl, kubectlOk, startKubernetes } from '../test/support/kubernetes.ts';
import { startOperatorHere } from '../test/support/operator.ts';
import { grantOperator, operatorAccount } from '../test/support/operator-account.ts';

const crds = join(import.meta.dirname, '../charts/packetboat/files/crds');
const apiVersion = 'packetboat.dev/v1alpha1';

const sender = (name: string, spec: object = {}) => ({
  ...{ apiVersion, kind: 'Sender', metadata: { name, namespace: 'shop' } },
  spec: {
    ...{
      domain: `${name}.example`,
      from: { address: `hello@${name}.example` },
      verification: { policy: 'Disabled' },
      dkim: { policy: 'Disabled' },
    },
    routes: [{ name: 'relay', smtp: { host: 'relay.example.net' } }],
    ...spec,
  },
});
const template = (name: string, de: object) => ({
  ...{ apiVersion, kind: 'Template', metadata: { name, namespace: 'shop' } },
  spec: {
    ...{ senderRef: { name: 'ready' }, defaultLocale: 'en', sampleData: { number: '7' } },
    variables: { type: 'object', required: ['number'], properties: { number: { type: 'string' } } },
    locales: [
      { locale: 'en', subject: 'Order {{number}}', text: 'Your order {{number}}.' },
      { locale: 'de', subject: 'Bestellung {{number}}', ...de },
    ],
  },
});

describeWith(['kube-apiserver', 'etcd', 'kubectl', 'helm', 'mongo-server'], 'kubectl', () => {
  const open = new AsyncDisposableStack();
  let kubernetes: Kubernetes;
  const ctl = (...args: readonly string[]) => kubectlOk(kubernetes.kubeconfig, ['-n', 'shop', ...args]);
  const reasonOf = (object: string) =>
    ctl('get', object, '-o', 'jsonpath={.status.conditions[?(@.type=="Ready")].reason}');

  beforeAll(async () => {
    kubernetes = open.use(await startKubernetes([operatorAccount('mail')]));
    const mongo = open.use(await startMongo());
    const dns = open.use(await startDnsServer());
    await kubectlOk(kubernetes.kubeconfig, ['apply', '-f', crds]);
    await kubectlOk(kubernetes.kubeconfig, [
      'wait',
      '--for=condition=Established',
      '--timeout=30s',
      '-f',
      crds,
    ]);
    for (const name of ['mail', 'shop'])
      await kubectlOk(kubernetes.kubeconfig, ['create', 'namespace', name]);
    const kubeconfig = await grantOperator(kubernetes, { namespace: 'mail', namespaces: ['shop'] });
    open.use(
      await startOperatorHere({ kubeconfig, mongodbUrl: mongo.url, dnsPort: dns.port, namespaces: ['shop'] }),
    );
    const items = [
      sender('ready'),
      sender('late', {
        routes: [
          {
            name: 'relay',
            smtp: { host: 'relay.example.net', credentialsSecretRef: { name: 'relay-login' } },
          },
        ],
      }),
      sender('unverified', { verification: { policy: 'Enforce' } }),
      sender('quiet', { suspend: true }),
      template('order', { text: 'Ihre Bestellung {{number}}.' }),
      template('broken', { text: 'Ihre Bestellung {{#if number}}.' }),
    ];
    const apply = async (kind: string, wanted: Readonly<Record<string, string>>): Promise<void> => {
      const list = { apiVersion: 'v1', kind: 'List', items: items.filter((item) => item.kind === kind) };
      await kubectlOk(kubernetes.kubeconfig, ['apply', '-f', '-'], JSON.stringify(list));
      for (const [object, reason] of Object.entries(wanted))
        await vi.waitFor(async () => expect([object, await reasonOf(object)]).toEqual([object, reason]), {
          timeout: 30_000,
          interval: 200,
        });
    };
    await apply('Sender', {
      ...{ 'sender/ready': 'Ready', 'sender/late': 'SecretNotFound' },
      ...{ 'sender/unverified': 'DomainNotVerified', 'sender/quiet': 'Suspended' },
    });
    // after their Senders, because the first visit looks for them
    await apply('Template', { 'template/order': 'Ready', 'template/broken': 'SyntaxError' });
    // Events are written in the background
    await vi.waitFor(
      async () => expect(await ctl('describe', 'template', 'broken')).toContain('SyntaxError  '),
      {
        timeout: 10_000,
        interval: 200,
      },
    );
  }, 90_000);
  afterAll(() => open.disposeAsync(), 30_000);

  it.each([
    ['get senders', ['get', 'senders']],
    ['get senders by their short name, wide', ['get', 'snd', '-o', 'wide']],
    ['get templates', ['get', 'templates']],
    ['get templates by their short name, wide', ['get', 'mtpl', '-o', 'wide']],
    ['get mail', ['get', 'mail']],
    ['get senders of a domain', ['get', 'senders', '--field-selector', 'spec.domain=ready.example']],
    ['describe a sender that is ready', ['describe', 'sender', 'ready']],
    ['describe a sender whose login is late', ['describe', 'sender', 'late']],
    ['describe a sender without records', ['describe', 'sender', 'unverified']],
    ['describe a template', ['describe', 'template', 'order']],
    ['describe a broken template', ['describe', 'template', 'broken']],
    ['explain a sender', ['explain', 'sender.spec']],
    ['explain its routes', ['explain', 'sender.spec.routes.smtp']],
    ['explain its status', ['explain', 'sender.status.dnsRecords']],
    ['explain a template', ['explain', 'template.spec']],
    ['wait for a sender', ['wait', '--for=condition=Ready', '--timeout=10s', 'sender/ready']],
  ])('%s', async (title, args) => {
    await expect(
      `$ kubectl -n shop ${args.join(' ')}\n${withoutChance(await ctl(...args))}`,
    ).toMatchFileSnapshot(`golden/${title.replaceAll(/[ ,]+/g, '-')}.txt`);
  });

  it('wait times out for a sender that is not ready', async () => {
    const args = ['-n', 'shop', 'wait', '--for=condition=Ready', '--timeout=2s', 'sender/late'];
    expect(await kubectl(kubernetes.kubeconfig, args)).toMatchObject({
      code: 1,
      stderr: expect.stringContaining('timed out waiting'),
    });
  });

  it('describe shows the locale, the line and the problem of a broken template', async () => {
    expect(await ctl('describe', 'template', 'broken')).toMatch(
      /spec\.locales\[1\]\.text: text, line 1: a block, .* is not closed .* \(locale de, live\)/,
    );
  });
});

function withoutChance(text: string): string {
  const [about = '', told] = text.split(/(?<=^Events:\n)/m);
  return `${about}${told === undefined ? '' : sorted(told)}`
    .replaceAll(/[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}/g, '<uid>')
    .replaceAll(/\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ/g, '<time>')
    .replaceAll(/(Resource Version: +)\d+/g, '$1<version>')
    .replaceAll(/(Config Hash: +)\S+/g, '$1<hash>')
    .replaceAll(/^(.* {2,})\d+m?s( {2})? *(.*)$/gm, '$1<age>$2$3'); // a column of its own
}

/** Events of one second come in any order. */
const sorted = (events: string): string => {
  const [titles = '', line = '', ...rest] = events.trimEnd().split('\n');
  return `${[titles, line, ...rest.sort()].join('\n')}\n`;
};
