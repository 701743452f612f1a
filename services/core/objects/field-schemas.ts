// Schemas of the fields that Senders and Templates have in common: references, addresses, domains,
// hosts and locales.

import ipaddr from 'ipaddr.js';
import { z } from 'zod';
import { isRefusal, parseAddress, parseDomain, parseMailbox } from '../address.ts';
import { addressLimits } from '../limits/address.ts';
import { objectsLimits } from '../limits/objects.ts';
import { canonical } from '../template/locale.ts';
import { domainIsNoAddress, hostHasNoPort, refusalOf, validatedBy } from './cel-rules.ts';
import { objectName } from './identity.ts';

/** A list whose entries are identified by one of their fields. */
export const keyedBy = (key: string) => ({
  'x-kubernetes-list-type': 'map',
  'x-kubernetes-list-map-keys': [key],
});

export const reference = (what: string) =>
  z.strictObject({ name: objectName.meta({ description: `Name of the ${what}, in the same namespace.` }) });
export const keyReference = (what: string) =>
  z.strictObject({
    name: objectName.meta({ description: `Name of the ${what}, in the same namespace.` }),
    key: z
      .string()
      .min(1)
      .max(objectsLimits.objectNameCharsMax)
      .meta({ description: `Key in the ${what}.` }),
  });

// The parsers check more than JSON Schema can. Only the API server uses the patterns: they
// reject values that would mislead its CEL rules.
export const address = z
  .string()
  .refine((text) => !isRefusal(parseAddress(text)), 'must be an email address')
  .meta({ pattern: '^[^@\\s]+@[^@\\s]+$', maxLength: 254 });
export const mailbox = z
  .string()
  .refine(
    (text) => !isRefusal(parseMailbox(text)),
    'must be an email address, or a name and an address in < >',
  )
  .meta({ pattern: '[^@\\s]@[^@\\s]', maxLength: addressLimits.displayNameCharsMax + 260 });
export const domain = z
  .string()
  .refine((text) => typeof parseDomain(text) === 'string', 'must be a domain name')
  .meta({
    // neither an underscore nor a port
    pattern: '^[^@\\s._:]+(\\.[^@\\s._:]+)+$',
    maxLength: addressLimits.domainOctetsMax,
    ...validatedBy(domainIsNoAddress),
  });
export const teamMember = z
  .string()
  .refine((text) => {
    const parsed = text.startsWith('*@') ? parseDomain(text.slice(2)) : parseAddress(text);
    return typeof parsed === 'string';
  }, 'must be an email address, or *@ and a domain')
  .meta({ pattern: '^[^@\\s]+@[^@\\s]+$', maxLength: 254 });
/** A name or an IP address. Each dial checks whether the address is allowed. */
export const host = z
  .string()
  .min(1)
  .max(addressLimits.domainOctetsMax)
  .regex(/^[A-Za-z0-9.:_-]+$/, 'must be a host name or an IP address')
  .refine((text) => !text.includes(':') || ipaddr.IPv6.isValid(text), refusalOf(hostHasNoPort))
  .meta(validatedBy(hostHasNoPort));
export const locale = z
  .string()
  .max(objectsLimits.localeCharsMax)
  .refine((tag) => canonical(tag.replaceAll('_', '-')) !== null, 'must be a language tag such as de or de-AT')
  .meta({ pattern: '^[A-Za-z]{2,8}([_-][A-Za-z0-9]{1,8})*$' });
