// How much mail each sender's budgets let go now, and when the rest is due. Waiting mail is due one
// after the other, at the pace at which tokens come. While such a waiting line exists, its mail
// gets the tokens, and new mail joins the end (P9).
//
// Each process has its own lines. With several dispatchers, new mail in one of them may overtake
// mail that waits in the line of another. That is accepted: at most the mail that arrives while the
// line exists can overtake, mail of a line takes part in each dispatcher's turns when it is due,
// and a shared line would cost a round trip for each batch.

import type { Sender } from '../core/catalog/catalog.ts';
import type { MessageId } from '../core/ids.ts';
import type { Budget } from '../ports/budgets.ts';
import type { StoreClock } from '../ports/store-clock.ts';
import type { Dispatcher } from './dispatcher-parts.ts';
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
    // a burst of less than one token would never grant one
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

interface Grant {
  readonly granted: number;
  /** Milliseconds until the first token that was not granted. */
  readonly waitMs: number;
  /** Milliseconds between two tokens after that. */
  readonly intervalMs: number;
}

type BudgetParts = Pick<Dispatcher, 'budgets'> & { readonly messages: StoreClock };

export class SenderBudgets {
  readonly #d: BudgetParts;
  /** Keyed by sender and limits, since a line has the pace of its limits. */
  readonly #lines = new Map<string, WaitingLine>();

  constructor(d: BudgetParts) {
    this.#d = d;
  }

  /**
   * Takes tokens for mail in its order: first `waited`, which a budget held before, then `fresh`
   * others. Returns how many may go now, and a due for each of the rest. Waited mail goes first,
   * and waits at the front of the line when it is refused; other mail goes only when there is no
   * line.
   */
  async take(
    sender: Sender,
    waited: readonly MessageId[],
    fresh: number,
  ): Promise<{ readonly granted: number; readonly dues: readonly number[] }> {
    const { perSecond, perDay } = limitsOf(sender);
    if (perSecond === null && perDay === null) return { granted: waited.length + fresh, dues: [] };
    const wanted = waited.length + (this.#lineOf(sender).exists(this.#d.messages.now()) ? 0 : fresh);
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
   * Takes a token from both budgets or from neither: a token from one would be lost when the other
   * refuses, and a daily token returns only after a day. So the daily budget is first only read,
   * and reserved last. When another process takes the daily tokens in between, only tokens of the
   * budget per second are lost.
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
    // one token more than the budget has: the reservation then says when that token comes
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
    for (const [old, line] of this.#lines) if (!line.exists(now)) this.#lines.delete(old);
    const line = new WaitingLine();
    this.#lines.set(key, line);
    return line;
  }
}
