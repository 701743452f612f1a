// The part of `--help` that lists the environment variables of a program.

import { isRequiredBy, type ProgramName, variablesOf } from './config.ts';

export function describeConfig(program: ProgramName): string {
  const lines = variablesOf(program).map(([, variable]) => {
    const needed = isRequiredBy(program, variable) ? 'required' : `default: ${variable.default ?? 'none'}`;
    return `  ${variable.name}\n      ${variable.help}\n      ${variable.unit}; ${needed}`;
  });
  return `Environment:\n${lines.join('\n')}\n`;
}
