// The schema of a Sender. Each field has a description, since the CustomResourceDefinition is
// generated from this schema (operator/api).

import { z } from 'zod';
import { acceptLimits } from '../limits/accept.ts';
import { addressLimits } from '../limits/address.ts';
import { deliveryLimits } from '../limits/delivery.ts';
import { mailLimits } from '../limits/mail.ts';
import { objectsLimits } from '../limits/objects.ts';
import {
  credentialsNeedVerifiedTls,
  domainIsImmutable,
  domainIsNoAddress,
  fromIsInDomain,
  keysBelongToProvided,
  refusalOf,
  returnPathIsInDomain,
  validatedBy,
} from './cel-rules.ts';
import {
  address,
  domain,
  host,
  keyedBy,
  keyReference,
  mailbox,
  reference,
  teamMember,
} from './field-schemas.ts';
import { apiVersion, metadata, objectName } from './identity.ts';

const secondsMax = (milliseconds: number): number => Math.floor(milliseconds / 1_000);

const smtp = z
  .strictObject({
    host: host.meta({
      description:
        'Name or IP address of the relay. Packetboat connects to an address that is not public only where the installation allows it.',
    }),
    port: z.int().min(1).max(65_535).default(587).meta({ description: 'TCP port. Default: 587.' }),
    tls: z.enum(['StartTLS', 'Implicit', 'Opportunistic', 'None']).default('StartTLS').meta({
      description:
        'StartTLS and Implicit verify the certificate of the relay, and send nothing when that fails. Opportunistic encrypts without verification when the relay offers TLS. None never encrypts. Default: StartTLS.',
    }),
    credentialsSecretRef: reference('Secret').optional().meta({
      description:
        'Secret with the key username and one of the keys password and accessToken. With accessToken, an OAuth 2 access token, the login uses XOAUTH2; a changed token is used from the next login on. Logins are sent over verified TLS only: StartTLS or Implicit.',
    }),
    caSecretRef: keyReference('Secret')
      .optional()
      .meta({ description: "CA certificate in PEM that replaces the system's authorities for this relay." }),
  })
  .refine(
    (route) => !route.credentialsSecretRef || route.tls === 'StartTLS' || route.tls === 'Implicit',
    refusalOf(credentialsNeedVerifiedTls),
  )
  .meta(validatedBy(credentialsNeedVerifiedTls));

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
      .max(objectsLimits.dkimRotationDaysMax)
      .default(180)
      .meta({ description: 'Days after which a managed key is rotated. 0: never.' }),
    deletionPolicy: z.enum(['Retain', 'Delete']).default('Retain').meta({
      description:
        'Retain: the Secrets of managed keys stay when the Sender is deleted, and a Sender of the same name and domain uses them again. Delete: the operator deletes them with the Sender.',
    }),
    keys: z
      .array(
        z.strictObject({
          selector: z
            .string()
            .max(addressLimits.labelOctetsMax)
            .regex(/^[a-z0-9](?:[a-z0-9-]*[a-z0-9])?$/, 'must be lower-case letters, digits and hyphens')
            .meta({
              description: 'Selector: the DNS record of the public key is <selector>._domainkey.<domain>.',
            }),
          privateKeySecretRef: keyReference('Secret').meta({
            description: 'The private key in PEM: RSA of 2048 to 4096 bits, or Ed25519.',
          }),
        }),
      )
      .max(objectsLimits.dkimKeysMax)
      .default([])
      .meta({
        description: 'Keys of policy Provided. The first key of each algorithm signs.',
        ...keyedBy('selector'),
      }),
  })
  .refine(({ policy, keys }) => (policy === 'Provided') === keys.length > 0, refusalOf(keysBelongToProvided))
  .meta(validatedBy(keysBelongToProvided));

export const senderSpec = z
  .strictObject({
    suspend: z
      .boolean()
      .default(false)
      .meta({ description: 'True: no mail is sent. Mail is accepted and held until this is false.' }),
    domain: domain.meta({
      description:
        'Domain of the sender: From and the return path must be in it. Only one Sender, the oldest, may have a domain. Cannot be changed.',
      ...validatedBy(domainIsImmutable, domainIsNoAddress),
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
      .max(objectsLimits.teamMembersMax)
      .default([])
      .meta({ description: 'Recipients who may receive drafts: addresses, or *@ and a domain.' }),
    routes: z
      .array(
        z.strictObject({
          name: objectName.meta({ description: 'Name of the route in events and metrics.' }),
          smtp: smtp.meta({ description: 'An SMTP relay.' }),
        }),
      )
      .min(1)
      .max(objectsLimits.routesMax)
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
          .max(mailLimits.mailBytesMax)
          .default(mailLimits.mailBytesMax)
          .meta({
            description: `Bytes of a mail as sent, without its DKIM signatures; attachments count in base64. 0: the limit of the platform, ${mailLimits.mailBytesMax}.`,
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
          .min(secondsMax(objectsLimits.dnsCheckMinMs))
          .max(secondsMax(objectsLimits.dnsCheckMaxMs))
          .default(21_600)
          .meta({ description: 'Seconds between checks of the DNS records.' }),
      })
      .prefault({})
      .meta({ description: 'Checks of the DNS records that the domain needs.' }),
  })
  .meta(validatedBy(fromIsInDomain, returnPathIsInDomain));

export const senderObject = z.strictObject({
  apiVersion: z.literal(apiVersion),
  kind: z.literal('Sender'),
  metadata,
  status: z.unknown().optional(),
  spec: senderSpec,
});

export type SenderObject = z.infer<typeof senderObject>;
