import { generateKeyPairSync } from 'node:crypto';
import { describe, expect, test } from 'vitest';
import { acceptLimits } from '../limits/accept.ts';
import { deliveryLimits } from '../limits/delivery.ts';
import { mailLimits } from '../limits/mail.ts';
import { compile, plain, secret, sender, shown, template } from './folder.fixture.ts';

describe('a sender', () => {
  test('with a minimal spec has the defaults', () => {
    const { senders, faults } = compile(sender(''));
    expect(faults).toEqual([]);
    expect(senders).toEqual([
      {
        tenant: 'default',
        name: 'billing',
        revision: 0,
        hash: expect.stringMatching(/^[0-9a-f]{64}$/),
        suspended: false,
        verified: true,
        retiring: false,
        domain: 'mail.shop.example',
        from: { name: null, address: 'billing@mail.shop.example' },
        replyTo: [],
        returnPathDomain: 'mail.shop.example',
        team: [],
        routes: [
          {
            name: 'relay',
            host: 'relay.example.net',
            port: 587,
            tls: 'StartTLS',
            credentials: null,
            ca: null,
          },
        ],
        limits: {
          messagesPerSecond: 50,
          messagesPerDay: 0,
          maxRecipients: acceptLimits.recipientsMax,
          maxMessageBytes: mailLimits.mailBytesMax,
        },
        retry: { delaysMs: deliveryLimits.retryDelaysMs, maxAgeMs: deliveryLimits.maxAgeMs },
        copies: 'at_least_once',
        dkim: [],
      },
    ]);
  });

  test('reads provided keys from Secrets; the first of each algorithm signs; the hash depends on the public key only', () => {
    const pem = (type: 'rsa' | 'ed25519') =>
      (type === 'rsa'
        ? generateKeyPairSync('rsa', { modulusLength: 2_048 })
        : generateKeyPairSync('ed25519')
      ).privateKey
        .export({ type: 'pkcs8', format: 'pem' })
        .toString();
    const keys = { one: pem('rsa'), two: pem('rsa'), three: pem('ed25519'), bad: 'hunter2' };
    const dkimSecret = `apiVersion: v1\nkind: Secret\nmetadata: {name: dkim}\nstringData: ${JSON.stringify(keys)}`;
    const withKeys = (...names: string[]) =>
      compile(
        sender(
          `dkim: {policy: Provided, keys: [${names.map((key) => `{selector: s-${key}, privateKeySecretRef: {name: dkim, key: ${key}}}`).join(', ')}]}`,
        ),
        dkimSecret,
      );
    const [signed] = withKeys('one', 'two', 'three').senders;
    expect(signed?.dkim).toMatchObject([
      { selector: 's-one', algorithm: 'rsa-sha256', privateKey: keys.one },
      { selector: 's-three', algorithm: 'ed25519-sha256', privateKey: keys.three },
    ]);
    expect(withKeys('two', 'three').senders[0]?.hash).not.toBe(signed?.hash);
    expect(shown(withKeys('bad', 'gone'))).toEqual([
      'InvalidKey spec.dkim.keys[0].privateKeySecretRef',
      'SecretKeyMissing spec.dkim.keys[1].privateKeySecretRef',
    ]);
  });

  test('with every field has all values', () => {
    const { senders, faults } = compile(`
apiVersion: packetboat.dev/v1alpha1
kind: Sender
metadata: {name: billing, namespace: shop, labels: {a: b}, generation: 3}
spec:
  suspend: true
  domain: Mail.Bücher.example
  from: {address: Billing@mail.bücher.example, name: Shop Billing}
  replyTo: ["Help <help@shop.example>"]
  returnPathDomain: bounce.mail.bücher.example
  team: [Ana@shop.example, "*@QA.shop.example"]
  routes:
  - name: first
    smtp: {host: Relay.example.net, port: 465, tls: Implicit, credentialsSecretRef: {name: login}, caSecretRef: {name: login, key: ca.crt}}
  - name: second
    smtp: {host: 192.0.2.1, port: 25, tls: None}
  limits: {messagesPerSecond: 0.5, messagesPerDay: 100, maxRecipients: 0, maxMessageBytes: 1000}
  retry: {delaysSeconds: [1], maxAgeSeconds: 60}
  copies: AtMostOnce
status: {conditions: []}
---
apiVersion: v1
kind: Secret
metadata: {name: login, namespace: shop}
type: Opaque
data: {username: ${btoa('me')}, password: b2xk}
stringData: {password: word, ca.crt: "-----BEGIN CERTIFICATE-----"}`);
    expect(faults).toEqual([]);
    expect(senders[0]).toMatchObject({
      tenant: 'shop',
      suspended: true,
      domain: 'mail.xn--bcher-kva.example',
      from: { name: 'Shop Billing', address: 'Billing@mail.xn--bcher-kva.example' },
      replyTo: [{ name: 'Help', address: 'help@shop.example' }],
      returnPathDomain: 'bounce.mail.xn--bcher-kva.example',
      team: ['ana@shop.example', '*@qa.shop.example'],
      routes: [
        {
          host: 'relay.example.net',
          tls: 'Implicit',
          credentials: { username: 'me', password: 'word' },
          ca: '-----BEGIN CERTIFICATE-----',
        },
        { host: '192.0.2.1', tls: 'None', credentials: null },
      ],
      limits: {
        messagesPerSecond: 0.5,
        messagesPerDay: 100,
        maxRecipients: acceptLimits.recipientsMax,
        maxMessageBytes: 1000,
      },
      retry: { delaysMs: [1000], maxAgeMs: 60_000 },
      copies: 'at_most_once',
    });
  });

  test.each([
    ['dkim: {policy: Sometimes}', ['InvalidSpec spec.dkim.policy']],
    ['dkim: {policy: Provided}', ['InvalidSpec spec.dkim.keys']],
    [
      'dkim: {keys: [{selector: a, privateKeySecretRef: {name: dkim, key: a}}]}',
      ['InvalidSpec spec.dkim.keys'],
    ],
    [
      'dkim: {policy: Provided, keys: [{selector: a, privateKeySecretRef: {name: none, key: a}}]}',
      ['SecretNotFound spec.dkim.keys[0].privateKeySecretRef'],
    ],
    ['dkim: {algorithms: []}', ['InvalidSpec spec.dkim.algorithms']],
    ['verification: {periodSeconds: 1}', ['InvalidSpec spec.verification.periodSeconds']],
    ['tracking: {opens: false}', ['InvalidSpec spec.tracking']],
    [
      'limits: {messagesPerSecond: fast, nonsense: 1}',
      ['InvalidSpec spec.limits.messagesPerSecond', 'InvalidSpec spec.limits.nonsense'],
    ],
    ['copies: at_most_once', ['InvalidSpec spec.copies']],
    ['suspend: "yes"', ['InvalidSpec spec.suspend']],
    ['team: [nobody, "*@", ana@shop.example]', ['InvalidSpec spec.team[0]', 'InvalidSpec spec.team[1]']],
    ['replyTo: ["a@b"]', ['InvalidSpec spec.replyTo[0]']],
    ['returnPathDomain: elsewhere.example', ['InvalidSpec spec.returnPathDomain']],
    ['returnPathDomain: evilmail.shop.example', ['InvalidSpec spec.returnPathDomain']],
    [
      'retry: {delaysSeconds: [0], maxAgeSeconds: 1}',
      ['InvalidSpec spec.retry.delaysSeconds[0]', 'InvalidSpec spec.retry.maxAgeSeconds'],
    ],
    [
      'limits: {maxRecipients: 51, maxMessageBytes: 167772161}',
      ['InvalidSpec spec.limits.maxRecipients', 'InvalidSpec spec.limits.maxMessageBytes'],
    ],
  ])('%s', (spec, expected) => {
    const result = compile(sender(spec), template(plain));
    expect(shown(result)).toEqual(expected);
    expect(result.senders).toEqual([]);
    expect(result.templates).toHaveLength(1);
  });

  test.each([
    [
      '{domain: a.example, from: {address: x@b.example}, routes: [{name: a, smtp: {host: h}}]}',
      ['InvalidSpec spec.from.address'],
    ],
    [
      '{domain: a.example, from: {address: "x@y@a.example"}, routes: [{name: a, smtp: {host: h}}]}',
      ['InvalidSpec spec.from.address'],
    ],
    [
      '{domain: a.example, from: {address: x@a.example, name: "a\\r\\nBcc: b"}, routes: [{name: a, smtp: {host: h}}]}',
      ['InvalidSpec spec.from.name'],
    ],
    [
      '{domain: nonsense, from: {}, routes: []}',
      ['InvalidSpec spec.domain', 'InvalidSpec spec.from.address', 'InvalidSpec spec.routes'],
    ],
    [
      '{domain: a.example, from: {address: x@a.example}, routes: [{name: a, direct: {tls: Opportunistic}}]}',
      ['InvalidSpec spec.routes[0].smtp', 'InvalidSpec spec.routes[0].direct'],
    ],
    [
      '{domain: a.example, from: {address: x@a.example}, routes: [{name: a, smtp: {host: h}}, {name: a, smtp: {host: i}}]}',
      ['InvalidSpec spec.routes[1].name'],
    ],
    [
      '{domain: a.example, from: {address: x@a.example}, routes: [{name: a, smtp: {host: "a b", port: 70000, tls: Maybe}}]}',
      [
        'InvalidSpec spec.routes[0].smtp.host',
        'InvalidSpec spec.routes[0].smtp.port',
        'InvalidSpec spec.routes[0].smtp.tls',
      ],
    ],
    [
      '{domain: a.example, from: {address: x@a.example}, routes: [{name: a, smtp: {host: h, tls: Opportunistic, credentialsSecretRef: {name: login}}}]}',
      ['InvalidSpec spec.routes[0].smtp.tls'],
    ],
    [
      '{domain: a.example, from: {address: x@a.example}, routes: [{name: a, smtp: {host: h, tls: None, credentialsSecretRef: {name: login}}}]}',
      ['InvalidSpec spec.routes[0].smtp.tls'],
    ],
  ])('%s', (spec, expected) => {
    const result = compile(
      `apiVersion: packetboat.dev/v1alpha1\nkind: Sender\nmetadata: {name: a}\nspec: ${spec}`,
      secret('stringData: {username: u, password: p}'),
    );
    expect(shown(result)).toEqual(expected);
    expect(result.senders).toEqual([]);
  });

  const withSecrets = `apiVersion: packetboat.dev/v1alpha1
kind: Sender
metadata: {name: a}
spec: {domain: a.example, from: {address: x@a.example}, routes: [{name: a, smtp: {host: h, credentialsSecretRef: {name: login}, caSecretRef: {name: login, key: ca}}}]}`;
  const field = 'spec.routes[0].smtp';

  test.each([
    ['', [`SecretNotFound ${field}.credentialsSecretRef`, `SecretNotFound ${field}.caSecretRef`]],
    [
      secret('stringData: {username: u, ca: "-----BEGIN CERTIFICATE-----"}'),
      [`SecretKeyMissing ${field}.credentialsSecretRef`],
    ],
    [
      secret(
        'stringData: {username: u, accessToken: marker, password: marker, ca: "-----BEGIN CERTIFICATE-----"}',
      ),
      [`InvalidKey ${field}.credentialsSecretRef`],
    ],
    [secret('stringData: {username: u, password: marker, ca: marker}'), [`InvalidKey ${field}.caSecretRef`]],
    [
      secret('stringData: {username: 1}'),
      [
        'InvalidSpec stringData.username',
        `SecretNotFound ${field}.credentialsSecretRef`,
        `SecretNotFound ${field}.caSecretRef`,
      ],
    ],
  ])('secrets: %s', (text, expected) => {
    const result = text ? compile(withSecrets, text) : compile(withSecrets);
    expect(shown(result).sort()).toEqual([...expected].sort());
    expect(JSON.stringify(result.faults)).not.toContain('marker');
  });

  test('a Secret of another namespace is not found', () => {
    const elsewhere = secret('stringData: {username: u, password: p, ca: c}').replace(
      '{name: login}',
      '{name: login, namespace: other}',
    );
    expect(shown(compile(withSecrets, elsewhere))).toContain(`SecretNotFound ${field}.credentialsSecretRef`);
  });

  test('the hash depends on the spec, but not on secrets or the order of keys', () => {
    const hash = (password: string, spec = withSecrets) =>
      compile(
        spec,
        secret(`stringData: {username: u, password: ${password}, ca: "-----BEGIN CERTIFICATE-----"}`),
      ).senders[0]?.hash;
    expect(hash('one')).toBe(hash('two'));
    expect(
      hash(
        'one',
        withSecrets
          .replace('{name: a, smtp: {host: h,', '{smtp: {host: h,')
          .replace('key: ca}}', 'key: ca}}, name: a'),
      ),
    ).toBe(hash('one'));
    expect(hash('one', withSecrets.replace('host: h', 'host: i'))).not.toBe(hash('one'));
  });
});
