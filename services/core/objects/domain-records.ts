// The DNS records that a sender's domain needs, and the check whether DNS has them. Receivers see
// the address of the relay, and only the relay's administrator knows which hosts SPF must allow. So
// the check requires exactly one SPF record and ignores its content.

import type { Sender } from '../catalog/catalog.ts';
import { dkimName } from '../mail/dkim/key.ts';

type RecordPurpose = 'SPF' | 'DKIM' | 'DMARC' | 'ReturnPath';
type RecordState = 'Found' | 'Missing' | 'Mismatch' | 'Unknown';

export interface WantedRecord {
  readonly purpose: RecordPurpose;
  readonly name: string;
  readonly type: 'TXT' | 'MX';
  /** The value to enter in DNS. */
  readonly value: string;
  /** Whether the domain counts as verified only with this record. */
  readonly isRequired: boolean;
}

export interface CheckedRecord extends WantedRecord {
  readonly state: RecordState;
}

/** A DKIM key for which a record is wanted. */
export interface WantedKey {
  readonly selector: string;
  readonly record: string;
  /** False for a successor while an older key still signs. */
  readonly isRequired: boolean;
}

export function wantedRecords(
  sender: Pick<Sender, 'domain' | 'returnPathDomain' | 'routes'>,
  keys: readonly WantedKey[],
): readonly WantedRecord[] {
  const { domain, returnPathDomain, routes } = sender;
  const relay = routes[0]?.host ?? 'relay.example';
  return [
    ...keys.map((key) => dkimRecordFor(key, domain)),
    {
      purpose: 'SPF',
      name: returnPathDomain,
      type: 'TXT',
      value: `v=spf1 a:${relay} ~all`,
      isRequired: true,
    },
    { purpose: 'DMARC', name: `_dmarc.${domain}`, type: 'TXT', value: 'v=DMARC1; p=none', isRequired: false },
    { purpose: 'ReturnPath', name: returnPathDomain, type: 'MX', value: `10 ${relay}`, isRequired: false },
  ];
}

export const dkimRecordFor = ({ selector, record, isRequired }: WantedKey, domain: string): WantedRecord => ({
  purpose: 'DKIM',
  name: dkimName(selector, domain),
  type: 'TXT',
  value: record,
  isRequired,
});

/**
 * `found`: the records in DNS with this name and type, an MX record as `preference exchange`; null:
 * the lookup failed.
 */
export function checkRecord(wanted: WantedRecord, found: readonly string[] | null): CheckedRecord {
  return { ...wanted, state: found === null ? 'Unknown' : stateOf(wanted, found) };
}

function stateOf({ purpose, value }: WantedRecord, found: readonly string[]): RecordState {
  switch (purpose) {
    case 'DKIM': {
      if (found.length === 0) return 'Missing';
      return found.some((text) => isSameKey(text, value)) ? 'Found' : 'Mismatch';
    }
    case 'SPF': {
      const policies = found.filter((text) => /^v=spf1(?: |$)/i.test(text));
      // RFC 7208, section 4.5: with two policies SPF fails for every mail
      return policies.length === 1 ? 'Found' : policies.length === 0 ? 'Missing' : 'Mismatch';
    }
    case 'DMARC': {
      const policies = found.filter((text) => /^v=DMARC1\s*(?:;|$)/.test(text));
      return policies.length === 1 ? 'Found' : policies.length === 0 ? 'Missing' : 'Mismatch';
    }
    case 'ReturnPath':
      // RFC 7505: a null MX accepts no mail
      return found.length === 0
        ? 'Missing'
        : found.some((text) => !/^\d+ \.?$/.test(text))
          ? 'Found'
          : 'Mismatch';
    default:
      purpose satisfies never;
      return 'Unknown';
  }
}

/** DNS panels add quotes, spaces and tags of their own, so only the key is compared. */
function isSameKey(found: string, wanted: string): boolean {
  const [there, here] = [tagsOf(found), tagsOf(wanted)];
  const kindOf = (tags: ReadonlyMap<string, string>): string => tags.get('k') ?? 'rsa';
  const isUsable = (there.get('v') ?? 'DKIM1') === 'DKIM1';
  return (
    isUsable && kindOf(there) === kindOf(here) && there.get('p') !== '' && there.get('p') === here.get('p')
  );
}

function tagsOf(record: string): ReadonlyMap<string, string> {
  return new Map(
    record.split(';').flatMap((tag) => {
      const equals = tag.indexOf('=');
      return equals < 0
        ? []
        : [
            [
              tag.slice(0, equals).trim().toLowerCase(),
              tag.slice(equals + 1).replaceAll(/[\s"]/g, ''),
            ] as const,
          ];
    }),
  );
}

/** The condition DomainVerified. */
interface Verification {
  readonly status: 'True' | 'False' | 'Unknown';
  readonly reason: 'Verified' | 'RecordsMissing' | 'RecordsMismatch' | 'LookupFailed';
  readonly message: string;
}

export function verify(records: readonly CheckedRecord[]): Verification {
  const required = records.filter(({ isRequired }) => isRequired);
  const namesOf = (state: RecordState): string =>
    required
      .filter((record) => record.state === state)
      .map(({ purpose, name }) => `${purpose} at ${name}`)
      .join(', ');
  const is = (state: RecordState): boolean => required.some((record) => record.state === state);
  if (is('Mismatch'))
    return {
      status: 'False',
      reason: 'RecordsMismatch',
      message: `wrong DNS records: ${namesOf('Mismatch')}`,
    };
  if (is('Missing'))
    return {
      status: 'False',
      reason: 'RecordsMissing',
      message: `missing DNS records: ${namesOf('Missing')}`,
    };
  if (is('Unknown'))
    return {
      status: 'Unknown',
      reason: 'LookupFailed',
      message: `DNS lookups failed: ${namesOf('Unknown')}`,
    };
  return { status: 'True', reason: 'Verified', message: 'DNS has all required records' };
}
