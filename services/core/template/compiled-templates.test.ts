import { expect, test } from 'vitest';
import type { TemplateRevision } from '../catalog/catalog.ts';
import { templateLimits } from '../limits/template.ts';
import { CompiledTemplates } from './compiled-templates.ts';
import { revision } from './revision.fixture.ts';

const live = { environment: 'live', language: null, data: {} } as const;

/**
 * A revision that counts how often it is compiled: that, and nothing else here, reads its
 * `variables`.
 */
function counted(identifier: string) {
  let compilations = 0;
  const watched: TemplateRevision = {
    ...revision({ identifier, subject: 'Hello' }),
    get variables() {
      compilations += 1;
      return null;
    },
  };
  return { revision: watched, compilations: () => compilations };
}

test('a revision is compiled once', () => {
  const templates = new CompiledTemplates();
  const one = counted('a');
  for (let i = 0; i < 3; i++) templates.render(one.revision, live);
  expect(one.compilations()).toBe(1);
});

test('another content under the same number is another template', () => {
  const templates = new CompiledTemplates();
  const first = revision({ hash: 'one', subject: 'one' });
  const second = revision({ hash: 'two', subject: 'two' });
  expect(templates.render(first, live)).toMatchObject({ subject: 'one' });
  expect(templates.render(second, live)).toMatchObject({ subject: 'two' });
});

test('the one that was used longest ago makes room', () => {
  const templates = new CompiledTemplates();
  const used = counted('used');
  const unused = counted('unused');
  const fill = (from: number, count: number) => {
    for (let i = from; i < from + count; i++) templates.render(revision({ identifier: `other-${i}` }), live);
  };
  const use = (...all: ReturnType<typeof counted>[]) => {
    for (const one of all) templates.render(one.revision, live);
  };
  use(used, unused);
  fill(0, templateLimits.templateCacheMax - 2);
  use(used);
  expect([used.compilations(), unused.compilations()]).toEqual([1, 1]);
  fill(templateLimits.templateCacheMax, 1);
  use(used, unused);
  expect([used.compilations(), unused.compilations()]).toEqual([1, 2]);
});

const secret = {
  type: 'object',
  properties: { code: { type: 'string', writeOnly: true } },
  required: ['code'],
};

test('the subject to store has its secrets masked', () => {
  const one = revision({ subject: 'Your code {{code}}', variables: secret });
  const subjectOf = new CompiledTemplates().renderSubject(one, {
    ...live,
    data: { code: '123' },
    field: 'template_data',
  });
  expect(subjectOf).toEqual({ subject: 'Your code ***' });
});

test.each([
  ['data that is missing', 'x', {}, 'context.code'],
  ['a mail that cannot be rendered', '{{formatNumber code}}', { code: 'abc' }, 'context'],
  // sound with the code, too long a subject only once the mask stands in its place
  [
    'a subject that cannot be rendered masked',
    `{{#if (eq code "1")}}x{{else}}${'x'.repeat(999)}{{/if}}`,
    { code: '1' },
    'context',
  ],
])('%s is reported by the name that the caller gave the data', (_, subject, data, field) => {
  const result = new CompiledTemplates().renderSubject(revision({ subject, variables: secret }), {
    ...live,
    data,
    field: 'context',
  });
  expect(result).toMatchObject({ errors: [{ field }] });
});
