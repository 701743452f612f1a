import { generateKeyPairSync } from 'node:crypto';
import { readdirSync, readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { parseDocuments } from '../documents/documents.ts';
import { acceptLimits } from '../limits/accept.ts';
import { deliveryLimits } from '../limits/delivery.ts';
import { doorLimits } from '../limits/door.ts';
import { compileRevision, render } from '../template/render.ts';
import { compileFolder } from './compile.ts';

const sender = (spec: string, metadata = '{name: billing}') => `
apiVersion: packetboat.dev/v1alpha1
kind: Sender
metadata: ${metadata}
spec: {domain: mail.shop.example, from: {address: billing@mail.shop.example}, routes: [{name: relay, smtp: {host: relay.example.net}}]${spec ? `, ${spec}` : ''}}
`;
const template = (spec: string, metadata = '{name: invoice}') => `
apiVersion: packetboat.dev/v1alpha1
kind: Template
metadata: ${metadata}
spec: {defaultLocale: en, ${spec}}
`;
const plain = 'locales: [{locale: en, subject: Hi, text: Hello}]';
const secret = (data: string) => `
apiVersion: v1
kind: Secret
metadata: {name: login}
${data}
`;

function compile(...texts: string[]) {
  const { documents, faults } = parseDocuments('test.yaml', texts.join('\n---\n'));
  expect(faults).toEqual([]);
  return compileFolder(documents);
}

const shown = (result: ReturnType<typeof compile>) =>
  result.faults.map(({ reason, path }) => `${reason} ${path}`);

describe('a sender', () => {
  test('says little and gets the defaults', () => {
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
          maxMessageBytes: doorLimits.bodyBytesMax,
        },
        retry: { delaysMs: deliveryLimits.retryDelaysMs, maxAgeMs: deliveryLimits.maxAgeMs },
        copies: 'at_least_once',
        dkim: [],
      },
    ]);
  });

  test('reads provided keys from Secrets; the first of each algorithm signs, and the hash knows which, but not the key', () => {
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

  test('says everything that works', () => {
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
      'limits: {maxRecipients: 51, maxMessageBytes: 52428801}',
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

  test('a secret of another namespace is not there', () => {
    const elsewhere = secret('stringData: {username: u, password: p, ca: c}').replace(
      '{name: login}',
      '{name: login, namespace: other}',
    );
    expect(shown(compile(withSecrets, elsewhere))).toContain(`SecretNotFound ${field}.credentialsSecretRef`);
  });

  test('the hash is of what is written, without secrets and without the order of keys', () => {
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

describe('a template', () => {
  const overlays = `
apiVersion: packetboat.dev/v1alpha1
kind: Template
metadata: {name: invoice, namespace: shop}
spec:
  identifier: In_voice
  defaultLocale: EN
  locales:
  - {locale: en, subject: live, html: <p>live</p>, text: live}
  - {locale: de_AT, subject: live de, htmlFrom: {configMapKeyRef: {name: bodies, key: de.html}}}
  testing: {locales: [{locale: en, subject: testing}, {locale: fr, subject: testing fr, text: fr}]}
  draft: {locales: [{locale: en, text: draft}, {locale: FR, subject: draft fr}]}
---
apiVersion: v1
kind: ConfigMap
metadata: {name: bodies, namespace: shop}
data: {de.html: <p>aus der ConfigMap</p>}`;

  test('has each environment complete: draft over testing over live, locale by locale and field by field', () => {
    const { templates, faults, present } = compile(overlays);
    expect(faults).toEqual([]);
    expect([...present]).toEqual(['template/shop/In_voice']);
    const de = { locale: 'de-at', subject: 'live de', html: '<p>aus der ConfigMap</p>', text: null };
    expect(templates[0]).toMatchObject({
      tenant: 'shop',
      identifier: 'In_voice',
      revision: 0,
      sender: null,
      defaultLocale: 'en',
      content: {
        live: [{ locale: 'en', subject: 'live', html: '<p>live</p>', text: 'live' }, de],
        testing: [
          { locale: 'en', subject: 'testing', html: '<p>live</p>', text: 'live' },
          de,
          { locale: 'fr', subject: 'testing fr', html: null, text: 'fr' },
        ],
        draft: [
          { locale: 'en', subject: 'testing', html: '<p>live</p>', text: 'draft' },
          de,
          { locale: 'fr', subject: 'draft fr', html: null, text: 'fr' },
        ],
      },
    });
  });

  test('may be a draft only', () => {
    const { templates, faults } = compile(
      template('locales: [], draft: {locales: [{locale: en, subject: s, text: t}]}'),
    );
    expect(faults).toEqual([]);
    expect(templates[0]?.content).toMatchObject({ live: [], testing: [], draft: [{ locale: 'en' }] });
  });

  const layout = (name: string, spec: string) => template(spec, `{name: ${name}}`);
  const base = layout('base', "locales: [{locale: en, html: '<main>{{{content}}}</main>'}]");

  test('is wrapped in its layouts, innermost first', () => {
    const outer = layout(
      'outer',
      "locales: [{locale: en, html: '<html>{{{content}}}</html>', text: '{{{ content }}}.'}]",
    );
    const inner = base.replace('defaultLocale: en,', 'defaultLocale: en, layoutRef: {name: outer},');
    const { templates, faults } = compile(
      template(
        "layoutRef: {name: base}, locales: [{locale: en, subject: s, html: '<p>{{a}}</p>', text: t}], sampleData: {a: 1}",
      ),
      inner,
      outer,
    );
    expect(faults).toEqual([]);
    const invoice = templates.find(({ identifier }) => identifier === 'invoice');
    expect(invoice?.layouts).toHaveLength(2);
    expect(
      invoice && render(compileRevision(invoice), { environment: 'draft', language: null, data: { a: '<' } }),
    ).toMatchObject({
      html: '<html><main><p>&lt;</p></main></html>',
      text: 't.',
    });
  });

  const wrapped = `layoutRef: {name: base}, ${plain}`;
  const chain = (length: number) =>
    Array.from({ length }, (_, at) =>
      layout(
        `l${at}`,
        `${at + 1 < length ? `layoutRef: {name: l${at + 1}}, ` : ''}locales: [{locale: en, text: '{{{content}}}'}]`,
      ),
    );

  test.each([
    ['an unknown field', [template(`${plain}, nonsense: 1`)], ['InvalidSpec spec.nonsense']],
    [
      'wrong types, all at once',
      [template('locales: [{locale: en, subject: 1, body: x}, {locale: "!"}], sampleData: []')],
      [
        'InvalidSpec spec.sampleData',
        'InvalidSpec spec.locales[0].subject',
        'InvalidSpec spec.locales[0].body',
        'InvalidSpec spec.locales[1].locale',
      ],
    ],
    [
      'html twice',
      [
        template(
          'locales: [{locale: en, subject: s, html: x, htmlFrom: {configMapKeyRef: {name: a, key: b}}}]',
        ),
      ],
      ['InvalidSpec spec.locales[0].htmlFrom'],
    ],
    ['no body', [template('locales: [{locale: en, subject: s}]')], ['InvalidSpec spec.locales[0]']],
    ['no subject', [template('locales: [{locale: en, text: t}]')], ['InvalidSpec spec.locales[0].subject']],
    [
      'a locale twice',
      [template('locales: [{locale: en, subject: s, text: t}, {locale: EN, subject: s, text: t}]')],
      ['InvalidSpec spec.locales[1].locale'],
    ],
    [
      'a blank body',
      [template('locales: [{locale: en, subject: s, html: \' \', text: "\\u200b\\n"}]')],
      ['InvalidSpec spec.locales[0]'],
    ],
    [
      'a blank html from a ConfigMap',
      [
        template('locales: [{locale: en, subject: s, htmlFrom: {configMapKeyRef: {name: a, key: b}}}]'),
        "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a}\ndata: {b: ' '}",
      ],
      ['InvalidSpec spec.locales[0]'],
    ],
    [
      'a blank subject',
      [template("locales: [{locale: en, subject: ' ', text: t}]")],
      ['InvalidSpec spec.locales[0].subject'],
    ],
    [
      'a mail that is blank with the sample data',
      [template("locales: [{locale: en, subject: s, html: '{{#if a}}x{{/if}}', text: '{{a}}'}]")],
      ['RenderFailed spec.locales[0].html'],
    ],
    ['no content', [template('locales: []')], ['InvalidSpec spec.defaultLocale']],
    [
      'a default that is not there',
      [template('locales: [{locale: de, subject: s, text: t}]')],
      ['InvalidSpec spec.defaultLocale'],
    ],
    [
      'a default that is drafted only',
      [
        template(
          'locales: [{locale: de, subject: s, text: t}], draft: {locales: [{locale: en, subject: s, text: t}]}',
        ),
      ],
      ['InvalidSpec spec.defaultLocale'],
    ],
    ['an identifier with @', [template(`identifier: invoice@3, ${plain}`)], ['InvalidSpec spec.identifier']],
    [
      'a schema with a pattern',
      [template(`${plain}, variables: {type: object, properties: {a: {pattern: x}}}`)],
      ['InvalidSpec spec.variables.properties.a.pattern'],
    ],
    ['no sender', [template(`senderRef: {name: nobody}, ${plain}`)], ['SenderNotFound spec.senderRef.name']],
    [
      "another namespace's sender",
      [
        template(`senderRef: {name: theirs}, ${plain}`),
        sender('', '{name: theirs, namespace: other}').replaceAll('shop.example', 'other.example'),
      ],
      ['SenderNotFound spec.senderRef.name'],
    ],
    [
      'no ConfigMap',
      [template('locales: [{locale: en, subject: s, htmlFrom: {configMapKeyRef: {name: a, key: b}}}]')],
      ['ConfigMapNotFound spec.locales[0].htmlFrom.configMapKeyRef'],
    ],
    [
      'no key in it',
      [
        template('locales: [{locale: en, subject: s, htmlFrom: {configMapKeyRef: {name: a, key: b}}}]'),
        'apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a}\ndata: {c: x}',
      ],
      ['ConfigMapNotFound spec.locales[0].htmlFrom.configMapKeyRef'],
    ],
    [
      'no sender and bad Handlebars, all at once',
      [template("senderRef: {name: nobody}, locales: [{locale: en, subject: '{{#if a}}', text: t}]")],
      ['SenderNotFound spec.senderRef.name', 'SyntaxError spec.locales[0].subject'],
    ],
    ['no layout', [template(wrapped)], ['LayoutNotFound spec.layoutRef.name']],
    [
      'a layout that cannot be read',
      [template(wrapped), base.replace('locales:', 'nonsense:')],
      ['LayoutNotFound spec.layoutRef.name', 'InvalidSpec spec.locales', 'InvalidSpec spec.nonsense'],
    ],
    [
      'a layout with faults',
      [template(wrapped), base.replace('{locale: en,', '{locale: de,')],
      ['LayoutNotFound spec.layoutRef.name', 'InvalidSpec spec.defaultLocale'],
    ],
    [
      'a layout that places nothing',
      [template(wrapped), layout('base', plain)],
      ['InvalidSpec spec.layoutRef.name'],
    ],
    [
      'a layout of itself',
      [template(`layoutRef: {name: invoice}, ${plain}`)],
      ['LayoutCycle spec.layoutRef.name'],
    ],
    [
      'layouts in a ring',
      [
        template(wrapped),
        layout('base', "layoutRef: {name: ring}, locales: [{locale: en, text: '{{{content}}}'}]"),
        layout('ring', "layoutRef: {name: base}, locales: [{locale: en, text: '{{{content}}}'}]"),
      ],
      [
        'LayoutCycle spec.layoutRef.name',
        'LayoutCycle spec.layoutRef.name',
        'LayoutCycle spec.layoutRef.name',
      ],
    ],
    [
      'layouts too deep',
      [template(`layoutRef: {name: l0}, ${plain}`), ...chain(4)],
      ['InvalidSpec spec.layoutRef.name'],
    ],
    [
      'bad Handlebars',
      [template("locales: [{locale: en, subject: '{{#if a}}', text: t}]")],
      ['SyntaxError spec.locales[0].subject'],
    ],
    [
      'bad Handlebars in an overlay',
      [template(`${plain}, draft: {locales: [{locale: en, text: '{{nope a}}'}]}`)],
      ['SyntaxError spec.draft.locales[0].text'],
    ],
    [
      'bad Handlebars in a layout',
      [
        template(wrapped.replace('text: Hello', 'html: Hello')),
        layout('base', "locales: [{locale: en, html: '{{{content}}}{{nope a}}'}]"),
      ],
      ['SyntaxError spec.layoutRef', 'SyntaxError spec.locales[0].html'],
    ],
    [
      'a link that is no link',
      [template('locales: [{locale: en, subject: s, html: \'<a href="javascript:x">\'}]')],
      ['RenderFailed spec.locales[0].html'],
    ],
    [
      'a scheme that is never allowed, in any case',
      [template(`${plain}, allowedSchemes: [sms, JavaScript, data, "a b", "1a", ""]`)],
      [0, 1, 2, 3, 4].map((at) => `InvalidSpec spec.allowedSchemes[${at + 1}]`),
    ],
    [
      'data of the wrong kind',
      [template("locales: [{locale: en, subject: s, text: '{{formatDate a}}'}], sampleData: {a: soon}")],
      ['RenderFailed spec.locales[0].text'],
    ],
    [
      'a sample that does not fit',
      [
        template(
          `${plain}, variables: {type: object, required: [number], properties: {a: {type: string}}}, sampleData: {a: 1}`,
        ),
      ],
      ['SchemaMismatch spec.sampleData.number', 'SchemaMismatch spec.sampleData.a'],
    ],
    [
      'nested too deep',
      [
        template(
          `locales: [{locale: en, subject: s, text: '${'{{#if a}}'.repeat(33)}${'{{/if}}'.repeat(33)}'}]`,
        ),
      ],
      ['TooLarge spec.locales[0].text'],
    ],
    [
      'too many tags in all',
      [
        template(
          `locales: [{locale: en, subject: s, html: '${'{{a}}'.repeat(600)}', text: '${'{{a}}'.repeat(600)}'}]`,
        ),
      ],
      ['TooLarge spec.locales[0].html'],
    ],
  ])('%s', (_title, texts, expected) => {
    const result = compile(sender(''), ...texts);
    expect(shown(result).sort()).toEqual([...expected].sort());
    // The others are unaffected.
    expect(result.senders[0]).toMatchObject({ name: 'billing', tenant: 'default' });
    expect(result.templates.some(({ identifier }) => identifier === 'invoice')).toBe(false);
    expect(result.present).toContain('sender/default/billing');
  });

  test('a blank field of an overlay counts as absent, and a blank part beside another is left out', () => {
    const { templates, faults } = compile(
      template(
        "locales: [{locale: en, subject: s, html: ' ', text: t}], draft: {locales: [{locale: en, subject: '', text: ' '}]}",
      ),
    );
    expect(faults).toEqual([]);
    const en = [{ locale: 'en', subject: 's', html: null, text: 't' }];
    expect(templates[0]?.content).toEqual({ live: en, testing: en, draft: en });
  });

  test('links may have the schemes that the template or its layouts list, in any case', () => {
    const link = '<a href="sms:1">x</a><a href="geo:1,2">y</a>';
    const { templates, faults } = compile(
      template(
        `layoutRef: {name: base}, allowedSchemes: [SMS], locales: [{locale: en, subject: s, html: '${link}'}]`,
      ),
      base.replace('locales:', 'allowedSchemes: [geo, sms], locales:'),
    );
    expect(faults).toEqual([]);
    expect(templates[0]?.allowedSchemes).toEqual(['geo', 'sms']);
  });

  test('three layouts are not too deep', () =>
    expect(shown(compile(template(`layoutRef: {name: l0}, ${plain}`), ...chain(3)))).toEqual([]));

  test('a sender with faults does not take its templates along', () => {
    const result = compile(sender('tracking: {}'), template(`senderRef: {name: billing}, ${plain}`));
    expect(shown(result)).toEqual(['InvalidSpec spec.tracking']);
    expect(result.templates).toMatchObject([{ sender: 'billing' }]);
  });

  test('a fault of shared content is told once, with line, locale and reason', () => {
    const { faults } = compile(`
apiVersion: packetboat.dev/v1alpha1
kind: Template
metadata: {name: invoice, namespace: shop}
spec:
  defaultLocale: en
  locales:
  - locale: en
    subject: s
    html: |
      <p>
      {{#each a}}
    text: t
  draft: {locales: [{locale: en, text: t2}]}`);
    expect(faults).toEqual([
      {
        file: 'test.yaml',
        line: 10,
        column: 5,
        kind: 'Template',
        namespace: 'shop',
        name: 'invoice',
        reason: 'SyntaxError',
        path: 'spec.locales[0].html',
        message: expect.stringMatching(/^html, line \d: .*\(locale en, live\)$/),
      },
    ]);
  });
});

describe('among all', () => {
  test.each([
    [
      'a domain',
      [sender(''), sender('', '{name: second}')],
      ['DomainConflict spec.domain'],
      'is taken by Sender "billing"',
    ],
    [
      "another tenant's domain",
      [sender(''), sender('', '{name: a, namespace: other}')],
      ['DomainConflict spec.domain'],
      'is taken in another namespace',
    ],
    [
      'an identifier',
      [template(plain), template(`identifier: invoice, ${plain}`, '{name: second}')],
      ['IdentifierConflict spec.identifier'],
      'is taken by Template "invoice"',
    ],
    [
      'a name',
      [template(plain), template(`identifier: b, ${plain}`)],
      ['InvalidSpec metadata.name'],
      'is taken by Template "invoice"',
    ],
  ])('the first has %s', (_title, texts, expected, message) => {
    const result = compile(...texts);
    expect(shown(result)).toEqual(expected);
    expect(result.faults[0]?.message).toBe(message);
    expect(result.senders.length + result.templates.length).toBe(1);
  });

  test('two tenants may use the same names', () => {
    expect(shown(compile(template(plain), template(plain, '{name: invoice, namespace: other}')))).toEqual([]);
  });

  test.each([
    ['just a text', ['InvalidSpec kind']],
    ['kind: Deployment', ['InvalidSpec kind']],
    ['kind: constructor', ['InvalidSpec kind']],
    ['- a list', ['InvalidSpec kind']],
    [
      'apiVersion: packetboat.dev/v2\nkind: Template\nmetadata: {name: a}\nspec: {defaultLocale: en, locales: []}',
      ['InvalidSpec apiVersion'],
    ],
    [
      'apiVersion: packetboat.dev/v1alpha1\nkind: Template\nspec: 7',
      ['InvalidSpec metadata', 'InvalidSpec spec'],
    ],
    [
      'apiVersion: packetboat.dev/v1alpha1\nkind: Template\nmetadata: {name: A b, namespace: x.y}\nspec: {defaultLocale: en, locales: []}',
      ['InvalidSpec metadata.name', 'InvalidSpec metadata.namespace'],
    ],
  ])('what is no object of ours: %s', (text, expected) => expect(shown(compile(text))).toEqual(expected));
});

describe('the example catalog', () => {
  const folder = new URL('../../../examples/catalog/', import.meta.url);
  const parsed = readdirSync(folder).map((file) =>
    parseDocuments(file, readFileSync(new URL(file, folder), 'utf8')),
  );
  const { senders, templates, faults } = compileFolder(parsed.flatMap(({ documents }) => documents));
  const find = (identifier: string) => {
    const found = templates.find((one) => one.identifier === identifier);
    if (!found) throw new Error(`no template ${identifier}`);
    return found;
  };

  test('compiles without a fault', () => {
    expect(parsed.flatMap((one) => one.faults)).toEqual([]);
    expect(faults).toEqual([]);
    expect(senders.map(({ name }) => name)).toEqual(['accounts', 'billing']);
    expect(templates.map(({ identifier }) => identifier).sort()).toEqual([
      'email_key',
      'invoice',
      'otp-code',
    ]);
  });

  test('has each template sent by a sender of its own', () => {
    for (const { sender: name } of templates) expect(senders.map((one) => one.name)).toContain(name);
  });

  test('answers the requests of the reference documents', () => {
    const code = compileRevision(find('otp-code'));
    const data = { code: '847291', expires_in: '5 minutes' };
    expect(render(code, { environment: 'live', language: null, data })).toMatchObject({
      subject: 'Your verification code',
      text: expect.stringContaining('847291'),
    });
    expect(render(code, { environment: 'live', language: 'de-AT', data })).toMatchObject({
      locale: 'de',
      html: expect.stringContaining('Bestätigungscode'),
    });
    expect(render(code, { environment: 'draft', language: null, data })).toMatchObject({
      subject: '847291 is your Harbour Shop code',
    });
    const key = compileRevision(find('email_key'));
    expect(
      render(key, { environment: 'draft', language: 'en', data: { some_variable: 'some_value' } }),
    ).toMatchObject({
      subject: '[Draft] Welcome to Harbour Shop: some_value',
      text: expect.stringContaining('some_value'),
    });
    expect(senders.find(({ name }) => name === key.revision.sender)?.team).toContain('email@email.com');
  });
});
