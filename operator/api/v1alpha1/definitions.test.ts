import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { isDeepStrictEqual } from 'node:util';
import { beforeAll, expect, test } from 'vitest';
import { parse } from 'yaml';
import { isFaults, showPath } from '../../../services/core/documents/fault.ts';
import { compileTemplate } from '../../../services/core/objects/compile-template.ts';
import { readObject } from '../../../services/core/objects/read-object.ts';
import { borrow, describeWith } from '../../../test/support/describe-with.ts';
import { kubectl, kubectlOk } from '../../../test/support/kubernetes.ts';
import { definitionOf, type Json, kinds } from './definitions.ts';

const folder = join(import.meta.dirname, '../../../charts/packetboat/files/crds');

test.each(kinds)('the chart’s file of $plural is up to date (make crds)', (kind) => {
  expect(parse(readFileSync(join(folder, `${kind.plural}.yaml`), 'utf8'))).toEqual(definitionOf(kind));
});

test.each(kinds)('each field of $kind has a description', (kind) => {
  expect(undescribed(definitionOf(kind), [])).toEqual([]);
});

/** Paths of properties without a description, except those of every object. */
function undescribed(schema: Json, path: readonly string[]): string[] {
  if (typeof schema !== 'object' || schema === null) return [];
  if (Array.isArray(schema)) return schema.flatMap((entry: Json) => undescribed(entry, path));
  return Object.entries(schema as Record<string, Json>).flatMap(([key, value]) => {
    if (key === 'default' || key.startsWith('x-kubernetes-')) return [];
    if (key !== 'properties') return undescribed(value, path);
    return Object.entries(value as Record<string, Record<string, Json>>).flatMap(([name, property]) => {
      const here = [...path, name];
      const isCommon = path.length === 0 && ['apiVersion', 'kind', 'metadata'].includes(name);
      return [
        ...(isCommon || property.description !== undefined ? [] : [here.join('.')]),
        ...undescribed(property, here),
      ];
    });
  });
}

/** Paths of fields of the manifest whose stored value differs. */
function differences(manifest: Json, live: Json | undefined, path: string): readonly string[] {
  const isMap = typeof manifest === 'object' && manifest !== null && !Array.isArray(manifest);
  if (!isMap) return isDeepStrictEqual(manifest, live) ? [] : [path];
  const stored = typeof live === 'object' && live !== null ? (live as Record<string, Json>) : {};
  return Object.entries(manifest).flatMap(([key, value]) =>
    differences(value, stored[key], `${path}.${key}`),
  );
}

type Spec = Record<string, unknown>;

const sender = (spec: Spec = {}): object => ({
  apiVersion: 'packetboat.dev/v1alpha1',
  kind: 'Sender',
  metadata: { name: 'billing', namespace: 'default' },
  spec: {
    domain: 'mail.shop.example',
    from: { address: 'billing@mail.shop.example' },
    routes: [{ name: 'relay', smtp: { host: 'relay.example.net' } }],
    ...spec,
  },
});
const route = (smtp: Spec): Spec => ({
  routes: [{ name: 'relay', smtp: { host: 'relay.example.net', ...smtp } }],
});
const template = (spec: Spec = {}): object => ({
  apiVersion: 'packetboat.dev/v1alpha1',
  kind: 'Template',
  metadata: { name: 'invoice', namespace: 'default' },
  spec: { defaultLocale: 'en', locales: [{ locale: 'en', subject: 'Invoice', text: 'Yours' }], ...spec },
});
const content = (more: Spec): Spec => ({ locales: [{ locale: 'en', subject: 'Invoice', ...more }] });
const login = { credentialsSecretRef: { name: 'login' } };
const key = { selector: 'a', privateKeySecretRef: { name: 'dkim', key: 'a.pem' } };
const configMapKey = { configMapKeyRef: { name: 'texts', key: 'body.html' } };

