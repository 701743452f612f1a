// The shape of a helper, and what all helpers agree on: which values are empty, and which are
// absent.

import type { Run } from './run.ts';
import { MASK } from './variables.ts';

export interface Helper {
  /** Fewest and most values. */
  readonly takes: readonly [least: number, most: number];
  /** Names of the `name=value` options. */
  readonly options: readonly string[];
  /** The price of one call, see `RenderBudget`. */
  readonly steps: number;
  call(values: readonly unknown[], options: Readonly<Record<string, unknown>>, run: Run): unknown;
}

/** False, 0, an empty text and an empty list count as nothing, as in Handlebars' own `#if`. */
export function isEmpty(value: unknown): boolean {
  return !value || (Array.isArray(value) && value.length === 0);
}

/** Missing, or a masked secret (see `maskSecrets`). A helper returns such a value unchanged. */
export function isAbsent(value: unknown): boolean {
  return value === undefined || value === null || value === '' || value === MASK;
}
