// The rules of the house that a machine can check: who may import whom, what stays pure, which
// words and names are not used, which files belong together. TypeScript 7 offers no program to ask,
// so imports are read from the text; biome keeps their form uniform.

import { execFileSync } from 'node:child_process';
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, dirname, join, matchesGlob, normalize } from 'node:path';
import { describe, expect, test } from 'vitest';
import { variables } from '../services/runtime/config.ts';

const root = join(import.meta.dirname, '..');
const tracked = execFileSync('git', ['ls-files', '--cached', '--others', '--exclude-standard'], {
  cwd: root,
  encoding: 'utf8',
})
  .split('\n')
  .filter((path) => path !== '' && existsSync(join(root, path)));
const read = (path: string): string => readFileSync(join(root, path), 'utf8');
const sources = tracked.filter((path) => path.endsWith('.ts') && !path.startsWith('proto/gen/'));
const isTest = (path: string): boolean => /\.(?:test|fixture)\.ts$/.test(path) || path.startsWith('test/');

/** What a file imports: paths from the root for our own files, bare names for packages. */
function importsOf(path: string): string[] {
  const named = read(path).matchAll(
    /^(?:import|export)\b[^'"]*?\bfrom\s+'([^']+)'|^import\s+'([^']+)'|\bimport\('([^']+)'\)/gm,
  );
  return [...named].map((m) => {
    const specifier = m[1] ?? m[2] ?? m[3] ?? '';
    return specifier.startsWith('.') ? normalize(join(dirname(path), specifier)) : specifier;
  });
}

const ourImportsOf = (path: string): string[] =>
  importsOf(path).filter((to) => /^(?:services|gateway|operator|cli|proto|test)\//.test(to));

interface Room {
  readonly folder: RegExp;
  /** Where it may import from, besides itself; `$1` is the first group of `folder`. */
  readonly from: readonly string[];
}

/**
 * The table of the architecture (docs/architecture.md). Whatever it does not name may import
 * everything.
 */
const rooms: readonly Room[] = [
  { folder: /^services\/core\//, from: ['services/core/'] },
  { folder: /^services\/ports\//, from: ['services/core/', 'services/ports/'] },
  {
    folder: /^services\/adapters\/([a-z]+)\//,
    from: ['services/core/', 'services/ports/', 'services/adapters/$1/'],
  },
  { folder: /^services\/runtime\//, from: ['services/core/', 'services/ports/', 'services/runtime/'] },
  {
    folder: /^services\/(ingest|dispatcher|sweeper|notifier|inbox)\//,
    from: ['services/core/', 'services/ports/', 'services/runtime/', 'services/$1/', 'proto/gen/'],
  },
  {
    folder: /^gateway\//,
    from: [
      'proto/gen/',
      'services/core/limits/',
      'services/core/address.ts',
      'services/core/ids.ts',
      'services/core/trace.ts',
      'services/core/bounded-map.ts',
      'services/core/accept/batch-items.ts',
      'services/core/accept/inline-content.ts',
      'services/core/documents/nearest.ts',
      'services/core/access/key-text.ts',
      'services/core/number-text.ts',
      'services/core/network/address-block.ts',
      'services/runtime/',
      'gateway/',
    ],
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
    const empty = rooms.filter(
      ({ folder }) => !later.test(folder.source) && !sources.some((path) => folder.test(path)),
    );
    expect(empty).toEqual([]);
  });
});

describe('imports', () => {
  test('have no cycle', () => {
    const files = sources.filter((path) => !isTest(path));
    expect(
      cyclesAmong(
        new Map(files.map((path) => [path, ourImportsOf(path).filter((to) => files.includes(to))])),
      ),
    ).toEqual([]);
  });

  test('a cycle is found, however long, and a file that imports itself too', () => {
    const graph = { a: ['b', 'x'], b: ['c'], c: ['a'], x: ['y'], y: [], z: ['z'] };
    expect(cyclesAmong(new Map(Object.entries(graph)))).toEqual([['a', 'b', 'c'], ['z']]);
  });
});

/** The strongly connected components of a graph that hold a cycle, by Tarjan's algorithm. */
function cyclesAmong(graph: ReadonlyMap<string, readonly string[]>): readonly (readonly string[])[] {
  const order = new Map<string, number>();
  const open: string[] = [];
  const cycles: string[][] = [];
  const visit = (node: string): number => {
    const own = order.size;
    order.set(node, own);
    open.push(node);
    let low = own;
    for (const next of graph.get(node) ?? []) {
      if (!order.has(next)) low = Math.min(low, visit(next));
      else if (open.includes(next)) low = Math.min(low, order.get(next) ?? low);
    }
    if (low === own) {
      const component = open.splice(open.indexOf(node));
      if (component.length > 1 || graph.get(node)?.includes(node)) cycles.push(component.toSorted());
    }
    return low;
  };
  for (const node of graph.keys()) if (!order.has(node)) visit(node);
  return cycles;
}

describe('the core', () => {
  const core = sources.filter((path) => path.startsWith('services/core/') && !isTest(path));
  /** Pure parts of Node, and pure libraries. */
  const pure = new Set([
    'node:crypto',
    'node:url',
    'handlebars',
    'htmlparser2',
    'ajv',
    'yaml',
    'ipaddr.js',
    'zod',
  ]);

  test('imports pure libraries only', () => {
    const strangers = core.flatMap((path) =>
      importsOf(path)
        .filter(
          (to) =>
            !to.startsWith('services/') &&
            !pure.has(to.startsWith('node:') ? to : (/^(?:@[^/]+\/)?[^/]+/.exec(to)?.[0] ?? to)),
        )
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
  return text
    .replace(/\/\*[\s\S]*?\*\//g, (comment) => comment.replace(/[^\n]/g, ''))
    .replace(/(^|\s)\/\/.*$/gm, '$1');
}

describe('ports', () => {
  const ports = readdirSync(join(root, 'services/ports')).map((file) => basename(file, '.ts'));
  /**
   * Driven by every test rather than by a suite of their own: there is nothing to promise but what
   * their doc comments say.
   */
  const withoutSuite = new Set(['clock', 'random', 'store-clock']);
  /** The ports of which the adapters have the basename of another: one object serves both. */
  const adapterOf = new Map([
    ['due-deliveries', 'message-store'],
    ['message-list', 'message-store'],
  ]);

  test.each(ports.filter((port) => !withoutSuite.has(port)))(
    '%s has a contract suite, and each adapter opens its test by running it',
    (port) => {
      const adapter = adapterOf.get(port) ?? port;
      expect(existsSync(join(root, `test/contract/${port}.ts`)), `test/contract/${port}.ts`).toBe(true);
      const adapters = sources.filter(
        (path) => path.startsWith('services/adapters/') && basename(path, '.ts') === adapter,
      );
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
      (path) =>
        /(?:^|\/)(?:lib|utils?|helpers?|common|misc|manager)(?:\.ts)?(?:\/|$)/.test(path) ||
        /\/index\.ts$/.test(path),
    );
    expect(drawers.filter((path) => !path.startsWith('proto/'))).toEqual([]);
  });

  test('files are kebab-case', () => {
    const odd = sources.filter((path) => !/^[a-z0-9.-]+$/.test(basename(path)));
    expect(odd).toEqual([]);
  });

  // proto/gen has the names of the contract.
  test('no two sources export a type of the same name', () => {
    const homes = sources.flatMap((path) => {
      const named = read(path).matchAll(
        /^export (?:declare )?(?:abstract )?(?:type|interface|class) (\w+)/gm,
      );
      return [...named].map(([, name = '']) => ({ name, path }));
    });
    const twice = [...Map.groupBy(homes, ({ name }) => name).values()].filter((same) => same.length > 1);
    expect(twice.flat().map(({ name, path }) => `${name} ${path}`)).toEqual([]);
  });

  test('node:sqlite is named in one folder only', () => {
    const others = sources.filter(
      (path) =>
        !isTest(path) &&
        !path.startsWith('services/adapters/sqlite/') &&
        importsOf(path).includes('node:sqlite'),
    );
    expect(others).toEqual([]);
  });
});

describe('sources', () => {
  test('each begins by saying what it is for', () => {
    const silent = sources.filter(
      (path) =>
        /^(?:services|gateway|operator|cli)\//.test(path) &&
        !isTest(path) &&
        !/^(?:#![^\n]*\n)?(?:\/\/|\/\*)/.test(read(path)),
    );
    expect(silent).toEqual([]);
  });

  test('no type is any', () => {
    const found = sources.filter((path) =>
      /(?::\s*|<|as )any\b(?!\w)/.test(
        withoutComments(read(path)).replace(/'[^'\n]*'|`[^`]*`|\/(?:[^/\n\\]|\\.)+\/[a-z]*/g, ''),
      ),
    );
    expect(found).toEqual([]);
  });
});

describe('docs/promises.md', () => {
  const stated = new Set(
    [...read('docs/promises.md').matchAll(/^\| ([PRS]\d+) \|/gm)].map(([, number]) => number),
  );

  test('numbers its promises and rules without a gap', () => {
    const numbers = (letter: string, count: number): string[] =>
      Array.from({ length: count }, (_, i) => `${letter}${i + 1}`);
    expect([...stated]).toEqual([...numbers('P', 20), ...numbers('R', 9), ...numbers('S', 21)]);
  });

  test('states each promise and rule that a comment or a page cites', () => {
    const texts = tracked.filter(
      (path) => /\.(?:ts|md|proto|lua|ya?ml)$/.test(path) && !/^proto\/gen\/|^CHANGELOG/.test(path),
    );
    const unknown = texts.flatMap((path) => {
      const cited = (path.endsWith('.ts') ? commentsOf(read(path)) : read(path)).matchAll(
        /(?<![\w`-])[PRS]\d{1,2}(?![\w`])/g,
      );
      return [...cited].filter(([number]) => !stated.has(number)).map(([number]) => `${path}: ${number}`);
    });
    expect(unknown).toEqual([]);
  });
});

/** The comments of a source, each with its line break. */
const commentsOf = (text: string): string =>
  [...text.matchAll(/\/\*[\s\S]*?\*\/|(?:^|\s)\/\/.*$/gm)].map(([comment]) => comment).join('\n');

describe('generated files', () => {
  test('proto/gen is what buf makes of proto/packetboat (make proto)', () => {
    const fresh = mkdtempSync(join(tmpdir(), 'packetboat-proto-'));
    try {
      execFileSync(join(root, 'node_modules/.bin/buf'), ['generate', '--output', fresh], {
        cwd: root,
        stdio: 'pipe',
      });
      const stale = tracked
        .filter((path) => path.startsWith('proto/gen/') && path.endsWith('.ts'))
        .filter(
          (path) => !existsSync(join(fresh, path)) || readFileSync(join(fresh, path), 'utf8') !== read(path),
        );
      expect(stale).toEqual([]);
    } finally {
      rmSync(fresh, { recursive: true, force: true });
    }
  });
});

describe('the image', () => {
  /**
   * Of the last pattern that fits, as Docker has it: `!` admits what a pattern before it has kept
   * out.
   */
  const patterns = read('.dockerignore')
    .split('\n')
    .filter((line) => line !== '' && !line.startsWith('#'))
    .map((line) => ({ isAdmitting: line.startsWith('!'), pattern: line.replace(/^!/, '') }));
  const isAdmitted = (path: string): boolean =>
    patterns.findLast(
      ({ pattern }) =>
        pattern === '*' || path === pattern || path.startsWith(`${pattern}/`) || matchesGlob(path, pattern),
    )?.isAdmitting ?? true;

  /**
   * Files that a source reads at run time: the texts in it that, seen from its folder, are names of
   * tracked files or folders.
   */
  function dataOf(path: string): string[] {
    const text = read(path);
    const literals = text.matchAll(/new URL\(\s*['`]([^'`$\n]+)|['`](\.{1,2}\/[^'`$\n]+)/g);
    const named = [...literals].map((m) =>
      normalize(join(dirname(path), m[1] ?? m[2] ?? '')).replace(/\/$/, ''),
    );
    return named.flatMap((name) => tracked.filter((file) => file === name || file.startsWith(`${name}/`)));
  }

  const reached = new Set(['package.json', 'package-lock.json', '.npmrc', 'LICENSE']);
  const packages = new Set<string>();
  const visit = (path: string): void => {
    if (reached.has(path)) return;
    reached.add(path);
    if (!path.endsWith('.ts')) return;
    for (const to of importsOf(path)) {
      if (tracked.includes(to)) visit(to);
      else if (!to.startsWith('node:')) packages.add(/^(?:@[^/]+\/)?[^/]+/.exec(to)?.[0] ?? to);
    }
    for (const file of dataOf(path)) visit(file);
  };
  visit('cli/packetboat.ts');

  test('has every file that the packetboat command can come to', () => {
    for (const file of [
      'operator/main.ts',
      'gateway/rest/parse-worker.ts',
      'services/adapters/sqlite/thread.ts',
      'services/inbox/page/inbox.js',
    ])
      expect([...reached]).toContain(file);
    for (const file of [
      'services/adapters/redis/reserve.lua',
      'proto/gen/descriptors.binpb',
      'examples/catalog/otp-code.yaml',
    ])
      expect([...reached]).toContain(file);
    expect([...reached].filter((path) => !isAdmitted(path))).toEqual([]);
  });

  test('has every package that those files import', () => {
    const { dependencies } = JSON.parse(read('package.json')) as {
      readonly dependencies: Readonly<Record<string, string>>;
    };
    expect([...packages].filter((name) => !Object.hasOwn(dependencies, name))).toEqual([]);
  });

  test('has no tests', () => expect(tracked.filter((path) => isTest(path) && isAdmitted(path))).toEqual([]));

  test('runs every command in the workflow', () => {
    const commands = [
      ...read('cli/packetboat.ts').matchAll(/(?:new Command|programCommand)\(\s*'([a-z-]+)'/g),
    ].map((m) => m[1] ?? '');
    const [, run = ''] = /for command in '' ([^;]+);/.exec(read('.github/workflows/ci.yml')) ?? [];
    const named = run.replaceAll("'", '').split(' ');
    expect(commands.length).toBeGreaterThan(8);
    expect(commands.filter((command) => command !== 'packetboat' && !named.includes(command))).toEqual([]);
  });

  test('listens where it can be reached from outside, on the ports that it exposes', () => {
    const dockerfile = read('Dockerfile');
    const listening = Object.values(variables).filter(({ name }) =>
      /^PACKETBOAT_(?:HTTP|GRPC|METRICS)_ADDR$/.test(name),
    );
    for (const variable of listening) {
      const port = variable.default?.split(':')[1];
      expect(dockerfile).toContain(`${variable.name}=0.0.0.0:${port}`);
      expect(dockerfile).toMatch(new RegExp(`^EXPOSE .*\\b${port}\\b`, 'm'));
    }
  });
});

describe('the lock file', () => {
  test('names no download addresses', () => {
    expect(read('package-lock.json')).not.toContain('"resolved": "http');
  });
});