/** The API server and the parser accept these. */
const good: readonly [string, object][] = [
  ['the least that a Sender says', sender()],
  ['From below the domain', sender({ from: { address: 'a@deep.mail.shop.example', name: 'Shop' } })],
  ['From in capitals', sender({ from: { address: 'a@Mail.Shop.EXAMPLE' } })],
  ['a return path below the domain', sender({ returnPathDomain: 'bounce.mail.shop.example' })],
  ['credentials over StartTLS', sender(route(login))],
  ['credentials over Implicit', sender(route({ ...login, tls: 'Implicit', port: 465 }))],
  ['no TLS without credentials', sender(route({ tls: 'None' }))],
  ['keys of policy Provided', sender({ dkim: { policy: 'Provided', keys: [key] } })],
  ['no keys of policy Disabled', sender({ dkim: { policy: 'Disabled' } })],
  ['a team', sender({ team: ['ana@shop.example', '*@qa.shop.example'] })],
  ['the least that a Template says', template()],
  ['an html from a ConfigMap', template(content({ htmlFrom: configMapKey }))],
  ['an identifier with capitals and _', template({ identifier: 'Order_Shipped' })],
  [
    'any data',
    template({
      sampleData: { a: [1, { b: null }] },
      variables: { type: 'object', properties: { a: { type: 'array' } } },
    }),
  ],
  ['headers', template({ headers: [{ name: 'List-Id', value: '<orders.shop.example>' }] })],
  ['schemes of links', template({ allowedSchemes: ['sms', 'WebCal', 'com.shop-app+x'] })],
  ['an address of IPv6 as the host', sender(route({ host: '2001:db8::1' }))],
  ['an address of IPv4 as the host', sender(route({ host: '192.0.2.1' }))],
  ['an international domain', sender({ domain: 'bücher.example', from: { address: 'a@bücher.example' } })],
  ['a Reply-To with a name', sender({ replyTo: ['Help <help@shop.example>', 'help@shop.example'] })],
  [
    'a default locale in another spelling',
    template({ ...content({ locale: 'de-AT', text: 'Ihre' }), defaultLocale: 'de_at' }),
  ],
  ['a layout without a subject', template({ locales: [{ locale: 'en', html: '<b>{{{ content }}}</b>' }] })],
  [
    'a draft without live content',
    template({ locales: [], draft: { locales: [{ locale: 'en', subject: 'New', text: 'New' }] } }),
  ],
  [
    'a test without live content, and a draft of another locale',
    template({
      locales: [],
      testing: { locales: [{ locale: 'en', subject: 'New', text: 'New' }] },
      draft: { locales: [{ locale: 'de', subject: 'Neu', text: 'Neu' }] },
    }),
  ],
  ['a draft that overlays a subject', template({ draft: { locales: [{ locale: 'en', subject: 'New' }] } })],
];

