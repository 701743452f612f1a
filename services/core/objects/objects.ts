// The schema of the objects that people write: Sender and Template, and the Secrets and ConfigMaps
// that they refer to. It is strict, because a misspelt field that is silently ignored sends mail
// wrong: an unknown field is refused with its path, and so is a field that does not work yet
// (tracking, direct routes). The CustomResourceDefinitions are generated from this schema
// (operator/api), so each field has a description, and a CEL rule where JSON Schema falls short.

import { z } from 'zod';
import { isRefusal, parseAddress, parseDomain, parseMailbox } from '../address.ts';
import type { ObjectFault } from '../documents/fault.ts';
import { readStrictly } from '../documents/schema-faults.ts';
import { acceptLimits } from '../limits/accept.ts';
import { addressLimits } from '../limits/address.ts';
import { deliveryLimits } from '../limits/delivery.ts';
import { doorLimits } from '../limits/door.ts';
import { templateLimits } from '../limits/template.ts';
import { canonical } from '../template/locale.ts';
import { forbiddenSchemes, listed, schemePattern, standardSchemes } from '../template/schemes.ts';

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
/** A list whose entries are identified by one of their fields. */
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
// Labels, annotations and the fields that the API server adds pass unread.
const metadata = z.looseObject({ name, namespace: namespace.optional() });
const status = z.unknown().optional();
const reference = (what: string) =>
  z.strictObject({ name: name.meta({ description: `Name of the ${what}, in the same namespace.` }) });
const keyReference = (what: string) =>
  z.strictObject({
    name: name.meta({ description: `Name of the ${what}, in the same namespace.` }),
    key: z
      .string()
      .min(1)
      .max(253)
      .meta({ description: `Key in the ${what}.` }),
  });

// The parsers check more than JSON Schema can. The patterns are for the API server alone, and keep
// values out that would mislead its CEL rules.
const address = z
  .string()
  .refine((text) => !isRefusal(parseAddress(text)), 'must be an email address')
  .meta({ pattern: '^[^@\\s]+@[^@\\s]+$', maxLength: 254 });
const mailbox = z
  .string()
  .refine(
    (text) => !isRefusal(parseMailbox(text)),
    'must be an email address, or a name and an address in < >',
  )
  .meta({ maxLength: addressLimits.displayNameCharsMax + 260 });
const domain = z
  .string()
  .refine((text) => typeof parseDomain(text) === 'string', 'must be a domain name')
  .meta({ pattern: '^[^@\\s.]+(\\.[^@\\s.]+)+$', maxLength: addressLimits.domainOctetsMax });
const teamMember = z
  .string()
  .refine((text) => {
    const parsed = text.startsWith('*@') ? parseDomain(text.slice(2)) : parseAddress(text);
    return typeof parsed === 'string';
  }, 'must be an email address, or *@ and a domain')
  .meta({ pattern: '^[^@\\s]+@[^@\\s]+$', maxLength: 254 });
/** A name or an IP address. Each dial checks whether the address is allowed. */
const host = z
  .string()
  .min(1)
  .max(addressLimits.domainOctetsMax)
  .regex(/^[A-Za-z0-9.:_-]+$/, 'must be a host name or an IP address');
const locale = z
  .string()
  .max(35)
  .refine((tag) => canonical(tag.replaceAll('_', '-')) !== null, 'must be a language tag such as de or de-AT')
  .meta({ pattern: '^[A-Za-z]{2,8}([_-][A-Za-z0-9]{1,8})*$' });

const smtp = z
  .strictObject({
    host: host.meta({
      description:
        'Name or IP address of the relay. Packetboat connects to an address that is not public only where the installation allows it.',
    }),
    port: z.int().min(1).max(65_535).default(587).meta({ description: 'TCP port.' }),
    tls: z.enum(['StartTLS', 'Implicit', 'Opportunistic', 'None']).default('StartTLS').meta({
      description:
        'StartTLS and Implicit verify the certificate of the relay, and send nothing when that fails. Opportunistic encrypts without verification when the relay offers TLS. None never encrypts.',
    }),
    credentialsSecretRef: reference('Secret').optional().meta({
      description:
        'Secret with the keys username and password. They are sent over verified TLS only: StartTLS or Implicit.',
    }),
    caSecretRef: keyReference('Secret')
      .optional()
      .meta({ description: "CA certificate in PEM that replaces the system's authorities for this relay." }),
  })
  .refine((route) => !route.credentialsSecretRef || route.tls === 'StartTLS' || route.tls === 'Implicit', {
    path: ['tls'],
    message: 'must be StartTLS or Implicit when credentialsSecretRef is set',
  })
  .meta(
    rules({
      rule: "!has(self.credentialsSecretRef) || self.tls in ['StartTLS', 'Implicit']",
      message: 'must be StartTLS or Implicit when credentialsSecretRef is set',
      fieldPath: '.tls',
    }),
  );

