// The objects that people write: Sender and Template as OPERATOR describes them, and the Secrets and ConfigMaps that they refer to. Strict, because
// a misspelt field that is silently ignored is mail sent wrong: any field that is not here is refused with its path. Fields that the
// design has and that do not work yet (tracking, direct routes) are not here either. This is the one description: the
// CustomResourceDefinitions are made from it (operator/api), so each field says what it means, and what JSON Schema cannot say of it stands
// beside as a rule in CEL.

import { z } from 'zod';
import { isRefusal, parseAddress, parseDomain, parseMailbox } from './address.ts';
import type { ObjectFault } from './fault.ts';
import { limits } from './limits.ts';
import { readStrictly } from './schema-faults.ts';
import { canonical } from './template/locale.ts';

export const apiVersion = 'packetboat.dev/v1alpha1';
export const defaultTenant = 'default';

const secondsMax = (milliseconds: number): number => Math.floor(milliseconds / 1_000);

/** A rule of `x-kubernetes-validations`. */
interface Rule {
  readonly rule: string;
  readonly message: string;
  readonly fieldPath?: string;
}
const rules = (...list: readonly Rule[]) => ({ 'x-kubernetes-validations': list });
/** A list whose entries are told apart by one of their fields. */
const keyedBy = (key: string) => ({ 'x-kubernetes-list-type': 'map', 'x-kubernetes-list-map-keys': [key] });

/** A Kubernetes object name, at most 253 octets. */
const name = z
  .string()
  .max(253)
  .regex(/^[a-z0-9](?:[a-z0-9.-]*[a-z0-9])?$/, 'must be lower-case letters, digits, hyphens and dots');
/** The tenant: a DNS label, since it becomes part of queue subjects. */
const namespace = z
  .string()
  .max(63)
  .regex(/^[a-z0-9](?:[a-z0-9-]*[a-z0-9])?$/, 'must be lower-case letters, digits and hyphens');
// Labels, annotations and what the API server adds are none of our business.
const metadata = z.looseObject({ name, namespace: namespace.optional() });
const status = z.unknown().optional();
const reference = (what: string) => z.strictObject({ name: name.meta({ description: `Name of the ${what}, in the same namespace.` }) });
const keyReference = (what: string) =>
  z.strictObject({
    name: name.meta({ description: `Name of the ${what}, in the same namespace.` }),
    key: z
      .string()
      .min(1)
      .max(253)
      .meta({ description: `Which of the entries of the ${what}.` }),
  });

// What the parsers know cannot be told in JSON Schema. The patterns, for the API server alone, keep out what would mislead its rules.
const address = z
  .string()
  .refine((text) => !isRefusal(parseAddress(text)), 'must be an email address')
  .meta({ pattern: '^[^@\\s]+@[^@\\s]+$', maxLength: 254 });
const mailbox = z
  .string()
  .refine((text) => !isRefusal(parseMailbox(text)), 'must be an email address, or a name and an address in < >')
  .meta({ maxLength: limits.displayNameCharsMax + 260 });
const domain = z
  .string()
  .refine((text) => typeof parseDomain(text) === 'string', 'must be a domain name')
  .meta({ pattern: '^[^@\\s.]+(\\.[^@\\s.]+)+$', maxLength: limits.domainOctetsMax });
const teamMember = z
  .string()
  .refine((text) => {
    const parsed = text.startsWith('*@') ? parseDomain(text.slice(2)) : parseAddress(text);
    return typeof parsed === 'string';
  }, 'must be an email address, or *@ and a domain')
  .meta({ pattern: '^[^@\\s]+@[^@\\s]+$', maxLength: 254 });
/** A name or an IP address; where it may lead is judged at each dial. */
const host = z
  .string()
  .min(1)
  .max(limits.domainOctetsMax)
  .regex(/^[A-Za-z0-9.:_-]+$/, 'must be a host name or an IP address');
const locale = z
  .string()
  .max(35)
  .refine((tag) => canonical(tag.replaceAll('_', '-')) !== null, 'must be a language tag such as de or de-AT')
  .meta({ pattern: '^[A-Za-z]{2,8}([_-][A-Za-z0-9]{1,8})*$' });

