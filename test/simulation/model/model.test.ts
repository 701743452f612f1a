// The model of one delivery holds; leaving a rule out of it breaks what the rule is for; and
// services/core/delivery/delivery.ts decides as the model does, to the same number of reachable
// states.

import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { beforeAll, describe, expect, it } from 'vitest';
import { explore } from './explore.ts';

const states = { at_least_once: 88_744, at_most_once: 13_016 } as const;

describe('the model', () => {
  let printed: string;
  beforeAll(async () => {
    ({ stdout: printed } = await promisify(execFile)(process.execPath, [
      `${import.meta.dirname}/delivery.mjs`,
      'mutants',
    ]));
  }, 120_000);

  it.each(Object.entries(states))('holds in each state with %s (%i)', (copies, count) => {
    expect(printed).toContain(`${copies}: ${count} states, all hold`);
  });

  it.each([
    ['claim', 'cancelled means not sent'],
    ['fence', 'cancelled means not sent'],
    ['record by lease', 'terminal states never change'],
    ['no resend from committing', 'P5: at_most_once never sends two'],
    ['lost answer is unknown', 'P5: at_most_once never sends two'],
    ['cancel only what waits', 'cancelled means not sent'],
    ['maybe sent is not cancelled', 'cancelled means not sent'],
    ['sweeper', 'P1: every delivery can reach a final state'],
  ])('without «%s» breaks: %s', (rule, law) => {
    expect(printed).toContain(`without "${rule}": ${law}`);
  });

  it.each(['late 250', 'ack late'])('without «%s» breaks nothing', (rule) => {
    expect(printed).toContain(`without "${rule}": nothing breaks`);
  });
});

describe('core/delivery/delivery.ts', () => {
  it.each(Object.entries(states) as ['at_least_once' | 'at_most_once', number][])(
    'holds in the states of the model with %s (%i)',
    (copies, count) => {
      expect(explore(copies, 'model')).toEqual({ states: count, broken: null, trail: [] });
    },
  );

  it.each(['at_least_once', 'at_most_once'] as const)(
    'holds when mail is also held, renewed, suppressed and too old, with %s',
    (copies) => {
      const found = explore(copies, 'all');
      expect({ broken: found.broken, trail: found.trail }).toEqual({ broken: null, trail: [] });
      expect(found.states).toBeGreaterThan(states[copies]);
    },
  );
});
