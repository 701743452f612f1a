// The gate of the budgets: admits a candidate when its sender's budgets have a token for it, and
// holds the others until there will be one.

import type { Budgets } from '../ports/budgets.ts';
import type { StoreClock } from '../ports/store-clock.ts';
import { type Admitted, type Candidate, type Gate, type HeldBack, hasWaited } from './candidate.ts';
import { SenderBudgets } from './sender-budgets.ts';

interface BudgetGateParts {
  readonly budgets: Budgets;
  readonly messages: StoreClock;
}

export class BudgetGate implements Gate {
  readonly #messages: BudgetGateParts['messages'];
  readonly #budgets: SenderBudgets;

  constructor(d: BudgetGateParts) {
    this.#messages = d.messages;
    this.#budgets = new SenderBudgets(d);
  }

  async admit(candidates: readonly Candidate[]): Promise<Admitted> {
    const going: Candidate[] = [];
    const held: HeldBack[] = [];
    for (const [sender, own] of Map.groupBy(candidates, (c) => c.sender)) {
      const waited = own.filter(hasWaited).map((c) => c.message.id);
      const { granted, dues } = await this.#budgets.take(sender, waited, own.length - waited.length);
      going.push(...own.slice(0, granted));
      for (const [i, candidate] of own.slice(granted).entries()) {
        held.push({ candidate, reason: 'budget', due: dues[i] ?? this.#messages.now() });
      }
    }
    return { going, held };
  }
}
