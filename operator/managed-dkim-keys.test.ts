// The Secrets of managed DKIM keys on a real API server: which of them outlive their Sender, and
// which of them an operator uses.

import { generateKeyPairSync } from 'node:crypto';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it, vi } from 'vitest';
import type { ObjectDocument } from '../services/adapters/mongo/catalog-document.ts';
import { type Mongo, openMongo } from '../services/adapters/mongo/connection.ts';
import { openSender } from '../services/core/catalog/sealed-sender.ts';
import { dkimRecord } from '../services/core/mail/dkim/key.ts';
import type { Keys } from '../services/core/secrets/keyring.ts';
import { startMongo } from '../test/support/backend.ts';
import { describeWith } from '../test/support/describe-with.ts';
import { startDnsServer, type TestDnsServer } from '../test/support/dns-server.ts';
import { type Kubernetes, kubectlOk, startKubernetes } from '../test/support/kubernetes.ts';
import { startOperatorHere } from '../test/support/operator.ts';
import { grantOperator, operatorAccount } from '../test/support/operator-account.ts';
import type { SenderStatus } from './api/v1alpha1/status.ts';
import type { Secret } from './kubernetes/resource.ts';

const crds = join(import.meta.dirname, '../charts/packetboat/files/crds');
const WAIT = { timeout: 60_000, interval: 100 };
const keyring: Keys = [{ id: 'k1', secret: new Uint8Array(32).fill(7) }];
const otherKeyring: Keys = [{ id: 'k1', secret: new Uint8Array(32).fill(8) }];

