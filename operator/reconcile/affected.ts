// Which objects a change on the API server affects: these are visited next. Pure.

import { PAUSED_ANNOTATION, REQUESTED_AT_ANNOTATION } from '../api/v1alpha1/names.ts';
import type { SenderResource, TemplateResource } from '../api/v1alpha1/resources.ts';
import type { ObjectChange } from '../kubernetes/reflector.ts';
import { type KubernetesObject, keyText, parseKey } from '../kubernetes/resource.ts';
import { domainOf, identifierIn, type SenderIndex, secretIndexers, type TemplateIndex } from './indexes.ts';
import type { Mirror } from './mirror.ts';
import { keyOf } from './precedence.ts';

export interface Mirrors {
  readonly senders: Mirror<SenderResource, SenderIndex>;
  readonly templates: Mirror<TemplateResource, TemplateIndex>;
}

export interface Affected {
  readonly senders: readonly SenderResource[];
  readonly templates: readonly TemplateResource[];
  /** The catalog may have an entry that belongs to no object any more. */
  readonly isComparisonDue: boolean;
}

const nothing: Affected = { senders: [], templates: [], isComparisonDue: false };

/**
 * A Sender that appears or disappears also affects the other claimants of its domain, and the
 * templates that name it.
 */
export function affectedBySender(
  { before, after }: ObjectChange<SenderResource>,
  { senders, templates }: Mirrors,
): Affected {
  const object = after ?? before;
  if (object === null || !isRelevant(before, after)) return nothing;
  if (before !== null && after !== null) return { ...nothing, senders: [object] };
  const domain = domainOf(object);
  return {
    senders: [object, ...(domain === null ? [] : senders.by('domain', domain))],
    templates: templates.by('sender', keyText(keyOf(object))),
    isComparisonDue: after === null,
  };
}

/**
 * A Template affects the templates that it wraps, and the other claimants of the identifiers that
 * it had and has.
 */
export function affectedByTemplate(
  { before, after }: ObjectChange<TemplateResource>,
  { templates }: Mirrors,
): Affected {
  const object = after ?? before;
  if (object === null || !isRelevant(before, after)) return nothing;
  const identifiers = new Set(
    [before, after].flatMap((version) => (version === null ? [] : [identifierIn(version)])),
  );
  const claimants = [...identifiers].flatMap((identifier) => templates.by('identifier', identifier));
  // after a change of its identifier the entry under the former one is an orphan
  return {
    ...nothing,
    templates: [...withWrapped([object], templates), ...claimants],
    isComparisonDue: after === null || identifiers.size > 1,
  };
}

/** A Secret affects the Senders that name it, and the Sender whose managed key it holds or held. */
export function affectedBySecret(
  { before, after }: ObjectChange<KubernetesObject>,
  { senders }: Mirrors,
): Affected {
  const object = after ?? before;
  if (object === null) return nothing;
  const owners = [before, after].flatMap((version) =>
    version === null ? [] : secretIndexers.sender(version),
  );
  return {
    ...nothing,
    senders: [
      ...owners.flatMap((key) => senders.get(parseKey(key)) ?? []),
      ...senders.by('secret', keyText(keyOf(object))),
    ],
  };
}

export function affectedByConfigMap(
  { before, after }: ObjectChange<KubernetesObject>,
  { templates }: Mirrors,
): Affected {
  const object = after ?? before;
  if (object === null) return nothing;
  return { ...nothing, templates: withWrapped(templates.by('configMap', keyText(keyOf(object))), templates) };
}

/**
 * These templates and all templates that they wrap, at any depth: a layout is part of each of them.
 */
function withWrapped(
  layouts: readonly TemplateResource[],
  templates: Mirrors['templates'],
): readonly TemplateResource[] {
  const found = new Map(layouts.map((layout) => [keyText(keyOf(layout)), layout]));
  // the loop also covers the keys that it adds
  for (const key of found.keys())
    for (const inner of templates.by('layout', key)) found.set(keyText(keyOf(inner)), inner);
  return [...found.values()];
}

/** The operator's own writes of the status cause no visit. */
function isRelevant(before: KubernetesObject | null, after: KubernetesObject | null): boolean {
  if (before === null || after === null) return true;
  const relevant = ({ metadata }: KubernetesObject): string =>
    JSON.stringify([
      metadata.uid,
      metadata.generation,
      metadata.annotations?.[PAUSED_ANNOTATION],
      metadata.annotations?.[REQUESTED_AT_ANNOTATION],
    ]);
  return relevant(before) !== relevant(after);
}
