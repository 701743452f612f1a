// Every regular expression literal is linear (S14): the time of a match grows with the length of the
// input, and never faster. The checker looks for a part that can match one text in several ways. A
// literal that is not linear is listed here, with the limit of its input.

import { readFileSync } from 'node:fs';
import { glob } from 'node:fs/promises';
import { stripTypeScriptTypes } from 'node:module';
import { fileURLToPath } from 'node:url';
import { parse } from 'acorn';
import { full } from 'acorn-walk';
import { analyse } from 'scslre';
import { expect, test } from 'vitest';

const root = fileURLToPath(new URL('..', import.meta.url));

/** By file and literal: the bound of the input. */
const BOUNDED: Readonly<Record<string, string>> = {
  'gateway/docs/openapi.ts /^(.+?)\\.(?:\\s+([\\s\\S]+))?$/': 'a comment in our proto files',
  'services/core/address.ts /@.*[,;]/': 'addressLimits.mailboxCharsMax',
  'services/core/address.ts /[,;].*@/': 'addressLimits.addressOctetsMax',
  'services/core/number-text.ts /0+$/': 'DIGITS_MAX of the same file: 101 digits',
  'services/runtime/variable-parsers.ts /\\/+$/': 'an environment variable, which the administrator sets',
};

/** `/source/flags` of each literal of a file. */
function literalsOf(source: string): { readonly source: string; readonly flags: string }[] {
  const found: { source: string; flags: string }[] = [];
  const program = parse(stripTypeScriptTypes(source), {
    ecmaVersion: 'latest',
    sourceType: 'module',
    allowHashBang: true,
  });
  full(program, (node) => {
    if (node.type === 'Literal' && 'regex' in node && node.regex != null) {
      const { pattern, flags } = node.regex as { readonly pattern: string; readonly flags: string };
      found.push({ source: pattern, flags });
    }
  });
  return found;
}

const faultsOf = (literal: { readonly source: string; readonly flags: string }): readonly string[] =>
  analyse(literal).reports.map(
    ({ type, exponential }) => `${exponential ? 'exponential' : 'polynomial'} ${type}`,
  );

test.each([
  ['/^(a+)+$/', 'exponential Self'],
  ['/^a*a*b/', 'polynomial Trade'],
  ['/a+b/', 'polynomial Move'],
])('the checker finds %s', (literal, fault) => {
  const [found] = literalsOf(`export const x = ${literal};`);
  expect(found === undefined ? [] : faultsOf(found)).toContain(fault);
});

test('every regular expression literal of the programs is linear, or its input is bounded', async () => {
  const files = await Array.fromAsync(glob('{services,gateway,operator,cli}/**/*.ts', { cwd: root }));
  const suspects: Record<string, readonly string[]> = {};
  let literals = 0;
  for (const file of files.filter((name) => !/\.(?:test|fixture)\.ts$/.test(name)).sort()) {
    for (const literal of literalsOf(readFileSync(`${root}${file}`, 'utf8'))) {
      literals += 1;
      const faults = faultsOf(literal);
      if (faults.length > 0) suspects[`${file} /${literal.source}/${literal.flags}`] = faults;
    }
  }
  expect(literals).toBeGreaterThan(100);
  expect(Object.keys(suspects).sort()).toEqual(Object.keys(BOUNDED).sort());
});