const smtp = z
  .strictObject({
    host: host.meta({
      description: 'Name or IP address of the relay. Addresses that are not public are dialled only where the installation allows them.',
    }),
    port: z.int().min(1).max(65_535).default(587).meta({ description: 'TCP port.' }),
    tls: z.enum(['StartTLS', 'Implicit', 'Opportunistic', 'None']).default('StartTLS').meta({
      description:
        'StartTLS and Implicit verify the certificate of the relay and send nothing without it. Opportunistic encrypts where it is offered, unverified. None never encrypts.',
    }),
    credentialsSecretRef: reference('Secret')
      .optional()
      .meta({ description: 'Secret with the keys username and password. Sent over verified TLS only: with StartTLS or Implicit.' }),
    caSecretRef: keyReference('Secret')
      .optional()
      .meta({ description: "Certificate of the authority, in PEM, to trust for this relay instead of the system's." }),
  })
  .refine((route) => !route.credentialsSecretRef || route.tls === 'StartTLS' || route.tls === 'Implicit', {
    path: ['tls'],
    message: 'must be StartTLS or Implicit where there are credentials',
  })
  .meta(
    rules({
      rule: "!has(self.credentialsSecretRef) || self.tls in ['StartTLS', 'Implicit']",
      message: 'must be StartTLS or Implicit where there are credentials',
      fieldPath: '.tls',
    }),
  );

const dkim = z
  .strictObject({
    policy: z.enum(['Managed', 'Provided', 'Disabled']).default('Managed').meta({
      description:
        'Managed: the operator makes the keys, signs with them once their DNS records are seen, and replaces them from time to time; a folder has nobody to do so, and its mail is not signed. Provided: the keys below sign. Disabled: nothing signs.',
    }),
    algorithms: z
      .array(z.enum(['RSA2048', 'Ed25519']))
      .min(1)
      .max(2)
      .default(['RSA2048'])
      .meta({
        description:
          'Of managed keys: one key of each signs. Not every receiver reads Ed25519 yet, so it stands beside RSA2048, not in its place.',
        'x-kubernetes-list-type': 'set',
      }),
    rotationPeriodDays: z
      .int()
      .min(0)
      .max(3_650)
      .default(180)
      .meta({ description: 'Days after which a managed key gets a successor. 0: never.' }),
    keys: z
      .array(
        z.strictObject({
          selector: z
            .string()
            .max(63)
            .regex(/^[a-z0-9](?:[a-z0-9-]*[a-z0-9])?$/, 'must be lower-case letters, digits and hyphens')
            .meta({ description: 'Names the DNS record of the public key: <selector>._domainkey.<domain>.' }),
          privateKeySecretRef: keyReference('Secret').meta({
            description: 'The private key in PEM: RSA of 2048 to 4096 bits, or Ed25519.',
          }),
        }),
      )
      .max(8)
      .default([])
      .meta({ description: 'The keys of policy Provided. The first of each algorithm signs.', ...keyedBy('selector') }),
  })
  .refine(({ policy, keys }) => (policy === 'Provided') === keys.length > 0, {
    path: ['keys'],
    message: 'must be there with policy Provided, and only then',
  })
  .meta(
    rules({
      rule: "(self.policy == 'Provided') == (size(self.keys) > 0)",
      message: 'must be there with policy Provided, and only then',
      fieldPath: '.keys',
    }),
  );

