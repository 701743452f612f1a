import { status } from '@grpc/grpc-js';
import { describe, expect, test } from 'vitest';
import type { AdmitRequest, Refusal } from '../../proto/gen/packetboat/internal/v1/ingest.ts';
import { refusal } from '../refusals.ts';
import { Admission } from './admission.ts';

const rate = { limit: 10, remaining: 9, reset: 1 };
const unauthenticated = refusal(status.UNAUTHENTICATED, 'unauthenticated', 'x');
const tooMany = refusal(status.RESOURCE_EXHAUSTED, 'too_many_failed_authentications', 'x', {
  retry_after_ms: 1_000,
});
const forbidden = refusal(status.PERMISSION_DENIED, 'forbidden', 'x');

/** An admission whose ingest refuses so, and the questions that it asks. */
function asking(refused: Refusal | undefined, isCountedLater: boolean) {
  const questions: string[] = [];
  const admit = async ({ uncounted }: AdmitRequest) => {
    questions.push(uncounted ? 'uncounted' : 'counted');
    return { refused, rate: uncounted ? undefined : rate };
  };
  const caller = { credential: 'k', clientAddress: '192.0.2.1' };
  return {
    admission: new Admission({ admit }, caller, { scope: 's', isCountedLater, requestId: 'req_1' }),
    questions,
  };
}

describe('before a large body', () => {
  test.each([
    ['a bad key is asked about once, so its failure counts once', unauthenticated, true, ['uncounted']],
    ['a bad key that failed too often is asked about once', tooMany, true, ['uncounted']],
    [
      'a good key that is refused is counted, so the answer has its figures',
      forbidden,
      true,
      ['uncounted', 'counted'],
    ],
    ['a good key is not counted, since the call counts', undefined, true, ['uncounted']],
    ['a bad key of a request to send is asked about once', unauthenticated, false, ['counted']],
    ['a good key of a request to send is counted', undefined, false, ['counted']],
  ])('%s', async (_, refused, isCountedLater, asked) => {
    const { admission, questions } = asking(refused, isCountedLater);
    expect(await admission.refusalOfLarge()).toEqual(refused);
    if (refused !== undefined) expect(await admission.refusal()).toEqual(refused);
    expect(questions).toEqual(asked);
    expect(admission.rate).toEqual(asked.includes('counted') ? rate : undefined);
  });
});
