// What of an error may be printed. Messages of our own failures are written to be read, and hold no
// secret. Messages of libraries, and of the language, quote their input: a Secret, a key file, a
// URL with its login, the body of a request. Of those errors the type, the code and the stack's
// places are printed, which find the line at fault, and no message.

import { isIP } from 'node:net';
import { Failure } from '../core/failure.ts';
import { runningLimits } from '../core/limits/running.ts';

export interface DescribedError {
  readonly type: string;
  /** Of a `Failure` only. */
  readonly message?: string;
  readonly code?: string | number;
  /** Of an error of the system: what was asked of it, and of which address. */
  readonly syscall?: string;
  readonly address?: string;
  readonly port?: number;
  /** Which fields a failure is about. */
  readonly fields?: readonly { readonly field: string; readonly code: string }[];
  /** Places in files, from the inside out. A failure is expected and has none. */
  readonly stack?: readonly string[];
  readonly cause?: DescribedError;
  /** Of an error that stands for several. */
  readonly errors?: readonly DescribedError[];
}

export function describeError(error: unknown, depth = 0): DescribedError {
  if (!(error instanceof Error)) return { type: typeof error };
  const cause =
    error.cause === undefined || depth >= runningLimits.errorCausesMax
      ? {}
      : { cause: describeError(error.cause, depth + 1) };
  const several =
    error instanceof AggregateError && depth < runningLimits.errorCausesMax
      ? {
          errors: error.errors
            .slice(0, runningLimits.errorCausesMax)
            .map((each) => describeError(each, depth + 1)),
        }
      : {};
  if (error instanceof Failure) {
    const fields =
      error.errors.length === 0 ? {} : { fields: error.errors.map(({ field, code }) => ({ field, code })) };
    return { type: error.name, message: error.message, code: error.code, ...fields, ...cause };
  }
  return {
    type: wordOf(error.name) ?? 'Error',
    ...systemPart(error),
    stack: placesOf(error),
    ...several,
    ...cause,
  };
}

/** For people: as one paragraph, places last. */
export function showError({
  type,
  message,
  code,
  syscall,
  address,
  port,
  stack,
  cause,
  errors,
}: DescribedError): string {
  const where = address === undefined ? '' : ` ${address}${port === undefined ? '' : `:${port}`}`;
  const about = message ?? [type, code, syscall].filter((part) => part !== undefined).join(' ') + where;
  const more = [...(cause === undefined ? [] : [cause]), ...(errors ?? [])].map(showError);
  return [about, ...more].join(': ') + (stack ?? []).map((place) => `\n    ${place}`).join('');
}

/** Codes and names are words; whatever else stands in their place is not ours to print. */
const wordOf = (value: unknown): string | null =>
  typeof value === 'string' && /^[A-Za-z0-9_.-]{1,64}$/.test(value) ? value : null;

function systemPart(error: Error): Pick<DescribedError, 'code' | 'syscall' | 'address' | 'port'> {
  const { code, syscall, address, port } = error as Partial<
    Record<'code' | 'syscall' | 'address' | 'port', unknown>
  >;
  const known = typeof code === 'number' ? code : wordOf(code);
  const asked = wordOf(syscall);
  return {
    ...(known === null ? {} : { code: known }),
    ...(asked === null ? {} : { syscall: asked }),
    ...(typeof address === 'string' && isIP(address) !== 0 ? { address } : {}),
    ...(typeof port === 'number' ? { port } : {}),
  };
}

/** `at` lines of V8, which follow the message; a message may have lines that look like them. */
function placesOf({ stack = '', message }: Error): readonly string[] {
  const isKnown = message !== '' && stack.includes(message);
  const after = isKnown ? stack.slice(stack.indexOf(message) + message.length) : stack;
  return after
    .split('\n')
    .flatMap(
      (line) =>
        /^ {4}(at (?:[\w$.<>[\]# ]+ \()?(?:file:\/\/|node:|\/|native)[^\s()]*:\d+:\d+\)?)$/.exec(line)?.[1] ??
        [],
    )
    .slice(0, runningLimits.errorPlacesMax);
}
