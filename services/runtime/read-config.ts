// Reads the configuration of a program from its environment, and reports all faults at once.

import { sentenceOf } from '../core/documents/schema-faults.ts';
import { Failure } from '../core/failure.ts';
import { type Config, isRequiredBy, type ProgramName, variablesOf } from './config.ts';

export type ProcessEnvironment = Readonly<Record<string, string | undefined>>;

/**
 * An empty variable counts as absent. Throws `Failure('invalid')` with every fault, one on each
 * line; no message repeats a value.
 */
export function readConfig<P extends ProgramName>(program: P, environment: ProcessEnvironment): Config<P> {
  const faults: string[] = [];
  const values = variablesOf(program).map(([key, variable]) => {
    const text = environment[variable.name] || undefined;
    if (text === undefined && isRequiredBy(program, variable))
      faults.push(`${variable.name} is required, and is not set (${variable.unit})`);
    // the default of an optional variable is a description, not a text to parse
    const isOptional = variable.schema.safeParse(undefined).success;
    const fallback = isOptional ? undefined : (variable.default ?? undefined);
    const read = variable.schema.safeParse(text ?? fallback, { error: sentenceOf });
    if (!read.success)
      faults.push(`${variable.name} ${read.error.issues.map((issue) => issue.message).join(', ')}`);
    return [key, read.data];
  });
  if (faults.length > 0)
    throw new Failure(
      'invalid',
      `The configuration is invalid:\n${faults.map((line) => `  ${line}`).join('\n')}`,
    );
  return Object.fromEntries(values) as Config<P>;
}
