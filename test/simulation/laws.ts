// The promises that every simulated world must keep. The first seven carry the names that they
// have in model/delivery.mjs.

export const laws = [
  'P5: a second copy only after a fault in the span',
  'P5: at_most_once never sends two',
  'P7: nothing is sent after a 200 to DELETE',
  'cancelled means not sent',
  'bounced and dead mean not sent, unless a retry was refused after a possible copy',
  'terminal states never change',
  'delivered means sent',
  'P1: every acknowledged message is there and ends',
  'P2: what was refused without a message_id is never sent',
  'P3: one key, one message, one answer',
  'P4: a key means one request',
  'P6: no attempt before its time',
  'P6: no attempt later than its time allows',
  'P6: attempts are counted by refusals alone',
  'P7: a wish to cancel is honoured when it defers',
  'P8: nothing before its scheduled time',
  'P11: no DATA to an address suppressed before the claim',
  'P12: one event for each thing that happened, in order',
  'R2: a lapsed lease counts as one, and nothing else does',
  'R3: what waits is not started',
  'R5: the store’s clock neither stands still nor hurries',
  'R7: a release spends nothing',
  'R8: every attempt has the same Message-ID and bytes',
  'R9: nothing starts past its expiry',
  'memory is bounded',
  'no bug stops a process',
] as const;

export type Law = (typeof laws)[number];

/** Told of a broken law; the first one ends the world. */
export type Break = (law: Law, detail: string) => void;
