// What each sender's budget lets go now, and when the rest may come back. Mail that waits is spread
// over the time in which its tokens come, one behind the other; while there is such a line, tokens
// are for those in it, and newcomers join its end (P9).
//
// Each process has its own lines. With several dispatchers a newcomer that comes to one of them may
// pass mail that waits in the line of another. That is accepted: it is bounded by what comes in
// while a line lasts, mail of a line takes part in each dispatcher's turns when it is due, and a
// shared line would cost a round trip for each batch.

import type { Sender } from '../core/catalog/catalog.ts';
import type { MessageId } from '../core/ids.ts';
import type { Budget } from '../ports/budgets.ts';
import type { Dispatcher } from './dispatcher.ts';
import { WaitingLine } from './waiting-line.ts';

const SECOND_MS = 1_000;
const DAY_MS = 86_400_000;

interface Limits {
  readonly perSecond: Budget | null;
  readonly perDay: Budget | null;
}

function limitsOf(sender: Sender): Limits {
  const { messagesPerSecond, messagesPerDay } = sender.limits;
  const name = `sender/${sender.tenant}/${sender.name}`;
  return {
    // a bucket that holds less than one token never grants any
    perSecond:
      messagesPerSecond > 0
        ? { name, limit: messagesPerSecond, windowMs: SECOND_MS, burst: Math.max(1, messagesPerSecond) }
        : null,
    perDay:
      messagesPerDay > 0
        ? { name: `${name}/day`, limit: messagesPerDay, windowMs: DAY_MS, burst: messagesPerDay }
        : null,
  };
}

/** `waitMs`, `intervalMs`: until the first token of those refused, and between two of them. */
interface Grant {
  readonly granted: number;
  readonly waitMs: number;
  readonly intervalMs: number;
}

type BudgetParts = Pick<Dispatcher, 'budgets'> & { readonly messages: Pick<Dispatcher['messages'], 'now'> };

export class SenderBudgets {
  readonly #d: BudgetParts;
  /**
   * By sender and its limits: a line paced by limits that have been changed means nothing any more.
   */
  readonly #lines = new Map<string, WaitingLine>();

  constructor(d: BudgetParts) {
    this.#d = d;
  }

  /**
   * Of mail in its order, first `waited` that a budget held before, then `fresh`: how many may go
   * now, and a due for each of the others. Those that waited go first, and wait at the front when
   * they are refused; the others go only where nobody waits.
   */
  async take(
    sender: Sender,
    waited: readonly MessageId[],
    fresh: number,
  ): Promise<{ readonly granted: number; readonly dues: readonly number[] }> {
    const { perSecond, perDay } = limitsOf(sender);
    if (perSecond === null && perDay === null) return { granted: waited.length + fresh, dues: [] };
    const wanted = waited.length + (this.#lineOf(sender).isThere(this.#d.messages.now()) ? 0 : fresh);
    const { granted, waitMs, intervalMs } = await this.#ask(wanted, perSecond, perDay);
    const line = this.#lineOf(sender);
    const from = this.#d.messages.now() + waitMs;
    const atFront = line.atFront(waited.slice(granted), from, intervalMs);
    const atEnd = line.atEnd(
      waited.length + fresh - granted - atFront.length,
      from,
      granted < wanted ? intervalMs : undefined,
    );
    return { granted, dues: [...atFront, ...atEnd] };
  }

  /**
   * From both budgets or from none: a token of one that the other refuses would be lost, and those
   * of a day do not come back. So the day is only looked at first, and taken from last; that
   * another process takes what was seen there costs tokens of a second.
   */
  async #ask(wanted: number, perSecond: Budget | null, perDay: Budget | null): Promise<Grant> {
    if (perSecond === null || perDay === null) return await this.#reserve(perSecond ?? perDay, wanted);
    const [seen] = wanted === 0 ? [] : await this.#d.budgets.reserve([{ budget: perDay, tokens: 0 }]);
    const inDay = Math.min(wanted, Math.floor(seen?.remaining ?? 0));
    const second = await this.#reserve(perSecond, inDay);
    if (second.granted < inDay || inDay === wanted) {
      const day = await this.#reserve(perDay, second.granted);
      return day.granted < second.granted ? day : second;
    }
    // asked for one more than it has, it answers when that comes
    const day = await this.#reserve(perDay, inDay + 1);
    return { ...day, granted: Math.min(day.granted, inDay) };
  }

  async #reserve(budget: Budget | null, tokens: number): Promise<Grant> {
    const [reservation] =
      budget === null || tokens === 0 ? [] : await this.#d.budgets.reserve([{ budget, tokens }]);
    if (budget === null || reservation === undefined || reservation.granted >= tokens)
      return { granted: tokens, waitMs: 0, intervalMs: 0 };
    return {
      granted: reservation.granted,
      waitMs: reservation.waitMs,
      intervalMs: budget.windowMs / budget.limit,
    };
  }

  #lineOf(sender: Sender): WaitingLine {
    const { messagesPerSecond, messagesPerDay } = sender.limits;
    const key = `${sender.tenant}/${sender.name} ${messagesPerSecond}/${messagesPerDay}`;
    const known = this.#lines.get(key);
    if (known !== undefined) return known;
    const now = this.#d.messages.now();
    for (const [old, line] of this.#lines) if (!line.isThere(now)) this.#lines.delete(old);
    const line = new WaitingLine();
    this.#lines.set(key, line);
    return line;
  }
}
