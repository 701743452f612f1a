// Logs: one JSON object a line, of `runningLimits.logLineBytesMax` at most. In development, at a
// terminal, the same lines as text. Of errors only what `describe-error.ts` allows is printed;
// whatever looks like an API key or an address is taken out of each finished line besides, so that
// no message and no cause can carry one (S19).

import { type DestinationStream, type Logger, pino } from 'pino';
import { runningLimits } from '../core/limits/running.ts';
import { type DescribedError, describeError, showError } from './describe-error.ts';

export type { Logger };

export interface LogOptions {
  readonly program: string;
  readonly level: string;
  /** Lines for people instead of JSON. */
  readonly isForPeople?: boolean;
  /** Standard output unless told. */
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
      // described already; the library's own serializer prints all that hangs onto an error
      serializers: { err: (described: unknown) => described },
      hooks: {
        streamWrite: (line) => shortened(redact(line)),
        // the library takes the message of an error for that of the line if the line has none
        logMethod: ([first, ...rest], method) =>
          typeof first === 'object' && typeof rest[0] !== 'string'
            ? method.call(log, first instanceof Error ? { err: first } : first, 'an error')
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

/** Logs failures of ours. `requestId`: of the request that the failure concerns, if it concerns one. */
export const reporter =
  (log: Logger) =>
  (what: string, error: unknown, requestId: string | null = null): void =>
    log.warn(requestId === null ? { err: error } : { request_id: requestId, err: error }, what);

/**
 * Warnings of Node and of libraries go to the log as errors do, instead of to standard error word
 * by word.
 */
export function reportWarnings(log: Pick<Logger, 'warn'>): void {
  process.removeAllListeners('warning');
  process.on('warning', (warning) => log.warn({ err: warning }, 'a warning of the runtime'));
}

const KEY = /sk_(?:live|test)_[A-Za-z0-9_]+/g;
/** Lengths are those of RFC 5321, so that a long line costs no more than its length. */
const ADDRESS = /[^\s"\\<>()[\],;:=/]{1,64}@[^\s"\\<>()[\],;:=/]{1,253}/g;

/** Keeps the line JSON: neither pattern reaches over a quote or a backslash. */
export const redact = (line: string): string => line.replace(KEY, '[key]').replace(ADDRESS, '[address]');

type Line = Readonly<Record<string, unknown>>;

/**
 * Long strings are cut first, to half as much each time; what is still too long keeps its time,
 * level, program and message.
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
