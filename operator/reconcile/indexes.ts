// What objects are found by: whoever changes asks by it whom that concerns. A spec may be one that nobody has judged.

import { parseDomain } from '../../services/core/address.ts';
import type { SenderResource, TemplateResource } from '../api/v1alpha1/resources.ts';
import type { Indexers } from '../kubernetes/object-store.ts';
import { type KubernetesObject, keyText } from '../kubernetes/resource.ts';
import { configMapFields, namesIn, secretFields } from './references.ts';
import { SENDER_UID } from './sender/key-secrets.ts';

export type SenderIndex = 'domain' | 'secret' | 'uid';
export type TemplateIndex = 'identifier' | 'sender' | 'layout' | 'configMap';
export type SecretIndex = 'sender';

/** Names are of the object's own namespace: `namespace/name`. */
const near = ({ metadata: { namespace = '' } }: KubernetesObject, names: readonly string[]): readonly string[] =>
  names.map((name) => keyText({ namespace, name }));

export const senderIndexers: Indexers<SenderResource, SenderIndex> = {
  domain: (sender) => [domainOf(sender)].filter((domain) => domain !== null),
  secret: (sender) => near(sender, namesIn(sender.spec, secretFields)),
  uid: ({ metadata: { uid } }) => (uid === undefined ? [] : [uid]),
};

export const templateIndexers: Indexers<TemplateResource, TemplateIndex> = {
  identifier: (template) => [claimedBy(template)],
  sender: (template) => near(template, namesIn(template.spec, ['senderRef'])),
  layout: (template) => near(template, namesIn(template.spec, ['layoutRef'])),
  configMap: (template) => near(template, namesIn(template.spec, configMapFields)),
};

/** Of managed keys: uid of the Sender whose they are. */
export const secretIndexers: Indexers<KubernetesObject, SecretIndex> = {
  sender: ({ metadata: { labels } }) => [labels?.[SENDER_UID]].filter((uid) => uid !== undefined),
};

export function domainOf({ spec }: SenderResource): string | null {
  const said =
    typeof spec === 'object' && spec !== null && 'domain' in spec && typeof spec.domain === 'string' ? parseDomain(spec.domain) : null;
  return typeof said === 'string' ? said : null;
}

export function claimedBy({ metadata, spec }: TemplateResource): string {
  const identifier = typeof spec === 'object' && spec !== null && 'identifier' in spec ? spec.identifier : undefined;
  return typeof identifier === 'string' ? identifier : metadata.name;
}
