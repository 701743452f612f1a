// The account of a campaign: what each case came to, good or not, as a line of JSON in the file
// that CHAOS_ACCOUNT names. Nothing is written without that variable. The nightly workflow keeps
// the file.

import { appendFileSync, mkdirSync } from 'node:fs';
import { dirname } from 'node:path';

export function writeAccount(
  entry: Readonly<Record<string, unknown>>,
  file = process.env.CHAOS_ACCOUNT,
): void {
  if (!file) return;
  mkdirSync(dirname(file), { recursive: true });
  appendFileSync(file, `${JSON.stringify({ at: new Date().toISOString(), ...entry })}\n`);
}
