// The objects that people write: Sender and Template as OPERATOR describes them, and the Secrets and ConfigMaps that they refer to. Strict, because
// a misspelt field that is silently ignored is mail sent wrong: any field that is not here is refused with its path. Fields that the
// design has and that do not work yet (dkim, verification, tracking, direct routes) are not here either.

import { z } from 'zod';
import { isRefusal, parseAddress, parseDomain, parseMailbox } from './address.ts';
import type { ObjectFault } from './fault.ts';
import { limits } from './limits.ts';
import { canonical } from './template/locale.ts';

export const apiVersion = 'packetboat.dev/v1alpha1';
export const defaultTenant = 'default';

const secondsMax = (milliseconds: number): number => Math.floor(milliseconds / 1_000);

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
const reference = z.strictObject({ name });
const keyReference = z.strictObject({ name, key: z.string().min(1).max(253) });

const address = z.string().refine((text) => !isRefusal(parseAddress(text)), 'must be an email address');
const mailbox = z.string().refine((text) => !isRefusal(parseMailbox(text)), 'must be an email address, or a name and an address in < >');
const domain = z.string().refine((text) => typeof parseDomain(text) === 'string', 'must be a domain name');
const teamMember = z.string().refine((text) => {
  const parsed = text.startsWith('*@') ? parseDomain(text.slice(2)) : parseAddress(text);
  return typeof parsed === 'string';
}, 'must be an email address, or *@ and a domain');
/** A name or an IP address; where it may lead is judged at each dial. */
const host = z
  .string()
  .min(1)
  .max(limits.domainOctetsMax)
  .regex(/^[A-Za-z0-9.:_-]+$/, 'must be a host name or an IP address');
const locale = z
  .string()
  .max(35)
  .refine((tag) => canonical(tag.replaceAll('_', '-')) !== null, 'must be a language tag such as de or de-AT');

const smtp = z
  .strictObject({
    host,
    port: z.int().min(1).max(65_535).default(587),
    tls: z.enum(['StartTLS', 'Implicit', 'Opportunistic', 'None']).default('StartTLS'),
    credentialsSecretRef: reference.optional(),
    caSecretRef: keyReference.optional(),
  })
  .refine((route) => !route.credentialsSecretRef || route.tls === 'StartTLS' || route.tls === 'Implicit', {
    path: ['tls'],
    message: 'must be StartTLS or Implicit where there are credentials',
  });

const senderObject = z.strictObject({
  apiVersion: z.literal(apiVersion),
  kind: z.literal('Sender'),
  metadata,
  status,
  spec: z.strictObject({
    suspend: z.boolean().default(false),
    domain,
    from: z.strictObject({ address, name: z.string().max(limits.displayNameCharsMax).optional() }),
    replyTo: z.array(mailbox).max(limits.recipientsMax).default([]),
    returnPathDomain: domain.optional(),
    team: z.array(teamMember).max(1_000).default([]),
    routes: z.array(z.strictObject({ name, smtp })).min(1).max(20),
    limits: z
      .strictObject({
        messagesPerSecond: z.number().min(0).default(50),
        messagesPerDay: z.int().min(0).default(0),
        maxRecipients: z.int().min(0).max(limits.recipientsMax).default(limits.recipientsMax),
        maxMessageBytes: z.int().min(0).max(limits.bodyBytesMax).default(limits.bodyBytesMax),
      })
      .prefault({}),
    retry: z
      .strictObject({
        delaysSeconds: z
          .array(z.number().min(1).max(secondsMax(limits.retryDelayMaxMs)))
          .max(limits.retryDelaysMax)
          .default(limits.retryDelaysMs.map((ms) => ms / 1_000)),
        maxAgeSeconds: z.number().min(60).max(secondsMax(limits.maxAgeMaxMs)).default(secondsMax(limits.maxAgeMs)),
      })
      .prefault({}),
    copies: z.enum(['AtLeastOnce', 'AtMostOnce']).default('AtLeastOnce'),
  }),
});

const localeContent = z
  .strictObject({
    locale,
    subject: z.string().optional(),
    html: z.string().optional(),
    htmlFrom: z.strictObject({ configMapKeyRef: keyReference }).optional(),
    text: z.string().optional(),
  })
  .refine((content) => content.html === undefined || content.htmlFrom === undefined, {
    path: ['htmlFrom'],
    message: 'cannot stand beside html',
  });
const locales = z.array(localeContent).max(limits.templateLocalesMax);

const templateObject = z.strictObject({
  apiVersion: z.literal(apiVersion),
  kind: z.literal('Template'),
  metadata,
  status,
  spec: z.strictObject({
    // No @, which separates a pinned revision (`invoice@3`).
    identifier: z
      .string()
      .max(128)
      .regex(/^[A-Za-z0-9][A-Za-z0-9_.-]*$/, 'must be letters, digits, _ . and -')
      .optional(),
    senderRef: reference.optional(),
    layoutRef: reference.optional(),
    defaultLocale: locale,
    variables: z.record(z.string(), z.unknown()).optional(),
    sampleData: z.record(z.string(), z.unknown()).default({}),
    locales,
    testing: z.strictObject({ locales }).optional(),
    draft: z.strictObject({ locales }).optional(),
  }),
});

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
  const result = schema.safeParse(value);
  return result.success ? result.data : result.error.issues.flatMap(faultsOf);
}

export function identify(value: unknown): Identity {
  const { kind, metadata: about } = record(value);
  const { name: named, namespace: tenant } = record(about);
  return { kind: text(kind), name: text(named), namespace: text(tenant) || defaultTenant };
}

/** The values of a Secret in clear: `data` is base64, `stringData` is not and wins. */
export function secretValues(secret: SecretObject): Readonly<Record<string, string>> {
  const decoded = Object.entries(secret.data).map(([key, value]) => [key, Buffer.from(value, 'base64').toString('utf8')]);
  return { ...Object.fromEntries(decoded), ...secret.stringData };
}

/** Each unknown field is a fault of its own, at its own path. */
function faultsOf(issue: z.core.$ZodIssue): ObjectFault[] {
  const path = issue.path.map((part) => (typeof part === 'number' ? part : String(part)));
  if (issue.code !== 'unrecognized_keys') return [{ reason: 'InvalidSpec', path, message: issue.message }];
  return issue.keys.map((key) => ({ reason: 'InvalidSpec', path: [...path, key], message: 'is not a field that works here' }));
}

function record(value: unknown): Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null ? (value as Readonly<Record<string, unknown>>) : {};
}

function text(value: unknown): string {
  return typeof value === 'string' ? value.slice(0, 253) : '';
}
