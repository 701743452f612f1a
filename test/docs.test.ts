// What the guides say of names and places is checked, or it rots.

import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { withHeaderReference } from '../services/core/mail/header-reference.ts';
import { isRequired } from '../services/runtime/health.ts';
import { withMetricReference } from '../services/runtime/metric-reference.ts';
import { createMetrics } from '../services/runtime/metrics.ts';
import { dependenciesOf } from '../services/runtime/program.ts';
import { withVariableReference } from '../services/runtime/variable-reference.ts';

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

  test('each row of a table has as many cells as its head', () => {
    const tables = read(page).match(/^\|.*(?:\n\|.*)*/gm) ?? [];
    const cells = (row: string): number => row.split(/(?<!\\)\|/).length;
    const uneven = tables.flatMap((table) => {
      const [head = '', ...rows] = table.split('\n');
      return rows.filter((row) => cells(row) !== cells(head));
    });
    expect(uneven).toEqual([]);
  });
});

test('CHANGELOG.md has each kind of change once in a release', () => {
  const releases = read('CHANGELOG.md').split(/^## /m);
  const repeated = releases.flatMap((release) => {
    const kinds = [...release.matchAll(/^### (.+)$/gm)].map(([, kind]) => kind);
    return kinds.filter((kind, i) => kinds.indexOf(kind) !== i);
  });
  expect(repeated).toEqual([]);
});

test('the references in docs/running.md are those of the declarations', async () => {
  const { descriptions } = createMetrics({ program: 'test', version: '0' });
  const page = withVariableReference(withMetricReference(read('docs/running.md'), descriptions));
  await expect(page).toMatchFileSnapshot('../docs/running.md');
});

test('the headers in docs/sending.md are those that callers may set', async () => {
  await expect(withHeaderReference(read('docs/sending.md'))).toMatchFileSnapshot('../docs/sending.md');
});

describe('what is needed', () => {
  const { engines } = JSON.parse(read('package.json')) as { readonly engines: { readonly node: string } };
  test.each(['README.md', 'CONTRIBUTING.md'])('%s names the Node that package.json wants', (page) => {
    expect(read(page)).toContain(`(${engines.node.replace('>=', '')} or newer)`);
  });
});

describe('docs/architecture.md', () => {
  test('names files that exist', () => {
    const files = [
      ...read('docs/architecture.md').matchAll(/`((?:services|gateway|operator)\/[^`*{} ]+\.ts)`/g),
    ];
    const names = files.map((match) => match[1] ?? '');
    expect(names.length).toBeGreaterThan(50);
    expect(names.filter((name) => !existsSync(join(root, name)))).toEqual([]);
  });
});

describe('docs/sending.md', () => {
  test('explains every reason to hold a delivery', () => {
    const [, type = ''] =
      /export type HoldReason = ([^;]+);/.exec(read('services/core/delivery/delivery.ts')) ?? [];
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
            (line) =>
              /^\| [a-z, ]+ \|/.test(line) &&
              (line.split('|')[1] ?? '').includes(program) &&
              line.includes(`\`${names[0]}\``),
          ) ?? '';
      const [, , needed = '', optional = ''] = row.split('|');
      for (const name of names)
        expect([program, name, (isRequired[name] ? needed : optional).includes(`\`${name}\``)]).toEqual([
          program,
          name,
          true,
        ]);
    }
  });
});

describe('the reference of metrics', () => {
  const { descriptions } = createMetrics({ program: 'test', version: '0' });

  test('says of each what it means, in a sentence, and which programs set it', () => {
    const silent = descriptions.filter(
      ({ help, programs }) => !/^[A-Z1][^|]{8,}\.$/.test(help) || programs.length === 0,
    );
    expect(silent.map(({ name }) => name)).toEqual([]);
  });

  test('has names and labels as Prometheus wants them, each name once', () => {
    const names = descriptions.map(({ name }) => name);
    expect(new Set(names).size).toBe(names.length);
    expect(
      descriptions
        .flatMap(({ name, labels }) => [name, ...labels])
        .filter((word) => !/^[a-z][a-z0-9_]*$/.test(word)),
    ).toEqual([]);
  });

  test.each([
    [
      'HTTP duration by method and route',
      'packetboat_http_request_seconds',
      'histogram',
      ['method', 'route'],
    ],
    ['time from acceptance to delivery', 'packetboat_time_to_delivery_seconds', 'histogram', ['tier']],
    ['time to the first reply', 'packetboat_time_to_first_reply_seconds', 'histogram', ['tier']],
    ['age of the oldest sendable delivery', 'packetboat_oldest_sendable_age_seconds', 'gauge', []],
    ['failed authentications', 'packetboat_failed_authentications_total', 'counter', ['reason', 'status']],
    ['refused connections', 'packetboat_http_connections_refused_total', 'counter', ['answer']],
  ])('%s is there, and in the dashboard', (_, name, type, labels) => {
    expect(descriptions.find((metric) => metric.name === name)).toMatchObject({ type, labels });
    expect(read('docs/running.md')).toContain(`| \`${name}\` | ${type} |`);
    expect(read('charts/packetboat/files/dashboard.json')).toContain(name);
  });
});

describe('README.md', () => {
  test('begins with the two commands, a request to paste and a picture of the flow', () => {
    const page = read('README.md');
    const places = ['make dev', 'make test', 'curl -s', '## How a message travels'].map((text) =>
      page.indexOf(text),
    );
    expect(places).toEqual(places.toSorted((a, b) => a - b));
    expect(places).not.toContain(-1);
  });
});

describe('docs/promises.md', () => {
  const page = read('docs/promises.md');
  const rows = [...page.matchAll(/^\| ([PRS]\d+) \| (.+) \|$/gm)].map((m) => ({
    id: m[1] ?? '',
    cells: m[2] ?? '',
  }));

  test('has every promise, rule and security rule once, in order', () => {
    const numbered = (letter: string, count: number): string[] =>
      Array.from({ length: count }, (_, i) => `${letter}${i + 1}`);
    expect(rows.map(({ id }) => id)).toEqual([
      ...numbered('P', 20),
      ...numbered('R', 9),
      ...numbered('S', 21),
    ]);
  });

  test('names tests that exist, for each promise and rule that can be kept today', () => {
    const later = new Set(['P13', 'P18']);
    for (const { id, cells } of rows.filter((row) => !row.id.startsWith('S'))) {
      const tests = [...cells.matchAll(/`((?:test|services|gateway|operator)\/[^`]+\.ts)`/g)].map(
        (m) => m[1] ?? '',
      );
      expect([id, tests.length > 0]).toEqual([id, !later.has(id)]);
      expect(tests.filter((path) => !existsSync(join(root, path)))).toEqual([]);
    }
  });
});
