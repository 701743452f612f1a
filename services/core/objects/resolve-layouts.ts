// Resolves the layouts around a Template, innermost first.

import { environments, type TemplateRevision } from '../catalog/catalog.ts';
import type { ObjectFault } from '../documents/fault.ts';
import { templateLimits } from '../limits/template.ts';
import { normalizeLocale } from '../template/locale.ts';
import { type ConfigMaps, isLayout, resolveContent } from './resolve-content.ts';
import { templateFault } from './template-fault.ts';
import type { TemplateObject } from './template-schema.ts';

export interface LayoutReferences {
  readonly configMap: ConfigMaps;
  /**
   * A Template of the same namespace by the name of its object; null when there is no such Template
   * that can be read.
   */
  template(name: string): TemplateObject | null;
}

type Layout = TemplateRevision['layouts'][number];

export interface ResolvedLayouts {
  readonly layouts: readonly Layout[];
  /** The objects of the layouts. */
  readonly objects: readonly TemplateObject[];
  /** At most one: layouts behind a fault are not looked at. */
  readonly faults: readonly ObjectFault[];
}

const at = ['layoutRef', 'name'];

export function resolveLayouts(object: TemplateObject, references: LayoutReferences): ResolvedLayouts {
  const layouts: Layout[] = [];
  const objects: TemplateObject[] = [];
  const names = [object.metadata.name];
  for (let name = object.spec.layoutRef?.name; name !== undefined; ) {
    const found = nextLayout(name, names, references);
    if ('fault' in found) return { layouts, objects, faults: [found.fault] };
    layouts.push(found.layout);
    objects.push(found.object);
    names.push(name);
    name = found.object.spec.layoutRef?.name;
  }
  return { layouts, objects, faults: [] };
}

/** `inner`: the template and the layouts inside this layout. */
function nextLayout(
  name: string,
  inner: readonly string[],
  references: LayoutReferences,
): { readonly layout: Layout; readonly object: TemplateObject } | { readonly fault: ObjectFault } {
  if (inner.includes(name)) {
    const cycle = [...inner, name].join(' → ');
    return { fault: templateFault('LayoutCycle', at, `is part of a cycle: ${cycle}`) };
  }
  if (inner.length > templateLimits.layoutDepthMax) {
    const message = `wraps the template in more than ${templateLimits.layoutDepthMax} layouts`;
    return { fault: templateFault('InvalidSpec', at, message) };
  }
  const object = references.template(name);
  if (!object) {
    const message = `there is no valid Template "${name}" in this namespace`;
    return { fault: { ...templateFault('LayoutNotFound', at, message), isElsewhere: true } };
  }
  const { content, incomplete, faults } = resolveContent(object, references.configMap);
  const hasFaults = templateFault('LayoutNotFound', at, `the Template "${name}" has faults`);
  if (faults.some(({ isElsewhere }) => isElsewhere !== true)) return { fault: hasFaults };
  const isPlain = environments
    .flatMap((environment) => content[environment])
    .some((one) => !isLayout(one) && !incomplete.has(one));
  if (isPlain) {
    const message = `the Template "${name}" is not a layout: each of its locales must contain {{{content}}}`;
    return { fault: templateFault('InvalidSpec', at, message) };
  }
  // the html of the layout is in a ConfigMap that is not there
  if (faults.length > 0) return { fault: { ...hasFaults, isElsewhere: true } };
  const { defaultLocale } = object.spec;
  return { layout: { content, defaultLocale: normalizeLocale(defaultLocale) }, object };
}
