// Logs: one JSON object per line, of at most `runningLimits.logLineBytesMax`; in development at a
// terminal, text. Of an error only the parts that `describe-error.ts` selects are printed. In
// addition, anything that looks like an API key or an email address is removed from each finished
// line, so that no message or cause can leak one.

import { type DestinationStream, type Logger, pino } from 'pino';
import { runningLimits } from '../core/limits/running.ts';
import { type DescribedError, describeError, showError } from './describe-error.ts';

export type { Logger };

export interface LogOptions {
  readonly program: string;
  readonly level: string;
  /** Lines for people instead of JSON. */
  readonly isForPeople?: boolean;
  /** Default: standard output. */
  readonly destination?: DestinationStream;
}

export function createLog({ program, level, isForPeople = false, destination }: LogOptions): Logger {
  const out = destination ?? pino.destination({ fd: 1, sync: true });
  const log: Logger = pino(
    {
      level,
      base: { program },
      timestamp: pino.stdTimeFunctions.isoTime,
      formatters: { level: (label) => ({ level: label }), log: withDescribedErrors },
      // already described; the library's own serializer prints every property of an error
      serializers: { err: (described: unknown) => described },
      hooks: {
        streamWrite: (line) => shortened(redact(line)),
        // without a message of its own, the library uses the message of the error for the line
        logMethod: ([first, ...rest], method) =>
          typeof first === 'object' && typeof rest[0] !== 'string'
            ? method.call(log, first instanceof Error ? { err: first } : first, 'an error occurred')
            : method.apply(log, [first, ...rest] as Parameters<typeof method>),
      },
    },
    isForPeople ? { write: (line) => out.write(forPeople(line)) } : out,
  );
  return log;
}

const withDescribedErrors = (line: Record<string, unknown>): Record<string, unknown> =>
  Object.fromEntries(
    Object.entries(line).map(([name, value]) => [
      name,
      value instanceof Error || name === 'err' ? describeError(value) : value,
    ]),
  );

/**
 * Returns a handler for failures that have no caller to report to. `requestId`: the request that
 * the failure concerns, if any.
 */
export const reporter =
  (log: Logger) =>
  (what: string, error: unknown, requestId: string | null = null): void =>
    log.warn(requestId === null ? { err: error } : { request_id: requestId, err: error }, what);

/**
 * Sends warnings of Node and of libraries to the log, where they are described like errors, instead
 * of verbatim to standard error.
 */
export function reportWarnings(log: Pick<Logger, 'warn'>): void {
  process.removeAllListeners('warning');
  process.on('warning', (warning) => log.warn({ err: warning }, 'Node.js emitted a warning'));
}

const KEY = /sk_(?:live|test)_[A-Za-z0-9_]+/g;
/** The lengths are bounded by RFC 5321, so that the time to search a line grows linearly. */
const ADDRESS = /[^\s"\\<>()[\],;:=/]{1,64}@[^\s"\\<>()[\],;:=/]{1,253}/g;

/** The line stays valid JSON, since neither pattern matches a quote or a backslash. */
export const redact = (line: string): string => line.replace(KEY, '[key]').replace(ADDRESS, '[address]');

type Line = Readonly<Record<string, unknown>>;

/**
 * Cuts long strings, to half the length on each try. A line that is still too long keeps only its
 * time, level, program and message.
 */
function shortened(line: string): string {
  if (line.length <= runningLimits.logLineBytesMax / 3 || bytesOf(line) <= runningLimits.logLineBytesMax)
    return line;
  const whole = JSON.parse(line) as Line;
  for (let charsMax = runningLimits.logLineBytesMax / 4; charsMax >= 32; charsMax /= 2) {
    const cut = `${JSON.stringify({ ...(cutIn(whole, charsMax) as Line), truncated: true })}\n`;
    if (bytesOf(cut) <= runningLimits.logLineBytesMax) return cut;
  }
  const { level, time, program, msg } = whole;
  return `${JSON.stringify({ level, time, program, msg: cutIn(msg, runningLimits.logLineBytesMax / 8), truncated: true })}\n`;
}

const bytesOf = (text: string): number => Buffer.byteLength(text);

function cutIn(value: unknown, charsMax: number, depth = 0): unknown {
  if (typeof value === 'string')
    return value.length <= charsMax ? value : `${value.slice(0, charsMax).toWellFormed()}…`;
  if (typeof value === 'object' && value !== null && depth >= runningLimits.logDepthMax) return '…';
  if (Array.isArray(value)) return value.map((part) => cutIn(part, charsMax, depth + 1));
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(
    Object.entries(value).map(([name, part]) => [name, cutIn(part, charsMax, depth + 1)]),
  );
}

function forPeople(line: string): string {
  const { level, time, msg, program: _, pid: __, err, ...rest } = JSON.parse(line) as Record<string, unknown>;
  const more = Object.keys(rest).length > 0 ? ` ${JSON.stringify(rest)}` : '';
  const cause = typeof err === 'object' && err !== null ? `: ${showError(err as DescribedError)}` : '';
  return `${String(time).slice(11, 19)} ${String(level).padEnd(5)} ${msg}${more}${cause}\n`;
}
