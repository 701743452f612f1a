// The indexes of the mirrors: they find the objects that a change affects. They read specs that
// nobody has validated.

import { parseDomain } from '../../services/core/address.ts';
import { dkimAnnotations } from '../api/v1alpha1/names.ts';
import type { SenderResource, TemplateResource } from '../api/v1alpha1/resources.ts';
import type { Indexers } from '../kubernetes/object-store.ts';
import { type KubernetesObject, keyText } from '../kubernetes/resource.ts';
import { configMapFields, namesIn, secretFields } from './references.ts';

export type SenderIndex = 'domain' | 'secret';
export type TemplateIndex = 'identifier' | 'sender' | 'layout' | 'configMap';
export type SecretIndex = 'sender';

/**
 * References stay within a namespace, so each name is completed with the object's own:
 * `namespace/name`.
 */
const keysOf = (
  { metadata: { namespace = '' } }: KubernetesObject,
  names: readonly string[],
): readonly string[] => names.map((name) => keyText({ namespace, name }));

export const senderIndexers: Indexers<SenderResource, SenderIndex> = {
  domain: (sender) => [domainOf(sender)].filter((domain) => domain !== null),
  secret: (sender) => keysOf(sender, namesIn(sender.spec, secretFields)),
};

export const templateIndexers: Indexers<TemplateResource, TemplateIndex> = {
  identifier: (template) => [identifierIn(template)],
  sender: (template) => keysOf(template, namesIn(template.spec, ['senderRef'])),
  layout: (template) => keysOf(template, namesIn(template.spec, ['layoutRef'])),
  configMap: (template) => keysOf(template, namesIn(template.spec, configMapFields)),
};

/** Index of managed keys' Secrets by their Sender, which needs not exist: `namespace/name`. */
export const secretIndexers: Indexers<KubernetesObject, SecretIndex> = {
  sender: (secret) => {
    const name = secret.metadata.annotations?.[dkimAnnotations.sender];
    return name === undefined ? [] : keysOf(secret, [name]);
  },
};

/** Null: the spec names no valid domain. */
export function domainOf({ spec }: SenderResource): string | null {
  const text = typeof spec === 'object' && spec !== null && 'domain' in spec ? spec.domain : undefined;
  const domain = typeof text === 'string' ? parseDomain(text) : null;
  return typeof domain === 'string' ? domain : null;
}

/** The identifier that a template claims, valid or not. */
export function identifierIn({ metadata, spec }: TemplateResource): string {
  const identifier =
    typeof spec === 'object' && spec !== null && 'identifier' in spec ? spec.identifier : undefined;
  return typeof identifier === 'string' ? identifier : metadata.name;
}
