// Selects the parts of an error that may be printed. The message of a `Failure` is written for
// people and holds no secret. Messages of libraries and of JavaScript quote their input, such as a
// Secret, a key file, a URL with credentials or the body of a request. Of such an error only the
// type, the code and the stack's locations are printed, which suffice to find the line at fault.

import { isIP } from 'node:net';
import { Failure } from '../core/failure.ts';
import { runningLimits } from '../core/limits/running.ts';

export interface DescribedError {
  readonly type: string;
  /** Only a `Failure` has this field. */
  readonly message?: string;
  readonly code?: string | number;
  /** Of a system error: the system call and the address that it was about. */
  readonly syscall?: string;
  readonly address?: string;
  readonly port?: number;
  /** The fields that a failure is about. */
  readonly fields?: readonly { readonly field: string; readonly code: string }[];
  /** Locations in files, innermost first. Absent for a `Failure`, which is not a bug. */
  readonly stack?: readonly string[];
  readonly cause?: DescribedError;
  /** Of an `AggregateError`. */
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

/** For people: one paragraph, followed by the locations. */
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

/** Codes and names are single words. Anything else in their place might quote input. */
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

/**
 * The `at` lines of V8 after the message, since a message may contain lines that look like them.
 */
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