const senderSpec = z
  .strictObject({
    suspend: z
      .boolean()
      .default(false)
      .meta({ description: 'True: nothing leaves. Mail is still accepted, and held until this is false again.' }),
    domain: domain.meta({
      description:
        'What this sender sends for; From and the return path lie in it. Belongs to one Sender only, the oldest, and cannot be changed.',
      ...rules({ rule: 'self == oldSelf', message: 'cannot be changed: make another Sender for another domain' }),
    }),
    from: z
      .strictObject({
        address: address.meta({ description: 'Email address, in the domain or below it.' }),
        name: z.string().max(limits.displayNameCharsMax).optional().meta({ description: 'Name that is shown beside the address.' }),
      })
      .meta({ description: 'From of the mail, unless the request or the template says another.' }),
    replyTo: z
      .array(mailbox)
      .max(limits.recipientsMax)
      .default([])
      .meta({ description: 'Reply-To of the mail: addresses, or names with addresses in < >.' }),
    returnPathDomain: domain.optional().meta({
      description: 'Domain of the envelope sender, in the domain or below it; where bounces go. By default the domain itself.',
    }),
    team: z.array(teamMember).max(1_000).default([]).meta({ description: 'Who may receive drafts: addresses, or *@ and a domain.' }),
    routes: z
      .array(
        z.strictObject({
          name: name.meta({ description: 'Names the route in events and metrics.' }),
          smtp: smtp.meta({ description: 'An SMTP relay.' }),
        }),
      )
      .min(1)
      .max(20)
      .meta({ description: 'Ways out, tried in this order: the next one while one is paused.', ...keyedBy('name') }),
    dkim: dkim.prefault({}).meta({ description: 'Signing by DKIM.' }),
    limits: z
      .strictObject({
        messagesPerSecond: z
          .number()
          .min(0)
          .default(50)
          .meta({ description: 'Mails a second, to start with at most as many at once. 0: no limit.' }),
        messagesPerDay: z.int().min(0).default(0).meta({ description: 'Mails in 24 hours. 0: no limit.' }),
        maxRecipients: z
          .int()
          .min(0)
          .max(limits.recipientsMax)
          .default(limits.recipientsMax)
          .meta({ description: `Recipients of one message. 0: that of the platform, ${limits.recipientsMax}.` }),
        maxMessageBytes: z
          .int()
          .min(0)
          .max(limits.bodyBytesMax)
          .default(limits.bodyBytesMax)
          .meta({ description: `Bytes of one message as it is handed over. 0: that of the platform, ${limits.bodyBytesMax}.` }),
      })
      .prefault({})
      .meta({ description: 'What this sender keeps to.' }),
    retry: z
      .strictObject({
        delaysSeconds: z
          .array(z.number().min(1).max(secondsMax(limits.retryDelayMaxMs)))
          .max(limits.retryDelaysMax)
          .default(limits.retryDelaysMs.map((ms) => ms / 1_000))
          .meta({ description: 'Seconds from the end of an attempt to the next one, in order; after the last one the delivery bounces.' }),
        maxAgeSeconds: z
          .number()
          .min(60)
          .max(secondsMax(limits.maxAgeMaxMs))
          .default(secondsMax(limits.maxAgeMs))
          .meta({ description: 'Seconds after which a delivery that could not be made bounces, whatever attempts are left.' }),
      })
      .prefault({})
      .meta({ description: 'When what could not be delivered is tried again.' }),
    copies: z.enum(['AtLeastOnce', 'AtMostOnce']).default('AtLeastOnce').meta({
      description:
        'What is done when nobody can know whether an attempt delivered. AtLeastOnce: try again, at the risk of a second copy. AtMostOnce: never again, and the delivery ends as unknown.',
    }),
    verification: z
      .strictObject({
        policy: z.enum(['Enforce', 'Warn', 'Disabled']).default('Enforce').meta({
          description:
            'Enforce: mail is accepted, and held until the required DNS records are there. Warn: only the conditions tell. Disabled: DNS is not asked. A folder does not ask it.',
        }),
        periodSeconds: z
          .int()
          .min(60)
          .max(604_800)
          .default(21_600)
          .meta({ description: 'Seconds from one look at the DNS records to the next.' }),
      })
      .prefault({})
      .meta({ description: 'Checking of the DNS records that the domain needs.' }),
  })
  .meta(
    rules(
      {
        rule: "self.from.address.lowerAscii().endsWith('@' + self.domain.lowerAscii()) || self.from.address.lowerAscii().endsWith('.' + self.domain.lowerAscii())",
        message: 'must lie in spec.domain',
        fieldPath: '.from.address',
      },
      {
        rule: "!has(self.returnPathDomain) || self.returnPathDomain.lowerAscii() == self.domain.lowerAscii() || self.returnPathDomain.lowerAscii().endsWith('.' + self.domain.lowerAscii())",
        message: 'must lie in spec.domain',
        fieldPath: '.returnPathDomain',
      },
    ),
  );

const senderObject = z.strictObject({ apiVersion: z.literal(apiVersion), kind: z.literal('Sender'), metadata, status, spec: senderSpec });

const localeContent = z
  .strictObject({
    locale: locale.meta({ description: 'Language tag such as de or de-AT.' }),
    subject: z.string().optional().meta({ description: 'Handlebars. Not HTML: nothing is escaped.' }),
    html: z.string().optional().meta({ description: 'Handlebars; values are escaped for HTML. Not beside htmlFrom.' }),
    htmlFrom: z
      .strictObject({ configMapKeyRef: keyReference('ConfigMap').meta({ description: 'An entry of a ConfigMap.' }) })
      .optional()
      .meta({ description: 'Where the html is, when it is not here.' }),
    text: z.string().optional().meta({ description: 'Handlebars. Not HTML: nothing is escaped.' }),
  })
  .refine((content) => content.html === undefined || content.htmlFrom === undefined, {
    path: ['htmlFrom'],
    message: 'cannot stand beside html',
  })
  .meta(rules({ rule: '!has(self.html) || !has(self.htmlFrom)', message: 'cannot stand beside html', fieldPath: '.htmlFrom' }));
