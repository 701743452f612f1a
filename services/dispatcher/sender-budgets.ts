// What each sender's budget lets go now, and when the rest may come back. Mail that waits is spread over the time in which its tokens come, one
// behind the other, so that a backlog comes back in its order and not all at once.

import type { Sender } from '../core/catalog.ts';
import type { Budget } from '../ports/budgets.ts';
import type { Dispatcher } from './dispatcher.ts';

const SECOND_MS = 1_000;
const DAY_MS = 86_400_000;

function budgetsOf(sender: Sender): Budget[] {
  const { messagesPerSecond, messagesPerDay } = sender.limits;
  const name = `sender/${sender.tenant}/${sender.name}`;
  return [
    // a bucket that holds less than one token never grants any
    ...(messagesPerSecond > 0 ? [{ name, limit: messagesPerSecond, windowMs: SECOND_MS, burst: Math.max(1, messagesPerSecond) }] : []),
    ...(messagesPerDay > 0 ? [{ name: `${name}/day`, limit: messagesPerDay, windowMs: DAY_MS, burst: messagesPerDay }] : []),
  ];
}

type BudgetParts = Pick<Dispatcher, 'budgets'> & { readonly messages: Pick<Dispatcher['messages'], 'now'> };

export class SenderBudgets {
  readonly #d: BudgetParts;
  /** By sender: until when its waiting mail has been spread. */
  readonly #spreadUntil = new Map<string, number>();

  constructor(d: BudgetParts) {
    this.#d = d;
  }

  /** How many of `wanted` may go now, and a due for each of the others, in order. */
  async take(sender: Sender, wanted: number): Promise<{ readonly granted: number; readonly dues: readonly number[] }> {
    const budgets = budgetsOf(sender);
    if (budgets.length === 0) return { granted: wanted, dues: [] };
    let granted = wanted;
    let waitMs = 0;
    let intervalMs = 0;
    for (const budget of budgets) {
      if (granted === 0) break;
      const [reservation] = await this.#d.budgets.reserve([{ budget, tokens: granted }]);
      if (reservation === undefined || reservation.granted >= granted) continue;
      granted = reservation.granted;
      waitMs = Math.max(waitMs, reservation.waitMs);
      intervalMs = Math.max(intervalMs, budget.windowMs / budget.limit);
    }
    const key = `${sender.tenant}/${sender.name}`;
    const now = this.#d.messages.now();
    const start = Math.max(now + waitMs, this.#spreadUntil.get(key) ?? 0);
    const dues = Array.from({ length: wanted - granted }, (_, i) => Math.ceil(start + i * intervalMs));
    const last = dues.at(-1);
    if (last === undefined) this.#spreadUntil.delete(key);
    else this.#spreadUntil.set(key, last + intervalMs);
    return { granted, dues };
  }
}