/** The API server and the parser refuse these at the same field. */
const bad: readonly [string, object, string][] = [
  ['From outside the domain', sender({ from: { address: 'billing@shop.example' } }), 'spec.from.address'],
  [
    'From of a domain that only ends alike',
    sender({ from: { address: 'billing@notmail.shop.example' } }),
    'spec.from.address',
  ],
  ['From with two @', sender({ from: { address: 'a@b.example@mail.shop.example' } }), 'spec.from.address'],
  ['a return path outside the domain', sender({ returnPathDomain: 'shop.example' }), 'spec.returnPathDomain'],
  ['a domain of one label', sender({ domain: 'localhost', from: { address: 'a@localhost' } }), 'spec.domain'],
  [
    'credentials over Opportunistic',
    sender(route({ ...login, tls: 'Opportunistic' })),
    'spec.routes[0].smtp.tls',
  ],
  ['credentials over None', sender(route({ ...login, tls: 'None' })), 'spec.routes[0].smtp.tls'],
  ['no route', sender({ routes: [] }), 'spec.routes'],
  ['policy Provided without keys', sender({ dkim: { policy: 'Provided' } }), 'spec.dkim.keys'],
  ['keys of policy Managed', sender({ dkim: { keys: [key] } }), 'spec.dkim.keys'],
  [
    'a selector with capitals',
    sender({ dkim: { policy: 'Provided', keys: [{ ...key, selector: 'A' }] } }),
    'spec.dkim.keys[0].selector',
  ],
  ['a team member that is no address', sender({ team: ['qa'] }), 'spec.team[0]'],
  [
    'html beside htmlFrom',
    template(content({ html: '<p>', htmlFrom: configMapKey })),
    'spec.locales[0].htmlFrom',
  ],
  ['an identifier with @', template({ identifier: 'invoice@3' }), 'spec.identifier'],
  ...['javascript', 'VBScript', 'file', 'DATA'].map((scheme): [string, object, string] => [
    `the scheme ${scheme}`,
    template({ allowedSchemes: ['sms', scheme] }),
    'spec.allowedSchemes[1]',
  ]),
  ...['', '1a', 'a b', 'a:', 'ä', 'x'.repeat(65)].map((scheme): [string, object, string] => [
    `the scheme ${JSON.stringify(scheme)}`,
    template({ allowedSchemes: [scheme] }),
    'spec.allowedSchemes[0]',
  ]),
  ['a header without a value', template({ headers: [{ name: 'X-A' }] }), 'spec.headers[0].value'],
  [
    'too many schemes',
    template({ allowedSchemes: Array.from({ length: 21 }, (_, at) => `app${at}`) }),
    'spec.allowedSchemes',
  ],
  ['a port inside the host', sender(route({ host: 'relay.example.net:587' })), 'spec.routes[0].smtp.host'],
  ['a port inside an address of IPv4', sender(route({ host: '192.0.2.1:25' })), 'spec.routes[0].smtp.host'],
  ['an address of IPv6 in brackets', sender(route({ host: '[2001:db8::1]:25' })), 'spec.routes[0].smtp.host'],
  [
    'an underscore in the domain',
    sender({ domain: 'my_shop.example', from: { address: 'a@my_shop.example' } }),
    'spec.domain',
  ],
  [
    'an IP address as the domain',
    sender({ domain: '192.0.2.1', from: { address: 'a@192.0.2.1' } }),
    'spec.domain',
  ],
  [
    'an underscore in the return path',
    sender({ returnPathDomain: 'my_bounce.mail.shop.example' }),
    'spec.returnPathDomain',
  ],
  ['an empty Reply-To', sender({ replyTo: [''] }), 'spec.replyTo[0]'],
  ['a Reply-To without an address', sender({ replyTo: ['Help'] }), 'spec.replyTo[0]'],
  ['no locales', template({ locales: [] }), 'spec.locales'],
  ['a locale without a subject', template({ locales: [{ locale: 'en', text: 'Yours' }] }), 'spec.locales'],
  ['an empty subject', template(content({ subject: '', text: 'Yours' })), 'spec.locales'],
  ['a locale without a body', template({ locales: [{ locale: 'en', subject: 'Hi' }] }), 'spec.locales[0]'],
  ['an empty body', template(content({ text: '', html: '' })), 'spec.locales[0]'],
  ['a default locale that is no locale', template({ defaultLocale: 'de' }), 'spec.defaultLocale'],
  [
    'a default locale that only the draft has',
    template({ defaultLocale: 'de', draft: { locales: [{ locale: 'de', subject: 'Neu', text: 'Neu' }] } }),
    'spec.defaultLocale',
  ],
  ['a locale that is no language', template(content({ locale: '?' })), 'spec.locales[0].locale'],
];

// The compilers check these, not the parser.
const compiled =
  /^(From of|From outside|a return path|no locales|a locale without|an empty (subject|body)|a default locale)/;

test.each(
  bad.filter(([title, object]) => compiled.test(title) && 'kind' in object && object.kind === 'Template'),
)('the compiler refuses %s', (_, object) => {
  const read = readObject(object);
  if (isFaults(read) || read.kind !== 'Template') return expect.fail('the parser refused it');
  const references = { configMap: () => null, hasSender: () => true, template: () => null };
  expect(compileTemplate(read, references).faults).toContainEqual(
    expect.objectContaining({ reason: 'InvalidSpec' }),
  );
});

test.each(kinds)('no entry of a list of $kind has a default', (kind) => {
  const spec = definitionOf(kind) as { spec: { versions: [{ schema: Json }] } };
  expect(defaultsInItems(spec.spec.versions[0].schema, false)).toEqual([]);
});

function defaultsInItems(schema: Json, isInItem: boolean): readonly Json[] {
  if (typeof schema !== 'object' || schema === null) return [];
  if (Array.isArray(schema)) return schema.flatMap((entry: Json) => defaultsInItems(entry, isInItem));
  return Object.entries(schema as Record<string, Json>).flatMap(([key, value]) =>
    key === 'default' ? (isInItem ? [value] : []) : defaultsInItems(value, isInItem || key === 'items'),
  );
}