const localesOf = (description: string) =>
  z
    .array(localeContent)
    .max(limits.templateLocalesMax)
    .meta({ description, ...keyedBy('locale') });
const overlayOf = (what: string, below: string) =>
  z
    .strictObject({ locales: localesOf(`What differs from ${below}, locale by locale and field by field.`) })
    .optional()
    .meta({ description: `The content of environment ${what}.` });
const anyObject = (description: string) => ({ description, 'x-kubernetes-preserve-unknown-fields': true });

const templateSpec = z.strictObject({
  // No @, which separates a pinned revision (`invoice@3`).
  identifier: z
    .string()
    .max(128)
    .regex(/^[A-Za-z0-9][A-Za-z0-9_.-]*$/, 'must be letters, digits, _ . and -')
    .optional()
    .meta({ description: 'What callers name it by. By default metadata.name; unique within a tenant.' }),
  senderRef: reference('Sender').optional().meta({ description: 'Who sends it, unless the request says another.' }),
  layoutRef: reference('Template')
    .optional()
    .meta({ description: 'Template around this one, which places it by {{{content}}}. At most three deep, and never itself.' }),
  defaultLocale: locale.meta({ description: 'One of the locales: what recipients of other languages get.' }),
  variables: z
    .record(z.string(), z.unknown())
    .optional()
    .meta(anyObject("JSON Schema of the caller's data, without patterns; writeOnly marks what is masked in lists and searches.")),
  sampleData: z
    .record(z.string(), z.unknown())
    .default({})
    .meta(anyObject('Data with which each locale is rendered before a revision counts as good.')),
  locales: localesOf('The live content.'),
  testing: overlayOf('testing', 'the live content'),
  draft: overlayOf('draft', 'the content of testing'),
});

const templateObject = z.strictObject({
  apiVersion: z.literal(apiVersion),
  kind: z.literal('Template'),
  metadata,
  status,
  spec: templateSpec,
});

/** What the CustomResourceDefinitions are made from. */
export const specs = { Sender: senderSpec, Template: templateSpec } as const;

const texts = z.record(z.string(), z.string());
const secretObject = z.looseObject({
  apiVersion: z.literal('v1'),
  kind: z.literal('Secret'),
  metadata,
  data: texts.default({}),
  stringData: texts.default({}),
});
const configMapObject = z.looseObject({ apiVersion: z.literal('v1'), kind: z.literal('ConfigMap'), metadata, data: texts.default({}) });

const kinds = { Sender: senderObject, Template: templateObject, Secret: secretObject, ConfigMap: configMapObject };

export type SenderObject = z.infer<typeof senderObject>;
export type TemplateObject = z.infer<typeof templateObject>;
export type LocaleObject = z.infer<typeof localeContent>;
export type SecretObject = z.infer<typeof secretObject>;
export type ConfigMapObject = z.infer<typeof configMapObject>;
export type CatalogObject = SenderObject | TemplateObject | SecretObject | ConfigMapObject;

/** Who an object is, as far as that can be told of something that may not be one. */
export interface Identity {
  readonly kind: string;
  readonly name: string;
  readonly namespace: string;
}

/** Reads one object, filling in defaults; or everything that is wrong with it, each with its path. */
export function readObject(value: unknown): CatalogObject | readonly ObjectFault[] {
  const { kind } = identify(value);
  const schema = Object.hasOwn(kinds, kind) ? kinds[kind as keyof typeof kinds] : undefined;
  if (!schema) return [{ reason: 'InvalidSpec', path: ['kind'], message: `must be one of ${Object.keys(kinds).join(', ')}` }];
  const read = readStrictly(schema, value);
  return 'faults' in read ? read.faults.map(({ path, message }) => ({ reason: 'InvalidSpec', path, message })) : read.data;
}

export function identify(value: unknown): Identity {
  const { kind, metadata: about } = record(value);
  const { name: named, namespace: tenant } = record(about);
  return { kind: text(kind), name: text(named), namespace: text(tenant) || defaultTenant };
}

function record(value: unknown): Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null ? (value as Readonly<Record<string, unknown>>) : {};
}

function text(value: unknown): string {
  return typeof value === 'string' ? value.slice(0, 253) : '';
}
