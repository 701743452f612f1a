// The rules of the house that a machine can check: who may import whom, what stays pure, which words and names are not used, which files belong
// together. TypeScript 7 offers no program to ask, so imports are read from the text; biome keeps their form uniform.

import { execFileSync } from 'node:child_process';
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, dirname, join, normalize } from 'node:path';
import { describe, expect, test } from 'vitest';

const root = join(import.meta.dirname, '..');
const tracked = execFileSync('git', ['ls-files', '--cached', '--others', '--exclude-standard'], { cwd: root, encoding: 'utf8' })
  .split('\n')
  .filter((path) => path !== '' && existsSync(join(root, path)));
const read = (path: string): string => readFileSync(join(root, path), 'utf8');
const sources = tracked.filter((path) => path.endsWith('.ts') && !path.startsWith('proto/gen/'));
const isTest = (path: string): boolean => /\.(?:test|fixture)\.ts$/.test(path) || path.startsWith('test/');

/** What a file imports: paths from the root for our own files, bare names for packages. */
function importsOf(path: string): string[] {
  const named = read(path).matchAll(/^(?:import|export)\b[^'"]*?\bfrom\s+'([^']+)'|^import\s+'([^']+)'|\bimport\('([^']+)'\)/gm);
  return [...named].map((m) => {
    const specifier = m[1] ?? m[2] ?? m[3] ?? '';
    return specifier.startsWith('.') ? normalize(join(dirname(path), specifier)) : specifier;
  });
}

const ourImportsOf = (path: string): string[] => importsOf(path).filter((to) => /^(?:services|gateway|operator|cli|proto|test)\//.test(to));

interface Room {
  readonly folder: RegExp;
  /** Where it may import from, besides itself; `$1` is the first group of `folder`. */
  readonly from: readonly string[];
}

/** The table of the architecture (docs/architecture.md). Whatever it does not name may import everything. */
const rooms: readonly Room[] = [
  { folder: /^services\/core\//, from: ['services/core/'] },
  { folder: /^services\/ports\//, from: ['services/core/', 'services/ports/'] },
  { folder: /^services\/adapters\/([a-z]+)\//, from: ['services/core/', 'services/ports/', 'services/adapters/$1/'] },
  { folder: /^services\/runtime\//, from: ['services/core/', 'services/ports/', 'services/runtime/'] },
  {
    folder: /^services\/(ingest|dispatcher|sweeper|notifier|inbox)\//,
    from: ['services/core/', 'services/ports/', 'services/runtime/', 'services/$1/', 'proto/gen/'],
  },
  {
    folder: /^gateway\//,
    from: ['proto/gen/', 'services/core/limits.ts', 'services/core/access/key-text.ts', 'services/runtime/', 'gateway/'],
  },
  { folder: /^operator\//, from: ['services/core/', 'services/ports/', 'services/runtime/', 'operator/'] },
];

const isWiring = (path: string): boolean => basename(path) === 'main.ts';

describe('the import table', () => {
  test.each(rooms)('$folder imports only what it may', ({ folder, from }) => {
    const strangers = sources
      .filter((path) => folder.test(path) && !isTest(path) && !isWiring(path))
      .flatMap((path) => {
        const group = folder.exec(path)?.[1] ?? '';
        const allowed = from.map((prefix) => prefix.replace('$1', group));
        return ourImportsOf(path)
          .filter((to) => !allowed.some((prefix) => to.startsWith(prefix)))
          .map((to) => `${path} → ${to}`);
      });
    expect(strangers).toEqual([]);
  });

  test('each folder of the table holds code, so a renamed one is noticed', () => {
    const later = /notifier|operator/;
    const empty = rooms.filter(({ folder }) => !later.test(folder.source) && !sources.some((path) => folder.test(path)));
    expect(empty).toEqual([]);
  });
});

describe('the core', () => {
  const core = sources.filter((path) => path.startsWith('services/core/') && !isTest(path));
  /** Pure parts of Node, and pure libraries. */
  const pure = new Set(['node:crypto', 'node:url', 'handlebars', 'ajv', 'yaml', 'ipaddr.js', 'zod']);

  test('imports pure libraries only', () => {
    const strangers = core.flatMap((path) =>
      importsOf(path)
        .filter((to) => !to.startsWith('services/') && !pure.has(to.startsWith('node:') ? to : (/^(?:@[^/]+\/)?[^/]+/.exec(to)?.[0] ?? to)))
        .map((to) => `${path} → ${to}`),
    );
    expect(strangers).toEqual([]);
  });

  test('has no async, clock, randomness or process', () => {
    const impure =
      /\basync\b|\bawait\b|\bDate\.now\b|\bnew Date\(\)|\bMath\.random\b|\brandomBytes\b|\brandomUUID\b|\bprocess\.|\bsetTimeout\b|\bsetImmediate\b|\bfetch\(|\bperformance\.now\b/;
    const found = core.flatMap((path) =>
      withoutComments(read(path))
        .split('\n')
        .flatMap((line, i) => (impure.test(line) ? [`${path}:${i + 1}: ${line.trim()}`] : [])),
    );
    expect(found).toEqual([]);
  });
});

function withoutComments(text: string): string {
  return text.replace(/\/\*[\s\S]*?\*\//g, (comment) => comment.replace(/[^\n]/g, '')).replace(/(^|\s)\/\/.*$/gm, '$1');
}

describe('ports', () => {
  const ports = readdirSync(join(root, 'services/ports')).map((file) => basename(file, '.ts'));
  /** Driven by every test rather than by a suite of their own: there is nothing to promise but what their doc comments say. */
  const withoutSuite = new Set(['clock', 'random']);

  test.each(ports.filter((port) => !withoutSuite.has(port)))(
    '%s has a contract suite, and each adapter opens its test by running it',
    (port) => {
      expect(existsSync(join(root, `test/contract/${port}.ts`)), `test/contract/${port}.ts`).toBe(true);
      const adapters = sources.filter((path) => path.startsWith('services/adapters/') && basename(path, '.ts') === port);
      expect(adapters.length, 'adapters').toBeGreaterThan(0);
      const untested = adapters.filter((path) => {
        const sibling = path.replace(/\.ts$/, '.test.ts');
        return !existsSync(join(root, sibling)) || !importsOf(sibling).includes(`test/contract/${port}.ts`);
      });
      expect(untested).toEqual([]);
    },
  );
});

describe('names', () => {
  test('no drawer for odds and ends', () => {
    const drawers = tracked.filter(
      (path) => /(?:^|\/)(?:lib|utils?|helpers?|common|misc|manager)(?:\.ts)?(?:\/|$)/.test(path) || /\/index\.ts$/.test(path),
    );
    expect(drawers.filter((path) => !path.startsWith('proto/'))).toEqual([]);
  });

  test('files are kebab-case', () => {
    const odd = sources.filter((path) => !/^[a-z0-9.-]+$/.test(basename(path)));
    expect(odd).toEqual([]);
  });

  test('node:sqlite is named in one folder only', () => {
    const others = sources.filter(
      (path) => !isTest(path) && !path.startsWith('services/adapters/sqlite/') && importsOf(path).includes('node:sqlite'),
    );
    expect(others).toEqual([]);
  });
});

describe('sources', () => {
  test('each begins by saying what it is for', () => {
    const silent = sources.filter(
      (path) => /^(?:services|gateway|operator|cli)\//.test(path) && !isTest(path) && !/^(?:#![^\n]*\n)?(?:\/\/|\/\*)/.test(read(path)),
    );
    expect(silent).toEqual([]);
  });

  test('no type is any', () => {
    const found = sources.filter((path) =>
      /(?::\s*|<|as )any\b(?!\w)/.test(withoutComments(read(path)).replace(/'[^'\n]*'|`[^`]*`|\/(?:[^/\n\\]|\\.)+\/[a-z]*/g, '')),
    );
    expect(found).toEqual([]);
  });
});

describe('generated files', () => {
  test('proto/gen is what buf makes of proto/packetboat (make proto)', () => {
    const fresh = mkdtempSync(join(tmpdir(), 'packetboat-proto-'));
    try {
      execFileSync(join(root, 'node_modules/.bin/buf'), ['generate', '--output', fresh], { cwd: root, stdio: 'pipe' });
      const stale = tracked
        .filter((path) => path.startsWith('proto/gen/') && path.endsWith('.ts'))
        .filter((path) => !existsSync(join(fresh, path)) || readFileSync(join(fresh, path), 'utf8') !== read(path));
      expect(stale).toEqual([]);
    } finally {
      rmSync(fresh, { recursive: true, force: true });
    }
  });
});

describe('the lock file', () => {
  test('names no download addresses', () => {
    expect(read('package-lock.json')).not.toContain('"resolved": "http');
  });
});
