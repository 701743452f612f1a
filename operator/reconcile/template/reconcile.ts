// One visit to a Template: gather what it is about, compile it, publish it, say how it stands.

import { compileTemplate, identifierOf } from '../../../services/core/compile-template.ts';
import { Failure } from '../../../services/core/failure.ts';
import { isFaults, type ObjectFault } from '../../../services/core/fault.ts';
import { limits } from '../../../services/core/limits.ts';
import { apiVersion, readObject, type TemplateObject } from '../../../services/core/objects.ts';
import { normalizeLocale } from '../../../services/core/template/locale.ts';
import { judgeUse, type TemplateUse } from '../../../services/core/template/warnings.ts';
import { type TemplateResource, templates } from '../../api/v1alpha1/resources.ts';
import { configMaps } from '../../kubernetes/resource.ts';
import { type Judged, judgeFaults, judgeReady, notReadable, pending } from '../conditions.ts';
import { type Context, isOlder } from '../context.ts';
import { type Published, publish, publishedBefore, publishedTime } from '../publish.ts';
import { configMapFields, namesIn } from '../references.ts';
import { tenantNotAllowed } from '../tenants.ts';
import { writeStatus } from '../write-status.ts';

type Data = Readonly<Record<string, string>>;

export async function reconcileTemplate(context: Context, object: TemplateResource): Promise<number | null> {
  // it has no finalizer: it is gone from here, and from the catalog with the sweep that follows
  if (object.metadata.deletionTimestamp !== undefined) return null;
  const read = readTemplate(object);
  if (isFaults(read)) return settle(context, object, judgeAll(read), null);
  const tenant = await context.tenants.of(object.metadata.namespace ?? '');
  const conflict = tenant === null ? tenantNotAllowed : await conflictOf(context, object, identifierOf(read), tenant);
  if (conflict !== null || tenant === null) return settle(context, object, judgeAll(conflict === null ? [] : [conflict]), read);

  const texts = await readConfigMaps(context, object, read).catch((error: unknown) => notReadable('ConfigMaps', error));
  if ('reason' in texts) {
    await settle(context, object, [judgeFaults('Accepted', [], true), texts, pending('Compiled'), pending('Published')], read);
    return limits.reconcileStoreRetryMs;
  }
  const namespace = object.metadata.namespace ?? '';
  const compiled = compileTemplate(
    { ...read, metadata: { ...read.metadata, namespace: tenant } },
    {
      configMap: (name) => texts.get(name) ?? null,
      hasSender: (name) => context.senders.get({ namespace, name }) !== null,
      template: (name) => templateOf(context, namespace, name),
    },
  );
  if (isFaults(compiled)) return settle(context, object, judgeAll(compiled), read);
  const { judged, revision, isNew, isForeign } = await publish(context, object, { kind: 'template', template: compiled });
  const use = judgeUse(compiled);
  const all = isForeign ? [foreign, pending('ReferencesResolved'), pending('Compiled')] : [...judgeAll([]).slice(0, 2), compiledWith(use)];
  const time = publishedTime(context, object.status, isNew);
  const published = revision === null ? undefined : { revision, configHash: compiled.hash, publishedTime: time };
  await settle(context, object, [...all, judged], read, published, use);
  return judged.status === 'False' ? limits.reconcileStoreRetryMs : null;
}

function readTemplate({ metadata, spec }: TemplateResource): TemplateObject | readonly ObjectFault[] {
  const read = readObject({ apiVersion, kind: 'Template', metadata: { name: metadata.name, namespace: metadata.namespace }, spec });
  if (isFaults(read)) return read;
  if (read.kind !== 'Template') throw new Failure('internal', 'a Template was read as something else');
  return read;
}

/** Of those of one tenant that have the same identifier the oldest has it. */
async function conflictOf(context: Context, object: TemplateResource, identifier: string, tenant: string): Promise<ObjectFault | null> {
  for (const other of context.templates.by('identifier', identifier)) {
    if (other.metadata.uid === object.metadata.uid || !isOlder(other, object)) continue;
    const { namespace = '' } = other.metadata;
    const isNear = namespace === object.metadata.namespace;
    if (!isNear && (await context.tenants.of(namespace)) !== tenant) continue;
    const message = isNear ? `is taken by Template "${other.metadata.name}"` : 'is taken in another namespace of this tenant';
    return { reason: 'IdentifierConflict', path: ['spec', 'identifier'], message };
  }
  return null;
}

function templateOf(context: Context, namespace: string, name: string): TemplateObject | null {
  const found = context.templates.get({ namespace, name });
  const read = found === null ? [] : readTemplate(found);
  return isFaults(read) ? null : read;
}

/** Those of the template and of the layouts around it. */
async function readConfigMaps(
  context: Context,
  object: TemplateResource,
  template: TemplateObject,
): Promise<ReadonlyMap<string, Data | null>> {
  const { namespace = '' } = object.metadata;
  const specs: unknown[] = [template.spec];
  for (let layout = template.spec.layoutRef?.name; layout !== undefined && specs.length <= limits.layoutDepthMax + 1; ) {
    const around = templateOf(context, namespace, layout);
    specs.push(around?.spec);
    layout = around?.spec.layoutRef?.name;
  }
  const read = namesIn(specs, configMapFields).map(async (name) => {
    try {
      return [name, (await context.client.get(configMaps, { namespace, name })).data ?? {}] as const;
    } catch (error) {
      if (error instanceof Failure && error.kind === 'not_found') return [name, null] as const;
      throw error;
    }
  });
  return new Map(await Promise.all(read));
}

function compiledWith({ warnings }: TemplateUse): Judged {
  const [first] = warnings;
  if (first === undefined) return judgeFaults('Compiled', [], true);
  const more = warnings.length > 1 ? `; and ${warnings.length - 1} more in status.warnings` : '';
  return { type: 'Compiled', status: 'True', reason: 'CompiledWithWarnings', message: `${first.path} ${first.message}${more}` };
}

const order = ['Accepted', 'ReferencesResolved', 'Compiled'] as const;

/** What comes after the first that does not hold is pending, unless it has faults of its own. */
function judgeAll(faults: readonly ObjectFault[]): readonly Judged[] {
  let isReached = true;
  const judged = order.map((type) => {
    const one = judgeFaults(type, faults, isReached);
    isReached &&= one.status === 'True';
    return one;
  });
  return [...judged, pending('Published')];
}

const foreign: Judged = {
  type: 'Accepted',
  status: 'False',
  reason: 'IdentifierConflict',
  message: 'the catalog has a template of this identifier from another source, a folder or another cluster',
};

async function settle(
  context: Context,
  object: TemplateResource,
  judged: readonly Judged[],
  template: TemplateObject | null,
  published: Published = publishedBefore(object.status),
  use: TemplateUse | null = null,
): Promise<null> {
  const ready = judgeReady(judged, { isSuspended: false, isEnforced: false });
  const about =
    template === null
      ? {}
      : { identifier: identifierOf(template), locales: template.spec.locales.map(({ locale }) => normalizeLocale(locale)) };
  await writeStatus(context, templates, object, [...judged, ready], {
    ...published,
    ...about,
    ...(use === null ? {} : { usedVariables: [...use.usedVariables], warnings: use.warnings.slice(0, limits.warningsShownMax) }),
  });
  return null;
}
