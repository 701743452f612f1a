// Makes an Answer from a server's reply, or from the event that prevented a reply.

import {
  type Answer,
  type AnswerKind,
  oneLine,
  type Reason,
  type Reply,
  type Stage,
} from '../delivery/reply.ts';

/** The server replied; the text is the server's. */
export function replied(kind: 'accepted' | 'refused', stage: Stage, { code, enhanced, text }: Reply): Answer {
  return { kind, stage, reason: null, code, enhanced, text };
}

/** The server did not reply; the text is ours. */
export function happened(
  kind: Exclude<AnswerKind, 'accepted' | 'refused'>,
  stage: Stage,
  reason: Reason | null,
  text: string,
): Answer {
  return { kind, stage, reason, code: null, enhanced: null, text: oneLine(text) };
}

export const aborted = (stage: Stage): Answer =>
  happened('aborted', stage, null, 'given up before the final dot');
export const fault = (stage: Stage, reason: Reason, text: string): Answer =>
  happened('fault', stage, reason, text);

/**
 * How a conversation broke off: the server was silent too long, our caller gave up, or the
 * connection failed.
 */
export type Broken =
  | { readonly how: 'timeout' }
  | { readonly how: 'aborted' }
  /** The text is a sentence of ours, never the message of a library's error. */
  | { readonly how: 'failed'; readonly reason: 'dropped' | 'protocol'; readonly text: string };

/** The conversation broke off before the reply. */
export function lost(kind: 'lost' | 'answer_lost', stage: Stage, broken: Broken): Answer {
  switch (broken.how) {
    case 'timeout':
      return happened(kind, stage, 'timeout', 'the server did not answer in time');
    case 'aborted':
      return happened(kind, stage, 'dropped', 'given up by the sender of the mail');
    case 'failed':
      return happened(kind, stage, broken.reason, broken.text);
    default:
      return broken satisfies never;
  }
}
