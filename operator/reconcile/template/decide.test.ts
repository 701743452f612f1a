import { describe, expect, test } from 'vitest';
import { isFaults } from '../../../services/core/documents/fault.ts';
import { operatorLimits } from '../../../services/core/limits/operator.ts';
import type { TemplateResource } from '../../api/v1alpha1/resources.ts';
import type { Decision } from '../decision.ts';
import { decideTemplate, readTemplate, type TemplateFacts } from './decide.ts';

const template = (spec: object = {}, name = 'invoice', namespace = 'shop'): TemplateResource => ({
  metadata: { name, namespace, uid: name, generation: 1 },
  spec: { defaultLocale: 'en', locales: [{ locale: 'en', subject: 'Hi', text: 'Hello' }], ...spec },
});
const facts = (spec: object = {}, more: Partial<TemplateFacts> = {}): TemplateFacts => {
  const object = template(spec);
  const claim = { object, read: readTemplate(object), tenant: 'shop', owner: null };
  return { ...claim, layouts: new Map(), hasSender: false, configMaps: new Map(), ...more };
};
const shown = ({ conditions }: Decision): readonly string[] =>
  conditions.map(({ type, status, reason }) => `${type} ${status} ${reason}`);
const accepted = ['Accepted True Accepted'];
const resolved = [...accepted, 'ReferencesResolved True Resolved'];

const html = (text: string) => ({ locales: [{ locale: 'en', subject: 'Hi', text: 'Hello', html: text }] });
const fromMap = {
  locales: [
    { locale: 'en', subject: 'Hi', text: 'Hi', htmlFrom: { configMapKeyRef: { name: 'bodies', key: 'a' } } },
  ],
};
const layout = (text: string) => {
  const read = readTemplate(template(html(text), 'base'));
  if (isFaults(read)) throw new Error('the layout is valid');
  return new Map([['base', read]]);
};

describe('a Template without an entry', () => {
  test.each([
    [
      'that is not valid',
      facts({ locales: 7 }),
      ['Accepted False InvalidSpec', 'ReferencesResolved Unknown Pending'],
    ],
    [
      'in a namespace that is no tenant',
      facts({}, { tenant: null }),
      ['Accepted False NamespaceNotAllowed', 'ReferencesResolved Unknown Pending'],
    ],
    [
      'whose identifier another one has',
      facts({}, { owner: template() }),
      ['Accepted False IdentifierConflict', 'ReferencesResolved Unknown Pending'],
    ],
    [
      'whose ConfigMaps cannot be read',
      facts(fromMap, { configMaps: null }),
      [...accepted, 'ReferencesResolved Unknown ApiUnavailable'],
      operatorLimits.reconcileStoreRetryMs,
    ],
    [
      'whose ConfigMap is missing',
      facts(fromMap, { configMaps: new Map([['bodies', null]]) }),
      [...accepted, 'ReferencesResolved False ConfigMapNotFound'],
    ],
    [
      'whose layout is missing',
      facts({ layoutRef: { name: 'base' } }),
      [...accepted, 'ReferencesResolved False LayoutNotFound'],
    ],
    [
      'whose Sender is missing',
      facts({ senderRef: { name: 'billing' } }),
      [...accepted, 'ReferencesResolved False SenderNotFound'],
    ],
  ] as const)('%s', (_, gathered, conditions, nextVisitMs: number | null = null) => {
    const decision = decideTemplate(gathered);
    expect([decision.entry, shown(decision), decision.nextVisitMs]).toEqual([
      null,
      [...conditions, 'Compiled Unknown Pending'],
      nextVisitMs,
    ]);
  });

  test('that does not compile', () => {
    const decision = decideTemplate(facts(html('{{#if}}')));
    expect([decision.entry, shown(decision)]).toEqual([null, [...resolved, 'Compiled False SyntaxError']]);
  });

  test.each([
    ['the same namespace', template({}, 'older'), 'is taken by Template "older"'],
    [
      'another namespace, which it does not name',
      template({}, 'older', 'sister'),
      'is taken in another namespace of this tenant',
    ],
  ])('is told whether the owner of its identifier is in %s', (_, owner, message) => {
    expect(decideTemplate(facts({}, { owner })).conditions[0]?.message).toBe(`spec.identifier: ${message}`);
  });

  test.each([
    [
      'of a spec that can be read',
      facts({ identifier: 'Inv_1' }, { tenant: null }),
      { identifier: 'Inv_1', locales: ['en'] },
    ],
    ['of no other spec', facts({ locales: 7 }), {}],
  ])('has the identifier and locales in its status %s', (_, gathered, fields) => {
    expect(decideTemplate(gathered).fields).toEqual(fields);
  });
});

describe('a Template with an entry', () => {
  test.each([
    ['that is good', facts(), 'Compiled'],
    [
      'with a layout',
      facts(
        { ...html('<p>x</p>'), layoutRef: { name: 'base' } },
        { layouts: layout('<b>{{{content}}}</b>') },
      ),
      'Compiled',
    ],
    [
      'from a ConfigMap',
      facts(fromMap, { configMaps: new Map([['bodies', { a: '<p>x</p>' }]]) }),
      'Compiled',
    ],
    ['with a Sender', facts({ senderRef: { name: 'billing' } }, { hasSender: true }), 'Compiled'],
    ['with warnings', facts(html('<a href="http://x.example">x</a>')), 'CompiledWithWarnings'],
  ])('%s', (_, gathered, reason) => {
    const decision = decideTemplate(gathered);
    expect(shown(decision)).toEqual([...resolved, `Compiled True ${reason}`]);
    expect(decision).toMatchObject({
      entry: { kind: 'template', template: { tenant: 'shop', identifier: 'invoice' } },
      nextVisitMs: null,
    });
  });

  test('has what it uses and its warnings in its status, the first warning also in the condition', () => {
    const { fields, conditions } = decideTemplate(
      facts({
        ...html('<a href="http://x.example">{{n}}</a>'),
        variables: { type: 'object', properties: { m: {} } },
      }),
    );
    expect(fields).toMatchObject({
      usedVariables: ['n'],
      warnings: [{ path: 'variables.properties' }, {}, { path: 'locales[en].html' }],
    });
    expect(conditions[2]?.message).toMatch(/^variables\.properties .*; and 2 more in status\.warnings$/);
  });
});
