// Logs: one JSON object a line. In development, at a terminal, the same lines as text. Whatever looks like an API key or an address is taken out of
// each finished line, so that no message, cause or stack trace can carry one (RELIABILITY, security 19).

import { type DestinationStream, type Logger, pino } from 'pino';
import { Failure } from '../core/failure.ts';

export type { Logger };

export interface LogOptions {
  readonly program: string;
  readonly level: string;
  /** Lines for people instead of JSON. */
  readonly isForPeople?: boolean;
  /** Standard output unless told. */
  readonly destination?: DestinationStream;
}

/** Causes of causes that are shown. */
const CAUSES_MAX = 5;

export function createLog({ program, level, isForPeople = false, destination }: LogOptions): Logger {
  const out = destination ?? pino.destination({ fd: 1, sync: true });
  return pino(
    {
      level,
      base: { program },
      timestamp: pino.stdTimeFunctions.isoTime,
      formatters: { level: (label) => ({ level: label }) },
      serializers: { err: describeError },
      hooks: { streamWrite: redact },
    },
    isForPeople ? { write: (line) => out.write(forPeople(line)) } : out,
  );
}

/** A handler of failures that no caller sees. */
export const reporter =
  (log: Logger) =>
  (what: string, error: unknown): void =>
    log.warn({ err: error }, what);

/** Only what is known to be harmless: drivers hang documents, commands and URLs onto their errors. */
function describeError(error: unknown, depth = 0): unknown {
  if (!(error instanceof Error)) return { type: typeof error };
  const code = 'code' in error && (typeof error.code === 'string' || typeof error.code === 'number') ? { code: error.code } : {};
  const fields =
    error instanceof Failure && error.errors.length > 0 ? { fields: error.errors.map(({ field, code }) => ({ field, code })) } : {};
  const cause = error.cause === undefined || depth >= CAUSES_MAX ? {} : { cause: describeError(error.cause, depth + 1) };
  // A failure is expected and its place known; a bug is found by its stack.
  const stack = error instanceof Failure ? {} : { stack: error.stack };
  return { type: error.name, message: error.message, ...code, ...fields, ...stack, ...cause };
}

const KEY = /sk_(?:live|test)_[A-Za-z0-9_]+/g;
/** Lengths are those of RFC 5321, so that a long line costs no more than its length. */
const ADDRESS = /[^\s"\\<>()[\],;:=/]{1,64}@[^\s"\\<>()[\],;:=/]{1,253}/g;

/** Keeps the line JSON: neither pattern reaches over a quote or a backslash. */
const redact = (line: string): string => line.replace(KEY, '[key]').replace(ADDRESS, '[address]');

function forPeople(line: string): string {
  const { level, time, msg, program: _, pid: __, err, ...rest } = JSON.parse(line) as Record<string, unknown>;
  const more = Object.keys(rest).length > 0 ? ` ${JSON.stringify(rest)}` : '';
  return `${String(time).slice(11, 19)} ${String(level).padEnd(5)} ${msg}${more}${causesOf(err)}\n`;
}

function causesOf(err: unknown): string {
  if (typeof err !== 'object' || err === null || !('message' in err)) return '';
  const stack = 'stack' in err ? `\n${String(err.stack)}` : '';
  return `: ${String(err.message)}${'cause' in err ? causesOf(err.cause) : ''}${stack}`;
}
