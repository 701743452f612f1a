import { randomBytes } from 'node:crypto';
import { describe, expect, onTestFinished, test, vi } from 'vitest';
import type { ErrorCode } from 'yaml';
import { catalogLimits } from '../limits/catalog.ts';
import { parseDocuments, parseFile } from './documents.ts';
import { yamlCodes, yamlFault } from './yaml-faults.ts';

const text = `# a comment
kind: Sender
spec:
  domain: a.example
  routes:
  - name: relay
    smtp: {host: x,
           port: 25}
---
# nothing here
---
kind: Template
spec:
  locales:
  - locale: en
    html: |
      <p>
`;

describe('documents know their positions', () => {
  const { documents, faults } = parseDocuments('a.yaml', text);
  test('an empty document is skipped', () => {
    expect(faults).toEqual([]);
    expect(documents.map(({ origin }) => origin)).toEqual([
      { file: 'a.yaml', line: 2, column: 1 },
      { file: 'a.yaml', line: 12, column: 1 },
    ]);
  });
  test.each([
    [0, ['spec', 'domain'], 4, 3],
    [0, ['spec', 'routes', 0], 6, 5],
    [0, ['spec', 'routes', 0, 'smtp', 'port'], 8, 12],
    [0, ['spec', 'routes', 0, 'smtp', 'tls'], 7, 5],
    [0, ['spec', 'nothing', 'there'], 3, 1],
    [0, [], 2, 1],
    [1, ['spec', 'locales', 0, 'locale'], 15, 5],
  ])('document %i, %j: line %i, column %i', (at, path, line, column) =>
    expect(documents[at]?.placeOf(path)).toEqual({ line, column }),
  );
});

test.each([
  ['kind: Sender\nspec: {a: [}\n', 2],
  ['a: 1\na: 2\n', 2],
  ['a: {b: 1,\n c: 2, b: 3}\n', 2],
  ['kind: Sender\n\tspec: 1\n', 2],
  ['a: &a [1]\n---\nb: *missing\n', 3],
  [
    `a: &a [x, x]\nb: &b [${'*a, '.repeat(40)}]\nc: &c [${'*b, '.repeat(40)}]\nd: [${'*c, '.repeat(40)}]\n`,
    1,
  ],
])('invalid YAML is a fault with its line and yields no document: %j', (source, line) => {
  const { documents, faults } = parseDocuments('broken.yaml', source);
  expect(documents).toEqual([]);
  expect(faults[0]).toMatchObject({
    file: 'broken.yaml',
    line,
    reason: 'InvalidSpec',
    path: '',
    message: expect.stringMatching(/^is not valid YAML: ./),
  });
});

test.each([
  ['names', Array.from({ length: 300_000 }, (_, i) => `k${i}: ${i}\n`).join('')],
  ['empty objects', `a: [${'{},'.repeat(1_600_000)}]`],
  ['documents', '---\na: 1\n'.repeat(300_000)],
])('a file with far too many %s is refused before it is parsed', (_, source) => {
  const { documents, faults } = parseDocuments('large.yaml', source);
  expect(documents).toEqual([]);
  expect(faults).toEqual([
    expect.objectContaining({
      line: 1,
      message: expect.stringContaining(String(catalogLimits.catalogFileTokensMax)),
    }),
  ]);
});

test('a file with as many names as allowed is parsed, and a duplicate name is found', () => {
  const names = Array.from({ length: 14_000 }, (_, i) => `k${i}: ${i}\n`).join('');
  expect(parseDocuments('a.yaml', names).documents).toHaveLength(1);
  expect(parseDocuments('a.yaml', `${names}k7: 1\n`).faults).toEqual([
    expect.objectContaining({ line: 14_001 }),
  ]);
});

test('an empty file is no fault', () =>
  expect(parseDocuments('a.yaml', '# nothing\n')).toEqual({ documents: [], faults: [] }));

