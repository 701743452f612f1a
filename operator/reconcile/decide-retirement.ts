// Decides which entries of the catalog are retired because their object was deleted. Pure. A wrong
// decision stops the mail of a live sender, so doubt keeps the entry.

import { operatorLimits } from '../../services/core/limits/operator.ts';
import type { OwnEntry } from '../../services/ports/catalog-writer.ts';
import type { SenderResource, TemplateResource } from '../api/v1alpha1/resources.ts';
import { domainOf, identifierIn } from './indexes.ts';

/** The objects of one namespace, or of all, as the API server has just listed them completely. */
export interface ListedObjects {
  readonly uids: ReadonlySet<string>;
  /** Resource version of the older list. */
  readonly version: string;
}

interface RetirementFacts {
  /** The live entries of this cluster, read before the objects were listed. */
  readonly entries: readonly OwnEntry[];
  /** Null: the namespace was not listed completely. The namespace null stands for all of them. */
  readonly listed: (namespace: string | null) => ListedObjects | null;
  /** Of the mirrors: which objects have the names of deleted ones now. */
  readonly senders: readonly SenderResource[];
  readonly templates: readonly TemplateResource[];
  /** Keys of entries that an earlier comparison held as `OlderState`. */
  readonly heldBefore: ReadonlySet<string>;
  readonly isMassRetireAllowed: boolean;
}

/**
 * - TooManyMissing: more than half and more than `operatorLimits.missingObjectsMax` of the objects
 *   of a namespace are missing at once, as after a restore that has not ended.
 * - OlderState: the API server is at an older version than the object was: its database was
 *   restored, and the object was created after the backup.
 */
interface HeldRetirement {
  readonly namespace: string | null;
  readonly reason: 'TooManyMissing' | 'OlderState';
  readonly keys: readonly string[];
  /** Entries of the namespace. */
  readonly total: number;
}

export interface RetirementDecision {
  readonly retire: readonly OwnEntry[];
  readonly held: readonly HeldRetirement[];
}

export function decideRetirement(facts: RetirementFacts): RetirementDecision {
  const retire: OwnEntry[] = [];
  const held: HeldRetirement[] = [];
  const identifiers = new Map(
    facts.templates.map((template) => [template.metadata.uid, identifierIn(template)]),
  );
  for (const [namespace, entries] of Map.groupBy(facts.entries, (entry) => entry.namespace)) {
    const listed = facts.listed(namespace);
    if (listed === null) continue;
    const renamed = entries.filter(({ key, uid }) => {
      const identifier = uid === null || !listed.uids.has(uid) ? undefined : identifiers.get(uid);
      return identifier !== undefined && isTemplate(key) && !key.endsWith(`/${identifier}`);
    });
    const missing = entries.filter(
      (entry) => (entry.uid === null || !listed.uids.has(entry.uid)) && !hasSuccessor(entry, listed, facts),
    );
    const isLater = ({ key, version }: OwnEntry): boolean =>
      facts.heldBefore.has(key) || isNewer(version, listed.version);
    const later = facts.isMassRetireAllowed ? [] : missing.filter(isLater);
    const gone = missing.filter((entry) => !later.includes(entry));
    const isMass =
      !facts.isMassRetireAllowed &&
      gone.length > operatorLimits.missingObjectsMax &&
      gone.length > entries.length / 2;
    retire.push(...renamed, ...(isMass ? [] : gone));
    const hold = (reason: HeldRetirement['reason'], which: readonly OwnEntry[]): void => {
      if (which.length > 0)
        held.push({ namespace, reason, keys: which.map(({ key }) => key), total: entries.length });
    };
    hold('OlderState', later);
    hold('TooManyMissing', isMass ? gone : []);
  }
  return { retire, held };
}

const isTemplate = (key: string): boolean => key.startsWith('template/');

/**
 * Whether an object was recreated that takes the entry over when it is visited: a Sender of the
 * same name and domain, or a Template of the same identifier.
 */
function hasSuccessor(
  { key, namespace, domain }: OwnEntry,
  { uids }: ListedObjects,
  { senders, templates }: Pick<RetirementFacts, 'senders' | 'templates'>,
): boolean {
  const isHere = ({ metadata }: SenderResource | TemplateResource): boolean =>
    metadata.namespace === namespace && uids.has(metadata.uid ?? '');
  return isTemplate(key)
    ? templates.some((object) => isHere(object) && key.endsWith(`/${identifierIn(object)}`))
    : senders.some(
        (object) => isHere(object) && key.endsWith(`/${object.metadata.name}`) && domainOf(object) === domain,
      );
}

/** Resource versions of one server are numbers that grow. Other texts cannot be compared. */
function isNewer(version: string | null, than: string): boolean {
  const isNumber = (text: string | null): text is string => text !== null && /^\d+$/.test(text);
  return isNumber(version) && isNumber(than) && BigInt(version) > BigInt(than);
}