const dkim = z
  .strictObject({
    policy: z.enum(['Managed', 'Provided', 'Disabled']).default('Managed').meta({
      description:
        'Managed: the operator generates the keys, signs with them once DNS has their records, and rotates them. Without an operator, mail of a folder is not signed. Provided: the keys below sign. Disabled: mail is not signed.',
    }),
    algorithms: z
      .array(z.enum(['RSA2048', 'Ed25519']))
      .min(1)
      .max(2)
      .default(['RSA2048'])
      .meta({
        description:
          'Algorithms of managed keys; one key of each signs. Not every receiver verifies Ed25519 yet, so use it together with RSA2048.',
        'x-kubernetes-list-type': 'set',
      }),
    rotationPeriodDays: z
      .int()
      .min(0)
      .max(3_650)
      .default(180)
      .meta({ description: 'Days after which a managed key is rotated. 0: never.' }),
    keys: z
      .array(
        z.strictObject({
          selector: z
            .string()
            .max(63)
            .regex(/^[a-z0-9](?:[a-z0-9-]*[a-z0-9])?$/, 'must be lower-case letters, digits and hyphens')
            .meta({
              description: 'Selector: the DNS record of the public key is <selector>._domainkey.<domain>.',
            }),
          privateKeySecretRef: keyReference('Secret').meta({
            description: 'The private key in PEM: RSA of 2048 to 4096 bits, or Ed25519.',
          }),
        }),
      )
      .max(8)
      .default([])
      .meta({
        description: 'Keys of policy Provided. The first key of each algorithm signs.',
        ...keyedBy('selector'),
      }),
  })
  .refine(({ policy, keys }) => (policy === 'Provided') === keys.length > 0, {
    path: ['keys'],
    message: 'must be set with policy Provided, and with no other policy',
  })
  .meta(
    rules({
      rule: "(self.policy == 'Provided') == (size(self.keys) > 0)",
      message: 'must be set with policy Provided, and with no other policy',
      fieldPath: '.keys',
    }),
  );

