// How an answer is put together from what the server said, or from what happened instead.

import { type Answer, type AnswerKind, oneLine, type Reason, type Reply, type Stage } from '../../core/delivery/reply.ts';
import { faultOf } from './connection-faults.ts';

/** The server's own words. */
export function replied(kind: 'accepted' | 'refused', stage: Stage, { code, enhanced, text }: Reply): Answer {
  return { kind, stage, reason: null, code, enhanced, text };
}

/** No reply of a server; the text is ours. */
export function happened(kind: Exclude<AnswerKind, 'accepted' | 'refused'>, stage: Stage, reason: Reason | null, text: string): Answer {
  return { kind, stage, reason, code: null, enhanced: null, text: oneLine(text) };
}

export const aborted = (stage: Stage): Answer => happened('aborted', stage, null, 'given up before the final dot');
export const fault = (stage: Stage, reason: Reason, text: string): Answer => happened('fault', stage, reason, text);

/** How a step that did not come to its end ended. */
export type Broken =
  | { readonly how: 'timeout' }
  | { readonly how: 'aborted' }
  | { readonly how: 'failed'; readonly error: Error & { readonly code?: string } };

/** The connection ended, or was closed by us, before the answer. */
export function lost(kind: 'lost' | 'answer_lost', stage: Stage, broken: Broken): Answer {
  switch (broken.how) {
    case 'timeout':
      return happened(kind, stage, 'timeout', 'the server did not answer in time');
    case 'aborted':
      return happened(kind, stage, 'dropped', 'given up by the sender of the mail');
    case 'failed':
      return happened(kind, stage, broken.error.code === 'EPROTOCOL' ? 'protocol' : 'dropped', faultOf(broken.error));
    default:
      return broken satisfies never;
  }
}
