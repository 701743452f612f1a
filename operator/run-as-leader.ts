// Waits for leadership, works as the leader until it is lost, and waits again.

import type { Logger } from '../services/runtime/log.ts';
import { type ElectorParts, elect } from './kubernetes/elector.ts';
import { type OperatorParts, operate } from './reconcile/operator.ts';

interface LeaderParts
  extends Omit<OperatorParts, 'term' | 'onFenced'>,
    Pick<ElectorParts, 'lease' | 'identity'> {
  readonly log: Pick<Logger, 'info'>;
  readonly onLeader: (isLeader: boolean) => void;
}

/** Until the signal aborts. */
export async function runAsLeader(parts: LeaderParts, signal: AbortSignal): Promise<void> {
  const { cluster, writer, log, onLeader } = parts;
  const freshTerm = async (): Promise<number> => {
    const listed = await writer.list({ kind: 'operator', name: cluster });
    return Math.max(0, ...listed.map(({ fence }) => fence.term)) + 1;
  };
  while (!signal.aborted) {
    const leadership = await elect({ ...parts, freshTerm }, signal).catch((error: unknown) => {
      if (signal.aborted) return null;
      throw error;
    });
    if (leadership === null) return;
    const { term } = leadership;
    log.info({ term }, 'leading');
    onLeader(true);
    const fenced = new AbortController();
    const stopped = AbortSignal.any([signal, leadership.lost, fenced.signal]);
    await operate({ ...parts, term, onFenced: () => fenced.abort() }, stopped);
    onLeader(false);
    await leadership.release();
    log.info({ term }, 'no longer leading');
  }
}
