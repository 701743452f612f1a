// Faults by script. A rule says at which stage of which dialogues something happens, how often, and
// what. Plain JSON, so that a sink in another process takes the same rules. The first rule that
// bites decides.

import { z } from 'zod';

/**
 * Where a rule can bite; each but `body` is the moment before the sink's reply. `body` is while the
 * mail arrives, `dot` when it is whole.
 */
export const STAGES = [
  'greeting',
  'ehlo',
  'starttls',
  'auth',
  'mail',
  'rcpt',
  'data',
  'body',
  'dot',
  'rset',
  'quit',
] as const;
export type SmtpStage = (typeof STAGES)[number];

const count = z.number().int().nonnegative();

export const ruleSchema = z.strictObject({
  at: z.enum(STAGES),

  // --- which dialogues; all that are given must fit
  /** Connections are counted from 1. */
  connection: count.optional(),
  /** A whole address, or `@` and a domain; case does not matter. */
  from: z.string().optional(),
  /** The same for the recipient; at `data`, `body` and `dot` any recipient of the mail. */
  to: z.string().optional(),

  // --- how often; counted over all dialogues that fit, or for each recipient or connection of its own
  per: z.enum(['recipient', 'connection']).optional(),
  /** Leave the first ones alone. */
  skip: count.optional(),
  /** Then bite each nth time. */
  every: count.min(1).optional(),
  /** And no more than this often. */
  times: count.optional(),

  // --- what happens, in this order
  /** `body` only: once this many bytes have come; with the first byte when absent. */
  afterBytes: count.optional(),
  /** `body` only: read no faster than this. */
  bytesPerSecond: count.min(1).optional(),
  delayMs: count.optional(),
  /** Sends nothing until `release()` is called or the client disconnects. */
  hang: z.literal(true).optional(),
  /**
   * Instead of the usual reply, without the last CRLF. At `dot` a mail counts as taken unless this
   * is 4xx or 5xx.
   */
  reply: z.string().optional(),
  /** The reply goes out byte by byte, each one in a turn of the event loop of its own. */
  split: z.literal(true).optional(),
  /**
   * Close (FIN) or reset (RST) the connection, or only say that nothing more will be said (FIN, and
   * the other half stays open): after `reply` when there is one, without any reply otherwise.
   */
  drop: z.enum(['close', 'reset', 'half']).optional(),
});

export type Rule = z.infer<typeof ruleSchema>;

/**
 * What a dialogue is about at the moment; `to` has the one recipient at `rcpt`, all of the mail
 * afterwards.
 */
export interface Situation {
  readonly connection: number;
  readonly from: string;
  readonly to: readonly string[];
}

/** Rules with what they have counted so far. */
export class RuleScript {
  readonly #rules: readonly { readonly rule: Rule; readonly seen: Map<string, number> }[];

  constructor(rules: readonly Rule[]) {
    this.#rules = rules.map((rule) => ({ rule, seen: new Map() }));
  }

  /** The rule that bites here. Asking counts. */
  next(stage: SmtpStage, situation: Situation): Rule | null {
    for (const { rule, seen } of this.#rules) {
      if (rule.at !== stage || !fits(rule, situation)) continue;
      const counted = counter(rule, situation);
      const nth = seen.get(counted) ?? 0;
      seen.set(counted, nth + 1);
      if (bites(rule, nth)) return rule;
    }
    return null;
  }
}

function fits(rule: Rule, { connection, from, to }: Situation): boolean {
  if (rule.connection !== undefined && rule.connection !== connection) return false;
  if (rule.from !== undefined && !isMeant(rule.from, from)) return false;
  return rule.to === undefined || concerned(rule, to) !== undefined;
}

const concerned = (rule: Rule, to: readonly string[]) =>
  to.find((recipient) => rule.to === undefined || isMeant(rule.to, recipient));

function isMeant(pattern: string, address: string): boolean {
  const [wanted, actual] = [pattern.toLowerCase(), address.toLowerCase()];
  return wanted.startsWith('@') ? actual.endsWith(wanted) : actual === wanted;
}

function counter(rule: Rule, { connection, to }: Situation): string {
  if (rule.per === 'connection') return String(connection);
  return rule.per === 'recipient' ? (concerned(rule, to) ?? '').toLowerCase() : '';
}

function bites({ skip = 0, every = 1, times = Number.POSITIVE_INFINITY }: Rule, nth: number): boolean {
  const since = nth - skip;
  return since >= 0 && since % every === 0 && since / every < times;
}
