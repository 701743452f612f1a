// The fields of a Sender's status besides conditions and the catalog: verification, DKIM keys and
// DNS records.

import type { CheckedRecord } from '../../../services/core/objects/domain-records.ts';
import type { SenderStatus } from '../../api/v1alpha1/status.ts';
import { timeText } from '../conditions.ts';
import { stateOf } from './decide-dkim-keys.ts';
import type { StoredDkimKey } from './dkim-secrets.ts';

type SenderFields = Pick<SenderStatus, 'verifiedTime' | 'dkimKeys' | 'dnsRecords'>;

export function senderFields({
  verifiedTime,
  keys,
  records,
}: {
  readonly verifiedTime: string | undefined;
  readonly keys: readonly StoredDkimKey[];
  readonly records: readonly CheckedRecord[];
}): SenderFields {
  return {
    ...(verifiedTime === undefined ? {} : { verifiedTime }),
    ...(keys.length === 0 ? {} : { dkimKeys: keys.map(keyStatus) }),
    ...(records.length === 0 ? {} : { dnsRecords: records.map(recordStatus) }),
  };
}

type KeyStatus = NonNullable<SenderStatus['dkimKeys']>[number];
type RecordStatus = NonNullable<SenderStatus['dnsRecords']>[number];

function keyStatus({ managed, key, secret }: StoredDkimKey): KeyStatus {
  const changedAt = managed.retiredAt ?? managed.activeAt;
  return {
    selector: managed.selector,
    algorithm: managed.algorithm,
    state: stateOf(managed),
    secretName: secret.metadata.name,
    fingerprint: key.fingerprint,
    createdTime: timeText(managed.createdAt),
    ...(managed.seenAt === null ? {} : { seenTime: timeText(managed.seenAt) }),
    ...(changedAt === null ? {} : { changedTime: timeText(changedAt) }),
  };
}

const recordStatus = ({ purpose, name, type, value, state, isRequired }: CheckedRecord): RecordStatus => ({
  purpose,
  name,
  type,
  value,
  state,
  required: isRequired,
});
