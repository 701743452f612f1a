// What the guides say of names and places is checked, or it rots.

import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { variables } from '../services/runtime/config.ts';
import { isRequired } from '../services/runtime/health.ts';
import { dependenciesOf } from '../services/runtime/program.ts';

const root = join(import.meta.dirname, '..');
const read = (path: string): string => readFileSync(join(root, path), 'utf8');
const pages = [
  'README.md',
  'CONTRIBUTING.md',
  'CHANGELOG.md',
  'SECURITY.md',
  ...readdirSync(join(root, 'docs'), { recursive: true, encoding: 'utf8' })
    .filter((p) => p.endsWith('.md'))
    .map((p) => `docs/${p}`),
];

describe.each(pages)('%s', (page) => {
  test('every link within the repository leads somewhere', () => {
    const links = [...read(page).matchAll(/\]\((?!https?:|#|mailto:)([^)#\s]+)/g)].map((m) => m[1] ?? '');
    expect(links.filter((link) => !existsSync(join(root, dirname(page), link)))).toEqual([]);
  });

  test('every make target that it names exists', () => {
    const named = [...read(page).matchAll(/(?:^|`)make ([a-z]+)/gm)].map((m) => m[1] ?? '');
    const makefile = read('Makefile');
    expect(named.filter((target) => !new RegExp(`^${target}:`, 'm').test(makefile))).toEqual([]);
  });
});

describe('docs/running.md', () => {
  test('lists every variable with its unit and default', () => {
    const page = read('docs/running.md');
    const missing = Object.values(variables).filter(
      (v) => !page.includes(`| \`${v.name}\` | ${v.unit} | ${v.default === null ? '' : `\`${v.default}\``} |`),
    );
    expect(missing.map((v) => v.name)).toEqual([]);
  });
});

describe('what is needed', () => {
  const { engines } = JSON.parse(read('package.json')) as { readonly engines: { readonly node: string } };
  test.each(['README.md', 'CONTRIBUTING.md'])('%s names the Node that package.json wants', (page) => {
    expect(read(page)).toContain(`(${engines.node.replace('>=', '')} or newer)`);
  });
});

describe('docs/sending.md', () => {
  test('explains every reason to hold a delivery', () => {
    const [, type = ''] = /export type HoldReason = ([^;]+);/.exec(read('services/core/delivery.ts')) ?? [];
    const reasons = [...type.matchAll(/'(\w+)'/g)].map((m) => m[1]);
    expect(reasons.length).toBeGreaterThan(3);
    expect(reasons.filter((reason) => !read('docs/sending.md').includes(`| \`${reason}\` |`))).toEqual([]);
  });
});

describe('the dependencies in docs/running.md', () => {
  test('names what each program needs, as the programs do', () => {
    const page = read('docs/running.md');
    for (const [program, names] of Object.entries(dependenciesOf)) {
      if (program === 'dev') continue;
      const row =
        page
          .split('\n')
          .find(
            (line) => /^\| [a-z, ]+ \|/.test(line) && (line.split('|')[1] ?? '').includes(program) && line.includes(`\`${names[0]}\``),
          ) ?? '';
      const [, , needed = '', optional = ''] = row.split('|');
      for (const name of names)
        expect([program, name, (isRequired[name] ? needed : optional).includes(`\`${name}\``)]).toEqual([program, name, true]);
    }
  });
});

describe('README.md', () => {
  test('begins with the two commands, a request to paste and a picture of the flow', () => {
    const page = read('README.md');
    const places = ['make dev', 'make test', 'curl -s', '## How a message travels'].map((text) => page.indexOf(text));
    expect(places).toEqual(places.toSorted((a, b) => a - b));
    expect(places).not.toContain(-1);
  });
});
