import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { templateLimits } from '../limits/template.ts';
import { helpers } from './all-helpers.ts';
import { compileRevision, render } from './render.ts';
import { revision } from './revision.fixture.ts';
import { forbiddenSchemes, standardSchemes } from './schemes.ts';
import { schemaFaults } from './variables.ts';

const guide = readFileSync(new URL('../../../docs/templates.md', import.meta.url), 'utf8');
const examples = [...guide.matchAll(/```handlebars\n(.*?)\n```\n```json\n(.*?)\n```\n```html\n(.*?)\n```/gs)];

test('the guide has examples', () => expect(examples).toHaveLength(7));

test.each(examples.map(([, source, data, expected]) => [source, data, expected]))(
  '%s',
  (source = '', data = '', expected = '') => {
    const template = compileRevision(revision({ html: source }));
    const mail = render(template, { environment: 'live', language: null, data: JSON.parse(data) });
    // Intl puts a narrow no-break space before PM, which nobody can see on a page.
    expect('html' in mail ? mail.html?.replaceAll('\u202f', ' ') : mail).toBe(expected);
  },
);

test('the guide names every helper', () => {
  for (const name of Object.keys(helpers)) expect(guide).toContain(`\`${name}\``);
});

test('the guide names every keyword', () => {
  const [, list = ''] = /The keywords are (.*?)\. Others/s.exec(guide) ?? [];
  const named = [...list.matchAll(/`(\w+)`/g)].map(([, name]) => name);
  expect(schemaFaults({ type: 'object', nonsense: 1 })[0]?.message).toBe(`is not one of ${named.join(', ')}`);
});

test('the guide names every scheme', () => {
  const schemes = [...standardSchemes, ...forbiddenSchemes];
  for (const scheme of schemes) expect(guide).toContain(`\`${scheme}\``);
  expect(guide).toContain(`up to ${templateLimits.allowedSchemesMax} others`);
});

test('the guide gives the limits as they are', () => {
  const numbers = [
    templateLimits.templateIterationsMax,
    templateLimits.templateStepsMax,
    templateLimits.templateTagsMax,
  ].map((limit) => limit.toLocaleString('en'));
  const sizes = [
    `${templateLimits.templateOutputBytesMax / 2 ** 20} MiB`,
    `${templateLimits.templateSourceBytesMax / 2 ** 10} KiB`,
    `nested ${templateLimits.templateNestingMax} deep`,
  ];
  for (const limit of [...numbers, ...sizes]) expect(guide).toContain(limit);
});
