// What the guides say of names and places is checked, or it rots.

import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { variables } from '../services/runtime/config.ts';

const root = join(import.meta.dirname, '..');
const read = (path: string): string => readFileSync(join(root, path), 'utf8');
const pages = [
  'README.md',
  'CONTRIBUTING.md',
  'CHANGELOG.md',
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

describe('README.md', () => {
  test('begins with the two commands, a request to paste and a picture of the flow', () => {
    const page = read('README.md');
    const places = ['make dev', 'make test', 'curl -s', '## How a message travels'].map((text) => page.indexOf(text));
    expect(places).toEqual(places.toSorted((a, b) => a - b));
    expect(places).not.toContain(-1);
  });
});
