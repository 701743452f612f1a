// Decides the catalog entry, the conditions and the next visit of a Template, from its spec,
// layouts, ConfigMaps and the other claimants of its identifier. Pure.

import { isFaults, type ObjectFault } from '../../../services/core/documents/fault.ts';
import { Failure } from '../../../services/core/failure.ts';
import { operatorLimits } from '../../../services/core/limits/operator.ts';
import { compileTemplate, identifierOf } from '../../../services/core/objects/compile-template.ts';
import { apiVersion } from '../../../services/core/objects/identity.ts';
import { readObject } from '../../../services/core/objects/read-object.ts';
import type { TemplateObject } from '../../../services/core/objects/template-schema.ts';
import { normalizeLocale } from '../../../services/core/template/locale.ts';
import {
  describeUse,
  type TemplateUse,
  type TemplateWarning,
} from '../../../services/core/template/warnings.ts';
import type { TemplateResource } from '../../api/v1alpha1/resources.ts';
import type { TemplateStatus } from '../../api/v1alpha1/status.ts';
import {
  conditionFromFaults,
  conditionsFromFaults,
  type NewCondition,
  pending,
  unreadableReferences,
} from '../conditions.ts';
import type { Decision } from '../decision.ts';
import { identifierIn } from '../indexes.ts';
import { tenantNotAllowed } from '../tenants.ts';

/** The data of ConfigMaps, by name; null: there is no ConfigMap of that name. */
export type ConfigMapData = ReadonlyMap<string, Readonly<Record<string, string>> | null>;

/** The facts gathered about a Template. Facts that an earlier fact makes useless are empty. */
export interface TemplateFacts {
  readonly object: TemplateResource;
  /** The object, parsed; or the faults of its spec. */
  readonly read: TemplateObject | readonly ObjectFault[];
  /** Null: the label of the namespace is not a tenant's name. */
  readonly tenant: string | null;
  /**
   * The Template of this tenant that already has the identifier; null: this Template may have it.
   */
  readonly owner: TemplateResource | null;
  /** The layouts around it, by name. */
  readonly layouts: ReadonlyMap<string, TemplateObject>;
  readonly hasSender: boolean;
  /**
   * The ConfigMaps that the template and its layouts name. Null: the API server forbids reading
   * them.
   */
  readonly configMaps: ConfigMapData | null;
}

/** The facts that decide, besides the spec, whether a Template is accepted. */
export type TemplateClaim = Pick<TemplateFacts, 'object' | 'read' | 'tenant' | 'owner'>;

/** Parses the object. */
export function readTemplate({
  metadata: { name, namespace },
  spec,
}: TemplateResource): TemplateObject | readonly ObjectFault[] {
  const read = readObject({ apiVersion, kind: 'Template', metadata: { name, namespace }, spec });
  if (isFaults(read)) return read;
  if (read.kind !== 'Template') throw new Failure('internal', 'a Template was read as another kind');
  return read;
}

/**
 * The Template with its tenant in place of the namespace, as the catalog names it, if the namespace
 * may have it and the identifier is its own.
 */
export function acceptTemplate({
  object,
  read,
  tenant,
  owner,
}: TemplateClaim): TemplateObject | readonly ObjectFault[] {
  if (isFaults(read)) return read;
  if (tenant === null) return [tenantNotAllowed];
  if (owner === null) return { ...read, metadata: { ...read.metadata, namespace: tenant } };
  const isSameNamespace = owner.metadata.namespace === object.metadata.namespace;
  const message = isSameNamespace
    ? `is taken by Template "${owner.metadata.name}"`
    : 'is taken in another namespace of this tenant';
  return [{ reason: 'IdentifierConflict', path: ['spec', 'identifier'], message }];
}

const foreign: NewCondition = {
  type: 'Accepted',
  status: 'False',
  reason: 'IdentifierConflict',
  message: 'another source, a folder or another cluster, owns the template of this identifier in the catalog',
};

export function decideTemplate(facts: TemplateFacts): Decision {
  const { read, layouts, hasSender, configMaps } = facts;
  const decided = { fields: identifyingFields(read), isRenamed: isRenamed(facts.object) };
  const template = acceptTemplate(facts);
  if (isFaults(template)) return withoutEntry(faultConditions(template), decided);
  if (configMaps === null) {
    const conditions = [
      conditionFromFaults('Accepted', [], true),
      unreadableReferences('ConfigMaps'),
      pending('Compiled'),
    ];
    return { ...withoutEntry(conditions, decided), nextVisitMs: operatorLimits.reconcileStoreRetryMs };
  }
  const compiled = compileTemplate(template, {
    configMap: (name) => configMaps.get(name) ?? null,
    hasSender: () => hasSender,
    template: (name) => layouts.get(name) ?? null,
  });
  const { revision, faults } = compiled;
  if (faults.length > 0 || revision === null) return withoutEntry(faultConditions(faults), decided);
  const use = describeUse(revision);
  return {
    ...withoutEntry([...faultConditions([]).slice(0, 2), compiledCondition(use)], {
      ...decided,
      fields: { ...decided.fields, ...useFields(use) },
    }),
    entry: { kind: 'template', template: revision },
  };
}

const withoutEntry = (
  conditions: readonly NewCondition[],
  { fields, isRenamed }: Pick<Decision, 'fields' | 'isRenamed'>,
): Decision => ({
  entry: null,
  conditions,
  foreign,
  fields,
  ready: { isSuspended: false, isEnforced: false },
  isRenamed,
  nextVisitMs: null,
});

const faultConditions = (faults: readonly ObjectFault[]): readonly NewCondition[] =>
  conditionsFromFaults(['Accepted', 'ReferencesResolved', 'Compiled'], faults);

function compiledCondition({ warnings }: { readonly warnings: readonly TemplateWarning[] }): NewCondition {
  const [first] = warnings;
  if (first === undefined) return conditionFromFaults('Compiled', [], true);
  const more = warnings.length > 1 ? `; and ${warnings.length - 1} more in status.warnings` : '';
  return {
    type: 'Compiled',
    status: 'True',
    reason: 'CompiledWithWarnings',
    message: `${first.path} ${first.message}${more}`,
  };
}

/** The identifier in the status is that of the last visit. */
const isRenamed = (object: TemplateResource): boolean =>
  object.status?.identifier !== undefined && object.status.identifier !== identifierIn(object);

/** Returned for any valid spec, whether the tenant may have the identifier or not. */
function identifyingFields(read: TemplateFacts['read']): Pick<TemplateStatus, 'identifier' | 'locales'> {
  if (isFaults(read)) return {};
  return {
    identifier: identifierOf(read),
    locales: read.spec.locales.map(({ locale }) => normalizeLocale(locale)),
  };
}

const useFields = ({
  usedVariables,
  warnings,
}: TemplateUse): Pick<TemplateStatus, 'usedVariables' | 'warnings'> => ({
  usedVariables: [...usedVariables],
  warnings: warnings.slice(0, operatorLimits.warningsShownMax),
});
