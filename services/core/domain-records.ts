// The DNS records that a sender's domain needs, what to enter, and what to think of what is there. Packetboat hands mail to a relay, which receivers
// see: which hosts SPF has to allow only whoever runs the relay knows. So of SPF one record is asked for, and its content is not judged.

import type { Sender } from './catalog.ts';
import { dkimName } from './dkim/key.ts';

export type RecordPurpose = 'SPF' | 'DKIM' | 'DMARC' | 'ReturnPath';
export type RecordState = 'Found' | 'Missing' | 'Mismatch' | 'Unknown';

export interface WantedRecord {
  readonly purpose: RecordPurpose;
  readonly name: string;
  readonly type: 'TXT' | 'MX';
  /** What to enter. */
  readonly value: string;
  /** The domain does not count as verified without it. */
  readonly isRequired: boolean;
}

export interface CheckedRecord extends WantedRecord {
  readonly state: RecordState;
}

/** A key's selector, and the text of its record. */
export interface WantedKey {
  readonly selector: string;
  readonly record: string;
  /** False of a successor, while an older key still signs. */
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
    { purpose: 'SPF', name: returnPathDomain, type: 'TXT', value: `v=spf1 a:${relay} ~all`, isRequired: true },
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

/** `found`: what DNS has under the record's name and type, MX as `preference exchange`; null: it could not be asked. */
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
      // RFC 7208, section 4.5: two are an error, and nothing passes
      return policies.length === 1 ? 'Found' : policies.length === 0 ? 'Missing' : 'Mismatch';
    }
    case 'DMARC': {
      const policies = found.filter((text) => /^v=DMARC1\s*(?:;|$)/.test(text));
      return policies.length === 1 ? 'Found' : policies.length === 0 ? 'Missing' : 'Mismatch';
    }
    case 'ReturnPath':
      // RFC 7505: a null MX takes no mail
      return found.length === 0 ? 'Missing' : found.some((text) => !/^\d+ \.?$/.test(text)) ? 'Found' : 'Mismatch';
    default:
      purpose satisfies never;
      return 'Unknown';
  }
}

/** DNS panels add quotes, blanks and tags of their own; what counts is the key. */
function isSameKey(found: string, wanted: string): boolean {
  const [there, here] = [tagsOf(found), tagsOf(wanted)];
  const kindOf = (tags: ReadonlyMap<string, string>): string => tags.get('k') ?? 'rsa';
  const isUsable = (there.get('v') ?? 'DKIM1') === 'DKIM1';
  return isUsable && kindOf(there) === kindOf(here) && there.get('p') !== '' && there.get('p') === here.get('p');
}

function tagsOf(record: string): ReadonlyMap<string, string> {
  return new Map(
    record.split(';').flatMap((tag) => {
      const equals = tag.indexOf('=');
      return equals < 0 ? [] : [[tag.slice(0, equals).trim().toLowerCase(), tag.slice(equals + 1).replaceAll(/[\s"]/g, '')] as const];
    }),
  );
}

/** What the condition DomainVerified says. */
export interface Verification {
  readonly status: 'True' | 'False' | 'Unknown';
  readonly reason: 'Verified' | 'RecordsMissing' | 'RecordsMismatch' | 'LookupFailed';
  readonly message: string;
}

export function verify(records: readonly CheckedRecord[]): Verification {
  const required = records.filter(({ isRequired }) => isRequired);
  const shown = (state: RecordState): string =>
    required
      .filter((record) => record.state === state)
      .map(({ purpose, name }) => `${purpose} at ${name}`)
      .join(', ');
  const is = (state: RecordState): boolean => required.some((record) => record.state === state);
  if (is('Mismatch'))
    return { status: 'False', reason: 'RecordsMismatch', message: `is not what it should be in DNS: ${shown('Mismatch')}` };
  if (is('Missing')) return { status: 'False', reason: 'RecordsMissing', message: `is missing in DNS: ${shown('Missing')}` };
  if (is('Unknown')) return { status: 'Unknown', reason: 'LookupFailed', message: `DNS could not be asked for ${shown('Unknown')}` };
  return { status: 'True', reason: 'Verified', message: 'all required DNS records are there' };
}