test.each(good)('the parser accepts %s', (_, object) => {
  expect(readObject(object)).not.toSatisfy(isFaults);
});

test.each(bad.filter(([title]) => !compiled.test(title)))('the parser refuses %s', (_, object, path) => {
  const faults = readObject(object);
  if (!isFaults(faults)) return expect.fail('it was taken');
  expect(faults.map((fault) => showPath(fault.path))).toContain(path);
});

describeWith(['kubernetes', 'kubectl'], 'on an API server', () => {
  let kubeconfig = '';

  beforeAll(async () => {
    kubeconfig = (await borrow('kubernetes')).url;
    await kubectlOk(kubeconfig, ['apply', '-f', folder]);
    await kubectlOk(kubeconfig, ['wait', '--for=condition=Established', '--timeout=30s', '-f', folder]);
  });

  const apply = (object: object) =>
    kubectl(kubeconfig, ['create', '--dry-run=server', '-o', 'json', '-f', '-'], JSON.stringify(object));

  test('kubectl installs the definitions, also by server-side apply, and a second apply changes nothing', async () => {
    expect(await kubectlOk(kubeconfig, ['apply', '-f', folder])).toMatch(
      /senders\S* unchanged\n.*templates\S* unchanged/,
    );
    expect(
      await kubectlOk(kubeconfig, ['apply', '--server-side', '--force-conflicts', '-f', folder]),
    ).toContain('serverside-applied');
  });

  test.each(good)('accepts %s', async (_, object) => {
    const { code, stderr } = await apply(object);
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
  });

  test.each(bad)('refuses %s', async (_, object, path) => {
    const { code, stderr } = await apply(object);
    expect(code).toBe(1);
    expect(stderr).toContain(`${path}: `);
  });

  test('refuses an unknown field and names it', async () => {
    expect((await apply(sender({ tracking: { opens: true } }))).stderr).toContain(
      'unknown field "spec.tracking"',
    );
  });

  test('fills in the defaults of the parser, except in lists, and the status before the first visit', async () => {
    for (const object of [sender(), sender(route(login)), template()]) {
      const { stdout } = await apply(object);
      const stored = JSON.parse(stdout) as { readonly spec: object; readonly status: object };
      const specOf = (read: ReturnType<typeof readObject>): object | null =>
        'spec' in read ? (read.spec as object) : null;
      expect(specOf(readObject({ ...object, spec: stored.spec }))).toEqual(specOf(readObject(object)));
      const lists = (spec: object | null) =>
        Object.entries(spec ?? {}).filter(([, value]) => Array.isArray(value) && value.length > 0);
      const rest = (spec: object | null) => {
        const names = new Set(lists(spec).map(([name]) => name));
        return Object.fromEntries(Object.entries(spec ?? {}).filter(([name]) => !names.has(name)));
      };
      expect(rest(stored.spec)).toEqual(rest(specOf(readObject(object))));
      expect(lists(stored.spec)).toEqual(lists((object as { readonly spec: object }).spec));
      expect(stored.status).toEqual({ observedGeneration: -1 });
    }
  });

  // as Argo CD's client-side diff does for custom resources: maps are merged, lists are compared whole
  test.each(good)('a client-side diff of %s is empty after its apply', async (_, object) => {
    const live = JSON.parse((await apply(object)).stdout) as Json;
    expect(differences(object as Json, live, '')).toEqual([]);
  });

  test('a domain cannot be changed', async () => {
    const named = { ...sender(), metadata: { name: 'moving', namespace: 'default' } };
    await kubectlOk(kubeconfig, ['apply', '-f', '-'], JSON.stringify(named));
    const moved = { domain: 'other.example', from: { address: 'a@other.example' } };
    const { stderr } = await kubectl(kubeconfig, [
      'patch',
      'sender',
      'moving',
      '--type=merge',
      '-p',
      JSON.stringify({ spec: moved }),
    ]);
    expect(stderr).toContain('spec.domain: Invalid value: "other.example": cannot be changed');
    expect(
      await kubectlOk(kubeconfig, [
        'get',
        'snd',
        '--field-selector',
        'spec.domain=mail.shop.example',
        '-o',
        'name',
      ]),
    ).toContain('moving');
    await kubectlOk(kubeconfig, ['delete', 'sender', 'moving']);
  });
});
