// The schema of `status`, with a description of each field for the CustomResourceDefinitions. The
// operator writes it by server-side apply.

import { z } from 'zod';

/** RFC 3339 with whole seconds, like all times of the Kubernetes API. */
const time = (description: string) => z.string().meta({ format: 'date-time', description });

const condition = z.object({
  type: z.string().max(316).meta({ description: 'Type of the condition.' }),
  status: z.enum(['True', 'False', 'Unknown']).meta({ description: 'Whether the condition holds.' }),
  observedGeneration: z
    .int()
    .min(0)
    .optional()
    .meta({ description: 'Generation of the object that this condition describes.', format: 'int64' }),
  lastTransitionTime: time('When the status of the condition last changed.'),
  reason: z.string().min(1).max(1_024).meta({
    description: 'Reason in one word, for programs.',
    pattern: '^[A-Za-z]([A-Za-z0-9_,:]*[A-Za-z0-9_])?$',
  }),
  message: z.string().max(32_768).meta({ description: 'Explanation for people.' }),
});

const conditions = z
  .array(condition)
  .optional()
  .meta({
    description: 'State of the object. Ready summarizes the others.',
    'x-kubernetes-list-type': 'map',
    'x-kubernetes-list-map-keys': ['type'],
  });

const common = {
  observedGeneration: z.int().optional().meta({
    description: 'Generation that this status describes; -1 before the first visit of the operator.',
    format: 'int64',
  }),
  revision: z.int().optional().meta({ description: 'Revision in the catalog.', format: 'int64' }),
  configHash: z.string().optional().meta({ description: 'SHA-256 of the catalog entry, without secrets.' }),
  publishedTime: time('When this revision was written to the catalog.').optional(),
  nextVisitTime: time(
    'When the operator visits the object at the latest. Absent: it visits when something changes, or tries again within a minute.',
  ).optional(),
  lastHandledRequest: z.string().optional().meta({
    description: 'Last value of the annotation packetboat.dev/requested-at that the operator acted on.',
  }),
};

const dkimKey = z.object({
  selector: z.string().meta({ description: 'Selector: the DNS record is <selector>._domainkey.<domain>.' }),
  algorithm: z
    .enum(['rsa-sha256', 'ed25519-sha256'])
    .meta({ description: 'Algorithm, as in the signature.' }),
  state: z.enum(['Standby', 'Active', 'Retiring']).meta({
    description:
      'Standby: waits for its DNS record. Active: signs. Retiring: no longer signs, but mail that it signed may still be under way.',
  }),
  secretName: z.string().meta({ description: 'Secret that holds the private key.' }),
  fingerprint: z.string().meta({ description: 'SHA-256 of the public key.' }),
  createdTime: time('When the key was created.').optional(),
  seenTime: time('When DNS first had its record.').optional(),
  changedTime: time('When the key started or stopped signing.').optional(),
});

const dnsRecord = z.object({
  purpose: z.enum(['SPF', 'DKIM', 'DMARC', 'ReturnPath']).meta({ description: 'Purpose of the record.' }),
  name: z.string().meta({ description: 'Name of the record, without the trailing dot.' }),
  type: z.enum(['TXT', 'MX', 'CNAME']).meta({ description: 'Type of the record.' }),
  value: z.string().meta({ description: 'Value to publish.' }),
  state: z
    .enum(['Found', 'Missing', 'Mismatch', 'Unknown'])
    .meta({ description: 'State of the record in DNS.' }),
  required: z.boolean().meta({ description: 'Whether the domain needs the record to be verified.' }),
});

const pausedRoute = z.object({
  name: z.string().meta({ description: 'Name of the route.' }),
  reason: z.string().min(1).max(1_024).meta({
    description: 'Reason in one word, for programs.',
    pattern: '^[A-Za-z]([A-Za-z0-9_,:]*[A-Za-z0-9_])?$',
  }),
  message: z.string().max(32_768).meta({ description: 'Explanation for people.' }),
});

const figures = z.object({
  sent: z.int().min(0).meta({ description: 'Attempts that were delivered.', format: 'int64' }),
  deferred: z.int().min(0).meta({ description: 'Attempts that will be retried.', format: 'int64' }),
  bounced: z.int().min(0).meta({ description: 'Attempts that were permanently refused.', format: 'int64' }),
  lastReply: z
    .string()
    .optional()
    .meta({ description: 'Codes of the last SMTP reply, for example "250 2.0.0".' }),
  lastReplyTime: time('When the last reply came.').optional(),
  pausedRoutes: z.array(pausedRoute).optional().meta({
    description: 'Routes that a dispatcher has paused because they failed.',
    'x-kubernetes-list-type': 'atomic',
  }),
});

export const senderStatus = z.object({
  ...common,
  conditions,
  verifiedTime: time(
    'Since when DNS has had all required records. A failed lookup does not change it.',
  ).optional(),
  figures: figures
    .optional()
    .meta({ description: 'Figures of the last hour, updated at most once a minute.' }),
  dkimKeys: z
    .array(dkimKey)
    .optional()
    .meta({
      description: 'Managed keys.',
      'x-kubernetes-list-type': 'map',
      'x-kubernetes-list-map-keys': ['selector'],
    }),
  dnsRecords: z.array(dnsRecord).optional().meta({
    description: 'DNS records to publish, for the administrator of the zone.',
    'x-kubernetes-list-type': 'atomic',
  }),
});

const warning = z.object({
  path: z.string().meta({ description: 'Field that the warning is about.' }),
  message: z.string().meta({ description: 'The warning.' }),
});

export const templateStatus = z.object({
  ...common,
  conditions,
  identifier: z.string().optional().meta({ description: 'Name that callers use.' }),
  locales: z
    .array(z.string())
    .optional()
    .meta({ description: 'Languages of the live content.', 'x-kubernetes-list-type': 'atomic' }),
  usedVariables: z.array(z.string()).optional().meta({
    description: "Names in the caller's data that the content uses.",
    'x-kubernetes-list-type': 'atomic',
  }),
  warnings: z
    .array(warning)
    .optional()
    .meta({ description: 'Warnings about content that can be sent.', 'x-kubernetes-list-type': 'atomic' }),
});

export type Condition = z.infer<typeof condition>;
export type SenderStatus = z.infer<typeof senderStatus>;
export type TemplateStatus = z.infer<typeof templateStatus>;
