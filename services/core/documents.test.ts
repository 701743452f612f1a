import { describe, expect, test } from 'vitest';
import { parseDocuments } from './documents.ts';
import { limits } from './limits.ts';

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

describe('documents know their lines', () => {
  const { documents, faults } = parseDocuments('a.yaml', text);
  test('an empty one is none', () => {
    expect(faults).toEqual([]);
    expect(documents.map(({ origin }) => origin)).toEqual([
      { file: 'a.yaml', line: 2 },
      { file: 'a.yaml', line: 12 },
    ]);
  });
  test.each([
    [0, ['spec', 'domain'], 4],
    [0, ['spec', 'routes', 0, 'smtp', 'port'], 8],
    [0, ['spec', 'routes', 0, 'smtp', 'tls'], 7],
    [0, ['spec', 'nothing', 'there'], 4],
    [0, [], 2],
    [1, ['spec', 'locales', 0, 'locale'], 15],
  ])('document %i, %j: line %i', (at, path, line) => expect(documents[at]?.lineOf(path)).toBe(line));
});

test.each([
  ['kind: Sender\nspec: {a: [}\n', 2],
  ['a: 1\na: 2\n', 2],
  ['a: {b: 1,\n c: 2, b: 3}\n', 2],
  ['kind: Sender\n\tspec: 1\n', 2],
  ['a: &a [1]\n---\nb: *missing\n', 3],
  [`a: &a [x, x]\nb: &b [${'*a, '.repeat(40)}]\nc: &c [${'*b, '.repeat(40)}]\nd: [${'*c, '.repeat(40)}]\n`, 1],
])('YAML that cannot be read is a fault with its line, and yields no document: %j', (source, line) => {
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
])('a file of far too many %s is refused before it is parsed', (_, source) => {
  const { documents, faults } = parseDocuments('large.yaml', source);
  expect(documents).toEqual([]);
  expect(faults).toEqual([expect.objectContaining({ line: 1, message: expect.stringContaining(String(limits.catalogFileTokensMax)) })]);
});

test('as many names as a file may hold are read, and a repeated one is found', { timeout: 5_000 }, () => {
  const names = Array.from({ length: 14_000 }, (_, i) => `k${i}: ${i}\n`).join('');
  expect(parseDocuments('a.yaml', names).documents).toHaveLength(1);
  expect(parseDocuments('a.yaml', `${names}k7: 1\n`).faults).toEqual([expect.objectContaining({ line: 14_001 })]);
});

test('an empty file is no fault', () => expect(parseDocuments('a.yaml', '# nothing\n')).toEqual({ documents: [], faults: [] }));