const senderSpec = z
  .strictObject({
    suspend: z
      .boolean()
      .default(false)
      .meta({ description: 'True: no mail is sent. Mail is accepted and held until this is false.' }),
    domain: domain.meta({
      description:
        'Domain of the sender: From and the return path must be in it. Only one Sender, the oldest, may have a domain. Cannot be changed.',
      ...rules({
        rule: 'self == oldSelf',
        message: 'cannot be changed: create another Sender for another domain',
      }),
    }),
    from: z
      .strictObject({
        address: address.meta({ description: 'Email address in the domain or a subdomain.' }),
        name: z
          .string()
          .max(addressLimits.displayNameCharsMax)
          .optional()
          .meta({ description: 'Display name.' }),
      })
      .meta({ description: 'From of the mail, unless the request names another.' }),
    replyTo: z
      .array(mailbox)
      .max(acceptLimits.recipientsMax)
      .default([])
      .meta({ description: 'Reply-To of the mail: addresses, or names with addresses in < >.' }),
    returnPathDomain: domain.optional().meta({
      description:
        'Domain of the envelope sender, which receives bounces: the domain or a subdomain. Default: the domain.',
    }),
    team: z
      .array(teamMember)
      .max(1_000)
      .default([])
      .meta({ description: 'Recipients who may receive drafts: addresses, or *@ and a domain.' }),
    routes: z
      .array(
        z.strictObject({
          name: name.meta({ description: 'Name of the route in events and metrics.' }),
          smtp: smtp.meta({ description: 'An SMTP relay.' }),
        }),
      )
      .min(1)
      .max(20)
      .meta({
        description: 'Relays in order of preference: the next route is used while one is paused.',
        ...keyedBy('name'),
      }),
    dkim: dkim.prefault({}).meta({ description: 'DKIM signatures.' }),
    limits: z
      .strictObject({
        messagesPerSecond: z
          .number()
          .min(0)
          .default(50)
          .meta({ description: 'Mails per second, and the size of a burst. 0: no limit.' }),
        messagesPerDay: z.int().min(0).default(0).meta({ description: 'Mails per 24 hours. 0: no limit.' }),
        maxRecipients: z
          .int()
          .min(0)
          .max(acceptLimits.recipientsMax)
          .default(acceptLimits.recipientsMax)
          .meta({
            description: `Recipients per message. 0: the limit of the platform, ${acceptLimits.recipientsMax}.`,
          }),
        maxMessageBytes: z
          .int()
          .min(0)
          .max(doorLimits.bodyBytesMax)
          .default(doorLimits.bodyBytesMax)
          .meta({
            description: `Bytes per message, as submitted. 0: the limit of the platform, ${doorLimits.bodyBytesMax}.`,
          }),
      })
      .prefault({})
      .meta({ description: 'Limits of this sender.' }),
    retry: z
      .strictObject({
        delaysSeconds: z
          .array(z.number().min(1).max(secondsMax(deliveryLimits.retryDelayMaxMs)))
          .max(deliveryLimits.retryDelaysMax)
          .default(deliveryLimits.retryDelaysMs.map((ms) => ms / 1_000))
          .meta({
            description:
              'Seconds between attempts, in order. A delivery bounces when the attempt after the last delay fails.',
          }),
        maxAgeSeconds: z
          .number()
          .min(60)
          .max(secondsMax(deliveryLimits.maxAgeMaxMs))
          .default(secondsMax(deliveryLimits.maxAgeMs))
          .meta({
            description: 'Seconds after which an undelivered delivery bounces, even if attempts are left.',
          }),
      })
      .prefault({})
      .meta({ description: 'Retries after temporary failures.' }),
    copies: z.enum(['AtLeastOnce', 'AtMostOnce']).default('AtLeastOnce').meta({
      description:
        'Policy for an attempt whose outcome cannot be known. AtLeastOnce: try again, at the risk of a second copy. AtMostOnce: do not try again; the delivery ends as unknown.',
    }),
    verification: z
      .strictObject({
        policy: z.enum(['Enforce', 'Warn', 'Disabled']).default('Enforce').meta({
          description:
            'Enforce: mail is accepted and held until DNS has the required records. Warn: the conditions report missing records, and mail is sent. Disabled: DNS is not checked. Only the operator checks DNS.',
        }),
        periodSeconds: z
          .int()
          .min(60)
          .max(604_800)
          .default(21_600)
          .meta({ description: 'Seconds between checks of the DNS records.' }),
      })
      .prefault({})
      .meta({ description: 'Checks of the DNS records that the domain needs.' }),
  })
  .meta(
    rules(
      {
        rule: "self.from.address.lowerAscii().endsWith('@' + self.domain.lowerAscii()) || self.from.address.lowerAscii().endsWith('.' + self.domain.lowerAscii())",
        message: 'must be in spec.domain',
        fieldPath: '.from.address',
      },
      {
        rule: "!has(self.returnPathDomain) || self.returnPathDomain.lowerAscii() == self.domain.lowerAscii() || self.returnPathDomain.lowerAscii().endsWith('.' + self.domain.lowerAscii())",
        message: 'must be in spec.domain',
        fieldPath: '.returnPathDomain',
      },
    ),
  );

const senderObject = z.strictObject({
  apiVersion: z.literal(apiVersion),
  kind: z.literal('Sender'),
  metadata,
  status,
  spec: senderSpec,
});

const localeContent = z
  .strictObject({
    locale: locale.meta({ description: 'Language tag such as de or de-AT.' }),
    subject: z
      .string()
      .optional()
      .meta({ description: 'Handlebars, as plain text: values are not escaped.' }),
    html: z
      .string()
      .optional()
      .meta({ description: 'Handlebars; values are escaped for HTML. Not together with htmlFrom.' }),
    htmlFrom: z
      .strictObject({
        configMapKeyRef: keyReference('ConfigMap').meta({ description: 'A key of a ConfigMap.' }),
      })
      .optional()
      .meta({ description: 'Reads the html from a ConfigMap.' }),
    text: z.string().optional().meta({ description: 'Handlebars, as plain text: values are not escaped.' }),
  })
  .refine((content) => content.html === undefined || content.htmlFrom === undefined, {
    path: ['htmlFrom'],
    message: 'must not be set together with html',
  })
  .meta(
    rules({
      rule: '!has(self.html) || !has(self.htmlFrom)',
      message: 'must not be set together with html',
      fieldPath: '.htmlFrom',
    }),
  );
const localesOf = (description: string) =>
  z
    .array(localeContent)
    .max(templateLimits.templateLocalesMax)
    .meta({ description, ...keyedBy('locale') });
