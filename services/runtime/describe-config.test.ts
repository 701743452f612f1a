import { describe, expect, test } from 'vitest';
import { programs, variables } from './config.ts';
import { describeConfig } from './describe-config.ts';

describe('the help of a program', () => {
  test.each(programs)('%s: lists its variables with unit and default', (program) => {
    const help = describeConfig(program);
    for (const variable of Object.values(variables)) {
      const isOwn = (variable.programs as readonly string[]).includes(program);
      expect(help.includes(`  ${variable.name}\n`)).toBe(isOwn);
      if (isOwn) expect(help).toContain(`      ${variable.unit}; `);
    }
  });

  test('states whether a variable is required, or its default', () => {
    expect(describeConfig('ingest')).toContain('path; required');
    expect(describeConfig('dev')).toContain('path; default: none');
    expect(describeConfig('dev')).toContain('host:port; default: 127.0.0.1:8080');
  });
});
