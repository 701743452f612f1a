// The messages between the database and its thread. All logic is in SQL: the thread runs statements
// in order and knows nothing about mail.

export type Value = string | number | null;
export type Row = readonly Value[];

/**
 * A statement is identified by its text and prepared once. It must be made at module level or kept,
 * because the thread keeps every text that it has seen.
 */
export interface Statement {
  readonly sql: string;
  /** A query returns rows, a command the number of rows that it changed. */
  readonly isQuery: boolean;
}

export const query = (sql: string): Statement => ({ sql, isQuery: true });
export const command = (sql: string): Statement => ({ sql, isQuery: false });

/** A statement with its parameters. */
export type Step = readonly [statement: Statement, ...parameters: Value[]];

/** Rows of a query, or the number of rows that a command changed. */
export type Result = readonly Row[] | number;

/**
 * To the thread: statements that it has not seen, with their numbers, and the jobs of one
 * transaction.
 */
export interface Group {
  readonly prepare: readonly (readonly [number, Statement])[];
  readonly jobs: readonly (readonly (readonly [statement: number, ...parameters: Value[]])[])[];
}

/**
 * From the thread, one per job: its results, or why it failed. `code` is SQLite's primary result
 * code, 0 for another kind of failure.
 */
export type JobResult =
  | { readonly results: readonly Result[] }
  | { readonly error: string; readonly code: number };

export type FromThread =
  | { readonly opened: true }
  | { readonly refused: string; readonly code: number }
  | { readonly answers: readonly JobResult[] };