const overlayOf = (what: string, below: string) =>
  z
    .strictObject({ locales: localesOf(`Differences from ${below}, per locale and field.`) })
    .optional()
    .meta({ description: `Content of the environment ${what}.` });
const schemeRule = `must not be ${listed(forbiddenSchemes, 'or')}`;
const allowedSchemes = z
  .array(
    z
      .string()
      .max(templateLimits.schemeCharsMax)
      .regex(schemePattern, 'must be a scheme, such as sms: a letter, then letters, digits, + - and .')
      .refine((scheme) => !forbiddenSchemes.includes(scheme.toLowerCase()), schemeRule)
      .meta(
        rules({
          rule: `!(self.lowerAscii() in ['${forbiddenSchemes.join("', '")}'])`,
          message: schemeRule,
        }),
      ),
  )
  .max(templateLimits.allowedSchemesMax)
  .default([])
  .meta({ 'x-kubernetes-list-type': 'set' });
const anyObject = (description: string) => ({ description, 'x-kubernetes-preserve-unknown-fields': true });

const templateSpec = z.strictObject({
  // no @, which separates a pinned revision (`invoice@3`)
  identifier: z
    .string()
    .max(128)
    .regex(/^[A-Za-z0-9][A-Za-z0-9_.-]*$/, 'must be letters, digits, _ . and -')
    .optional()
    .meta({ description: 'Name that callers use, unique within a tenant. Default: metadata.name.' }),
  senderRef: reference('Sender')
    .optional()
    .meta({ description: 'Sender of the mail, unless the request names another.' }),
  layoutRef: reference('Template').optional().meta({
    description:
      'Layout: a Template that contains {{{content}}}, where this one is inserted. At most three layouts deep, without cycles.',
  }),
  defaultLocale: locale.meta({
    description:
      'Locale for recipients of languages without a locale of their own. Must be one of the locales.',
  }),
  variables: z
    .record(z.string(), z.unknown())
    .optional()
    .meta(
      anyObject(
        "JSON Schema of the caller's data, without patterns. Values marked writeOnly are masked in lists and searches.",
      ),
    ),
  sampleData: z
    .record(z.string(), z.unknown())
    .default({})
    .meta(anyObject('Data to render each locale with before a revision is published.')),
  allowedSchemes: allowedSchemes.meta({
    description: `Schemes of links besides ${listed(standardSchemes, 'and')}, for example sms or the scheme of an app. The schemes ${listed(forbiddenSchemes, 'and')} are never allowed. A template may also use the schemes of its layouts.`,
  }),
  locales: localesOf('Live content.'),
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

/** The CustomResourceDefinitions are generated from these. */
export const specs = { Sender: senderSpec, Template: templateSpec } as const;

const texts = z.record(z.string(), z.string());
const secretObject = z.looseObject({
  apiVersion: z.literal('v1'),
  kind: z.literal('Secret'),
  metadata,
  data: texts.default({}),
  stringData: texts.default({}),
});
const configMapObject = z.looseObject({
  apiVersion: z.literal('v1'),
  kind: z.literal('ConfigMap'),
  metadata,
  data: texts.default({}),
});

const kinds = {
  Sender: senderObject,
  Template: templateObject,
  Secret: secretObject,
  ConfigMap: configMapObject,
};

export type SenderObject = z.infer<typeof senderObject>;
export type TemplateObject = z.infer<typeof templateObject>;
export type LocaleObject = z.infer<typeof localeContent>;
export type SecretObject = z.infer<typeof secretObject>;
export type ConfigMapObject = z.infer<typeof configMapObject>;
export type CatalogObject = SenderObject | TemplateObject | SecretObject | ConfigMapObject;

/** The kind, name and namespace of a value that may not be an object at all. */
export interface Identity {
  readonly kind: string;
  readonly name: string;
  readonly namespace: string;
}

/** Reads one object and fills in defaults; or returns every fault with its path. */
export function readObject(value: unknown): CatalogObject | readonly ObjectFault[] {
  const { kind } = identify(value);
  const schema = Object.hasOwn(kinds, kind) ? kinds[kind as keyof typeof kinds] : undefined;
  if (!schema)
    return [
      { reason: 'InvalidSpec', path: ['kind'], message: `must be one of ${Object.keys(kinds).join(', ')}` },
    ];
  const read = readStrictly(schema, value);
  return 'faults' in read
    ? read.faults.map(({ path, message }) => ({ reason: 'InvalidSpec', path, message }))
    : read.data;
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