describeWith(['kube-apiserver', 'etcd', 'kubectl', 'helm', 'mongo-server'], 'managed DKIM keys', () => {
  const open = new AsyncDisposableStack();
  let kubernetes: Kubernetes;
  let mongoServer: Awaited<ReturnType<typeof startMongo>>;
  let mongo: Mongo;
  let dns: TestDnsServer;
  let kubeconfig: string;
  let term = 0;

  beforeAll(async () => {
    kubernetes = open.use(await startKubernetes([operatorAccount('mail')]));
    mongoServer = open.use(await startMongo());
    mongo = open.use(await openMongo(mongoServer.url));
    dns = open.use(await startDnsServer());
    await ctl('apply', '-f', crds);
    await ctl('wait', '--for=condition=Established', '--timeout=30s', '-f', crds);
    for (const name of ['mail', 'shop']) await ctl('create', 'namespace', name);
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
  const startOperator = (keys: Keys = keyring) => {
    term += 1;
    return startOperatorHere({ kubeconfig, mongodbUrl: mongoServer.url, dnsPort: dns.port, term, keys });
  };
  const sender = (name: string, dkim: object = {}) => ({
    ...{ apiVersion: 'packetboat.dev/v1alpha1', kind: 'Sender', metadata: { name, namespace: 'shop' } },
    spec: {
      ...{ domain: `${name}.example`, from: { address: `hi@${name}.example` } },
      ...{ verification: { policy: 'Disabled' }, dkim: { algorithms: ['Ed25519'], ...dkim } },
      routes: [{ name: 'relay', smtp: { host: 'relay.example.net' } }],
    },
  });
  const keysOf = async (name: string) => {
    const text = await ctl('-n', 'shop', 'get', 'sender', name, '-o', 'json');
    return (JSON.parse(text) as { readonly status?: SenderStatus }).status?.dkimKeys ?? [];
  };
  const secretsOf = async (name: string): Promise<readonly Secret[]> => {
    const text = await ctl(
      '-n',
      'shop',
      'get',
      'secrets',
      '--field-selector',
      'type=packetboat.dev/dkim',
      '-o',
      'json',
    );
    const { items } = JSON.parse(text) as { readonly items: readonly Secret[] };
    return items.filter(({ metadata }) => metadata.annotations?.['packetboat.dev/dkim-sender'] === name);
  };
  const visit = (name: string, request: string) =>
    ctl('-n', 'shop', 'annotate', '--overwrite', 'sender', name, `packetboat.dev/requested-at=${request}`);
  /** Creates a Sender, publishes the record of its key, and waits until the key signs. */
  const createSigning = async (name: string, dkim: object = {}) => {
    await apply(sender(name, dkim));
    const [key] = await vi.waitFor(async () => {
      const found = await keysOf(name);
      expect(found).toHaveLength(1);
      return found;
    }, WAIT);
    const [secret] = await secretsOf(name);
    const pem = Buffer.from(secret?.data?.['private.pem'] ?? '', 'base64').toString();
    dns.zone[`${key?.selector}._domainkey.${name}.example`] = { txt: [dkimRecord(pem)] };
    await visit(name, 'published');
    await untilKeys(name, [{ selector: key?.selector, state: 'Active' }]);
    return key?.selector ?? '';
  };
  const untilKeys = (name: string, wanted: readonly object[]) =>
    vi.waitFor(async () => {
      const found = await keysOf(name);
      expect(found).toMatchObject(wanted);
      expect(found).toHaveLength(wanted.length);
    }, WAIT);
  const untilDraining = (name: string) =>
    vi.waitFor(async () => {
      const found = await mongo.db
        .collection<ObjectDocument>('catalog')
        .findOne({ _id: `sender/shop/${name}` });
      expect(found?.state).toBe('draining');
      return found;
    }, WAIT);
  /** The Secret of a key that another installation generated. */
  const foreignSecret = (name: string, annotations: object = {}) => {
    const { privateKey } = generateKeyPairSync('ed25519');
    const pem = String(privateKey.export({ type: 'pkcs8', format: 'pem' }));
    const about = {
      'packetboat.dev/dkim-sender': name,
      'packetboat.dev/dkim-domain': `${name}.example`,
      'packetboat.dev/dkim-selector': 'old',
    };
    const secret = {
      ...{ apiVersion: 'v1', kind: 'Secret', type: 'packetboat.dev/dkim' },
      metadata: { name: `${name}-old`, namespace: 'shop', annotations: { ...about, ...annotations } },
      stringData: { 'private.pem': pem },
    };
    return { secret, record: dkimRecord(pem), dnsName: `old._domainkey.${name}.example` };
  };

  it('a Sender that is created again signs with the same key; its Secret has no owner', async () => {
    await using _ = await startOperator();
    const selector = await createSigning('again');
    const [secret] = await secretsOf('again');
    expect(secret?.metadata.ownerReferences).toBeUndefined();
    await ctl('-n', 'shop', 'delete', 'sender/again', '--timeout=5s');
    await untilDraining('again');
    await apply(sender('again'));
    await untilKeys('again', [{ selector, state: 'Active' }]);
    expect(await secretsOf('again')).toHaveLength(1);
  }, 120_000);

  it('a key without its label is found by its annotations, and gets the label again', async () => {
    await using _ = await startOperator();
    const selector = await createSigning('unlabelled');
    const [secret] = await secretsOf('unlabelled');
    await ctl('-n', 'shop', 'label', 'secret', secret?.metadata.name ?? '', 'packetboat.dev/sender-');
    await vi.waitFor(async () => {
      const [now] = await secretsOf('unlabelled');
      expect(now?.metadata.labels).toEqual({ 'packetboat.dev/sender': 'unlabelled' });
    }, WAIT);
    await untilKeys('unlabelled', [{ selector, state: 'Active' }]);
  }, 90_000);

  it('with deletionPolicy Delete the Secret goes with the Sender, and the sealed key stays while mail drains', async () => {
    await using _ = await startOperator();
    const selector = await createSigning('fleeting', { deletionPolicy: 'Delete' });
    await ctl('-n', 'shop', 'delete', 'sender/fleeting', '--timeout=5s');
    const entry = await untilDraining('fleeting');
    await vi.waitFor(async () => expect(await secretsOf('fleeting')).toEqual([]), WAIT);
    const { dkim } = openSender({ config: entry?.config ?? '', sealed: entry?.sealed ?? [] }, keyring);
    expect(dkim).toMatchObject([{ selector, privateKey: expect.stringContaining('PRIVATE KEY') }]);
  }, 90_000);

  it('a copy of the policy is in the Secret, also after an edit', async () => {
    await using _ = await startOperator();
    await createSigning('edited');
    await apply(sender('edited', { deletionPolicy: 'Delete' }));
    await vi.waitFor(async () => {
      const [secret] = await secretsOf('edited');
      expect(secret?.metadata.annotations?.['packetboat.dev/dkim-deletion-policy']).toBe('Delete');
    }, WAIT);
  }, 90_000);

  it('after the loss of the keyring, a key is adopted because DNS shows its public half', async () => {
    let selector: string;
    {
      await using _ = await startOperator();
      selector = await createSigning('keyring');
    }
    const marked = (await secretsOf('keyring'))[0]?.metadata.annotations?.['packetboat.dev/dkim-mac'];
    await using _ = await startOperator(otherKeyring);
    await vi.waitFor(async () => {
      const [secret] = await secretsOf('keyring');
      expect(secret?.metadata.annotations?.['packetboat.dev/dkim-mac']).not.toBe(marked);
    }, WAIT);
    await untilKeys('keyring', [{ selector, state: 'Active' }]);
  }, 90_000);

  it('a key of another installation is adopted when DNS shows it, and awaited while DNS does not reply', async () => {
    await using _ = await startOperator();
    const { secret, record, dnsName } = foreignSecret('moved');
    dns.zone[dnsName] = { fault: 'SERVFAIL' };
    await apply(secret, sender('moved'));
    await vi.waitFor(() => expect(dns.asked.join()).toContain(dnsName), WAIT);
    await ctl('-n', 'shop', 'wait', '--for=condition=Accepted', '--timeout=40s', 'sender/moved');
    expect(await keysOf('moved')).toEqual([]);
    expect(await secretsOf('moved')).toHaveLength(1);
    dns.zone[dnsName] = { txt: [record] };
    await visit('moved', 'again');
    await untilKeys('moved', [{ selector: 'old', state: 'Active' }]);
    expect(await secretsOf('moved')).toHaveLength(1);
  }, 90_000);

  it.each([
    ['unknown to DNS', {}, true],
    ['of another domain', { 'packetboat.dev/dkim-domain': 'else.example' }, false],
    ['of another sender', { 'packetboat.dev/dkim-sender': 'else' }, false],
  ])(
    'a key that is %s is not used, and a new one is generated',
    async (title, annotations, isTold) => {
      await using _operator = await startOperator();
      const name = title.toLowerCase().replaceAll(' ', '-');
      const { secret } = foreignSecret(name, annotations);
      await apply(secret, sender(name));
      await untilKeys(name, [{ selector: expect.stringMatching(/^pb-e/), state: 'Standby' }]);
      const events = () => ctl('-n', 'shop', 'events', '--for', `sender/${name}`);
      if (isTold) await vi.waitFor(async () => expect(await events()).toContain('KeyIgnored'), WAIT);
      else expect(await events()).not.toContain('KeyIgnored');
      expect(await ctl('-n', 'shop', 'get', 'secret', `${name}-old`, '-o', 'name')).toContain(name);
    },
    90_000,
  );
});
