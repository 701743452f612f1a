// What the operator says of an object: `status`, described field by field for the CustomResourceDefinitions. Written by server-side apply, read by
// people and by whoever waits for a condition.

import { z } from 'zod';

/** RFC 3339 with whole seconds, as the API has its times. */
const time = (description: string) => z.string().meta({ format: 'date-time', description });

const condition = z.object({
  type: z.string().max(316).meta({ description: 'What it is about.' }),
  status: z.enum(['True', 'False', 'Unknown']).meta({ description: 'Whether it holds.' }),
  observedGeneration: z.int().min(0).optional().meta({ description: 'Generation of the object that was judged.', format: 'int64' }),
  lastTransitionTime: time('When status changed last.'),
  reason: z
    .string()
    .min(1)
    .max(1_024)
    .meta({ description: 'Why, in one word for programs.', pattern: '^[A-Za-z]([A-Za-z0-9_,:]*[A-Za-z0-9_])?$' }),
  message: z.string().max(32_768).meta({ description: 'Why, for people.' }),
});

const conditions = z
  .array(condition)
  .optional()
  .meta({
    description: 'How the object stands. Ready sums the others up.',
    'x-kubernetes-list-type': 'map',
    'x-kubernetes-list-map-keys': ['type'],
  });

const common = {
  observedGeneration: z
    .int()
    .optional()
    .meta({ description: 'Generation that this status is about; -1 until the operator has been here.', format: 'int64' }),
  revision: z.int().optional().meta({ description: 'Number of the revision in the catalog.', format: 'int64' }),
  configHash: z.string().optional().meta({ description: 'SHA-256 of what is in the catalog, without secrets.' }),
  publishedTime: time('When this revision was written to the catalog.').optional(),
  lastHandledRequest: z
    .string()
    .optional()
    .meta({ description: 'Value of the annotation packetboat.dev/requested-at that was acted on last.' }),
};

const dkimKey = z.object({
  selector: z.string().meta({ description: 'Names the DNS record: <selector>._domainkey.<domain>.' }),
  algorithm: z.enum(['rsa-sha256', 'ed25519-sha256']).meta({ description: 'As in the signature.' }),
  state: z.enum(['Standby', 'Active', 'Retiring']).meta({
    description:
      'Standby: waits for its DNS record. Active: signs. Retiring: no longer signs, while mail that it signed is still under way.',
  }),
  secretName: z.string().meta({ description: 'Secret that holds the private key.' }),
  fingerprint: z.string().meta({ description: 'SHA-256 of the public key.' }),
  createdTime: time('When the key was made.').optional(),
  seenTime: time('When its DNS record was seen first.').optional(),
  changedTime: time('When it began to sign, or ceased to.').optional(),
});

const dnsRecord = z.object({
  purpose: z.enum(['SPF', 'DKIM', 'DMARC', 'ReturnPath']).meta({ description: 'What it is for.' }),
  name: z.string().meta({ description: 'Name of the record, without the last dot.' }),
  type: z.enum(['TXT', 'MX', 'CNAME']).meta({ description: 'Type of the record.' }),
  value: z.string().meta({ description: 'What to enter.' }),
  state: z.enum(['Found', 'Missing', 'Mismatch', 'Unknown']).meta({ description: 'What DNS says.' }),
  required: z.boolean().meta({ description: 'Whether the domain counts as verified without it.' }),
});

const figures = z.object({
  sent: z.int().min(0).meta({ description: 'Attempts that delivered.', format: 'int64' }),
  deferred: z.int().min(0).meta({ description: 'Attempts that are made again later.', format: 'int64' }),
  bounced: z.int().min(0).meta({ description: 'Attempts that were refused for good.', format: 'int64' }),
  lastReply: z.string().optional().meta({ description: 'Codes of the last reply of a server: "250 2.0.0".' }),
  lastReplyTime: time('When that was.').optional(),
  pausedRoutes: z
    .array(z.string())
    .optional()
    .meta({ description: 'Routes that a dispatcher has paused, since the fault was theirs.', 'x-kubernetes-list-type': 'atomic' }),
});

export const senderStatus = z.object({
  ...common,
  conditions,
  verifiedTime: time('Since when all required DNS records have been there; an answer that did not come changes nothing.').optional(),
  figures: figures.optional().meta({ description: 'What became of mail in the last hour, told at most once a minute.' }),
  dkimKeys: z
    .array(dkimKey)
    .optional()
    .meta({ description: 'Managed keys.', 'x-kubernetes-list-type': 'map', 'x-kubernetes-list-map-keys': ['selector'] }),
  dnsRecords: z
    .array(dnsRecord)
    .optional()
    .meta({ description: 'DNS records to publish: a list for whoever looks after the zone.', 'x-kubernetes-list-type': 'atomic' }),
});

const warning = z.object({
  path: z.string().meta({ description: 'Field that it is about.' }),
  message: z.string().meta({ description: 'What may be wrong.' }),
});

export const templateStatus = z.object({
  ...common,
  conditions,
  identifier: z.string().optional().meta({ description: 'What callers name the template by.' }),
  locales: z.array(z.string()).optional().meta({ description: 'Languages of the live content.', 'x-kubernetes-list-type': 'atomic' }),
  usedVariables: z
    .array(z.string())
    .optional()
    .meta({ description: "Names in the caller's data that the content uses.", 'x-kubernetes-list-type': 'atomic' }),
  warnings: z
    .array(warning)
    .optional()
    .meta({ description: 'What may be wrong, though it can be sent.', 'x-kubernetes-list-type': 'atomic' }),
});

export type Condition = z.infer<typeof condition>;
export type SenderStatus = z.infer<typeof senderStatus>;
export type TemplateStatus = z.infer<typeof templateStatus>;
