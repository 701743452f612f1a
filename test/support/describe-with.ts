// How a test file says what it needs from the machine. What is missing is a skip whose title says
// how to get it; with CI=true a failure.

import { describe, expect, inject, it } from 'vitest';
import { type BackendName, isMissing, type NeedName, needs } from './need.ts';

export function describeWith(needed: readonly NeedName[], title: string, body: () => void): void {
  const missing = needed.filter(isMissing);
  if (missing.length === 0) {
    describe(title, body);
    return;
  }
  const complaint = `needs ${missing.map((name) => `${name} (get ${needs[name].get})`).join(', ')}`;
  if (process.env.CI === 'true') {
    it(`${title}: ${complaint}`, () => expect.fail(complaint));
  } else {
    describe.skip(`${title}: ${complaint}`, body);
  }
}

/** The reply of the lender; see `lender.ts`. */
export interface Loan {
  readonly url: string;
  readonly description: string;
}

const loans = new Map<BackendName, Promise<Loan>>();

/**
 * The run's shared server, started when the first test asks. Others use it at the same time, and it
 * may be anybody's: keep to names of `uniqueName`, leave nothing behind, and never freeze or flush
 * it.
 */
export function borrow(name: BackendName): Promise<Loan> {
  const known = loans.get(name);
  if (known !== undefined) return known;
  const loan = ask(name);
  loans.set(name, loan);
  return loan;
}

async function ask(name: BackendName): Promise<Loan> {
  const response = await fetch(new URL(name, inject('lender')), { signal: AbortSignal.timeout(45_000) });
  if (!response.ok) throw new Error(`no ${name} to borrow: ${await response.text()}`);
  return (await response.json()) as Loan;
}
