import { budgetsContract } from '../../../test/contract/budgets.ts';
import { MemoryBudgets } from './budgets.ts';
import { ManualClock } from './clock.ts';

budgetsContract('memory', async () => {
  const clock = new ManualClock();
  const budgets = new MemoryBudgets(clock);
  return {
    budgets,
    other: async () => budgets,
    now: () => clock.now(),
    elapse: (ms) => clock.advance(ms),
    [Symbol.asyncDispose]: () => budgets[Symbol.asyncDispose](),
  };
});