describe('faults of YAML are described without quoting the text', () => {
  const SECRET = 'hunter2';
  test.each([
    ['a block without a line break', `password: |${SECRET}`, 1, 12],
    ['an escape that is none', `password: "\\q${SECRET}"`, 1, 12],
    ['a reserved character', `password: @${SECRET}`, 1, 11],
    ['a colon in a value', `password: x: ${SECRET}`, 1, 11],
    ['a list that is not closed', `password: [${SECRET}`, 1, 19],
    ['a quote that is not closed', `password: "${SECRET}`, 1, 19],
    ['a field after a list', `- a\n${SECRET}: b`, 2, 1],
    ['a directive', `%YAML ${SECRET}\n---\na: 1`, 1, 7],
    ['an alias of nothing', `password: *${SECRET}`, 1, 11],
    ['an alias before its anchor', `a: *${SECRET}\nb: &${SECRET} 1`, 1, 4],
    ['two anchors', `a: &${SECRET} &b 1`, 1, 13],
    ['two tags', `a: !${SECRET} !b 1`, 1, 13],
    ['an anchor on an alias', `a: &b 1\nc: &${SECRET} *b`, 2, 13],
    ['a tag that is not closed', `a: !<${SECRET}`, 1, 4],
    ['a repeated field', `${SECRET}: 1\n${SECRET}: 2`, 2, 1],
    ['a tab', `a:\n\t${SECRET}: 1`, 2, 1],
    ['a long name', `${SECRET.repeat(200)}: 1`, 1, 1],
    ['a name over two lines', `${SECRET}\n b: 1`, 1, 1],
    ['a control character', `password: ${SECRET}\u0007`, 1, 1],
  ])('%s', (_, source, line, column) => {
    const { documents, faults } = parseDocuments('a.yaml', source);
    expect(documents).toEqual([]);
    expect(JSON.stringify(faults)).not.toContain(SECRET);
    expect(faults.length).toBeLessThanOrEqual(catalogLimits.catalogFileFaultsMax);
    expect([faults[0]?.line, faults[0]?.column]).toEqual([line, column]);
  });

  test('a value that is nested too deeply', () => {
    const { faults } = parseDocuments('a.yaml', `${'['.repeat(5_000)}${SECRET}`);
    expect(faults[0]?.message).toBe('is not valid YAML: lists and mappings are nested too deeply');
    expect(JSON.stringify(faults)).not.toContain(SECRET);
  });

  test.each(yamlCodes)('%s has a sentence that quotes nothing', (code) => {
    expect(yamlFault(code)).toMatch(/^an? |^the |^this |^lists |^there /);
  });

  test('an unknown code of the parser has a sentence', () =>
    expect(yamlFault('NEW' as ErrorCode)).toBe('this part cannot be read'));

  test.each([
    'password: !hunter2 x',
    'a: !!int hunter2',
    '? [hunter2, b]\n: 1',
    '%HUNTER hunter2\n---\na: 1',
  ])('warnings of the parser are not printed: %j', (source) => {
    const emitted: unknown[] = [];
    const emitWarning = vi
      .spyOn(process, 'emitWarning')
      .mockImplementation((warning) => void emitted.push(warning));
    onTestFinished(() => emitWarning.mockRestore());
    parseDocuments('a.yaml', source);
    expect(emitted).toEqual([]);
  });
});

describe('refused before parsing', () => {
  const MIB = 1024 * 1024;
  test.each([
    [
      'a byte too many',
      Buffer.from(`# ${'x'.repeat(MIB)}`),
      `has more than ${MIB} bytes: split it into several files`,
    ],
    ['bytes that are not UTF-8', Buffer.from([0x61, 0x3a, 0x20, 0xff]), 'is not a text in UTF-8'],
    ['a megabyte of random bytes', randomBytes(MIB), 'is not a text in UTF-8'],
    ['UTF-16', Buffer.from('\ufeffa: 1', 'utf16le'), 'is not a text in UTF-8'],
    ['zeros', Buffer.alloc(MIB), 'contains control characters, so it is not YAML'],
    ['a bell', Buffer.from('a: \u0007'), 'contains control characters, so it is not YAML'],
  ])('%s', (_, bytes, message) => {
    expect(parseFile('a.yaml', bytes)).toEqual({
      documents: [],
      faults: [expect.objectContaining({ file: 'a.yaml', message })],
    });
  });

  test('a file of the maximum size is parsed, and so are a byte order mark, and tabs and carriage returns in values', () => {
    expect(parseFile('a.yaml', Buffer.from(`a: 1 # ${'x'.repeat(MIB - 7)}`)).documents).toHaveLength(1);
    expect(parseFile('a.yaml', Buffer.from('\ufeffa: "b\tc"\r\n')).documents[0]?.value).toEqual({
      a: 'b\tc',
    });
  });
});

describe('aliases', () => {
  test('an alias has the value of its anchor', () => {
    expect(parseDocuments('a.yaml', 'a: &x [1]\nb: *x\n').documents[0]?.value).toEqual({ a: [1], b: [1] });
  });

  test.each([
    ['a few of a large list', `a: &a [${'1,'.repeat(20_000)}]\nb: [${'*a,'.repeat(20)}]\n`],
    [
      'lists of lists',
      `a: &a [x]\n${Array.from({ length: 24 }, (_, i) => `${String.fromCharCode(98 + i)}: &${String.fromCharCode(98 + i)} [*${String.fromCharCode(97 + i)}, *${String.fromCharCode(97 + i)}]\n`).join('')}`,
    ],
  ])('%s that expand to more than a file may contain are refused', (_, source) => {
    expect(parseDocuments('a.yaml', source).faults).toEqual([
      expect.objectContaining({ message: 'is not valid YAML: aliases expand to too many values' }),
    ]);
  });
});
