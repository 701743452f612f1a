import { describe, expect, test } from 'vitest';
import { compileRevision, render } from '../template/render.ts';
import { compile, plain, sender, shown, template } from './folder.fixture.ts';

describe('a template', () => {
  const overlays = `
apiVersion: packetboat.dev/v1alpha1
kind: Template
metadata: {name: invoice, namespace: shop}
spec:
  identifier: In_voice
  defaultLocale: EN
  locales:
  - {locale: en, subject: live, html: <p>live</p>, text: live}
  - {locale: de_AT, subject: live de, htmlFrom: {configMapKeyRef: {name: bodies, key: de.html}}}
  testing: {locales: [{locale: en, subject: testing}, {locale: fr, subject: testing fr, text: fr}]}
  draft: {locales: [{locale: en, text: draft}, {locale: FR, subject: draft fr}]}
---
apiVersion: v1
kind: ConfigMap
metadata: {name: bodies, namespace: shop}
data: {de.html: <p>aus der ConfigMap</p>}`;

  test('has the full content of each environment: draft overlays testing, which overlays live, by locale and field', () => {
    const { templates, faults, present } = compile(overlays);
    expect(faults).toEqual([]);
    expect([...present]).toEqual(['template/shop/In_voice']);
    const de = { locale: 'de-at', subject: 'live de', html: '<p>aus der ConfigMap</p>', text: null };
    expect(templates[0]).toMatchObject({
      tenant: 'shop',
      identifier: 'In_voice',
      revision: 0,
      sender: null,
      defaultLocale: 'en',
      content: {
        live: [{ locale: 'en', subject: 'live', html: '<p>live</p>', text: 'live' }, de],
        testing: [
          { locale: 'en', subject: 'testing', html: '<p>live</p>', text: 'live' },
          de,
          { locale: 'fr', subject: 'testing fr', html: null, text: 'fr' },
        ],
        draft: [
          { locale: 'en', subject: 'testing', html: '<p>live</p>', text: 'draft' },
          de,
          { locale: 'fr', subject: 'draft fr', html: null, text: 'fr' },
        ],
      },
    });
  });

  test('may have a draft only', () => {
    const { templates, faults } = compile(
      template('locales: [], draft: {locales: [{locale: en, subject: s, text: t}]}'),
    );
    expect(faults).toEqual([]);
    expect(templates[0]?.content).toMatchObject({ live: [], testing: [], draft: [{ locale: 'en' }] });
  });

  const layout = (name: string, spec: string) => template(spec, `{name: ${name}}`);
  const base = layout('base', "locales: [{locale: en, html: '<main>{{{content}}}</main>'}]");

  test('is wrapped in its layouts, innermost first', () => {
    const outer = layout(
      'outer',
      "locales: [{locale: en, html: '<html>{{{content}}}</html>', text: '{{{ content }}}.'}]",
    );
    const inner = base.replace('defaultLocale: en,', 'defaultLocale: en, layoutRef: {name: outer},');
    const { templates, faults } = compile(
      template(
        "layoutRef: {name: base}, locales: [{locale: en, subject: s, html: '<p>{{a}}</p>', text: t}], sampleData: {a: 1}",
      ),
      inner,
      outer,
    );
    expect(faults).toEqual([]);
    const invoice = templates.find(({ identifier }) => identifier === 'invoice');
    expect(invoice?.layouts).toHaveLength(2);
    expect(
      invoice && render(compileRevision(invoice), { environment: 'draft', language: null, data: { a: '<' } }),
    ).toMatchObject({
      html: '<html><main><p>&lt;</p></main></html>',
      text: 't.',
    });
  });

  const wrapped = `layoutRef: {name: base}, ${plain}`;
  const chain = (length: number) =>
    Array.from({ length }, (_, at) =>
      layout(
        `l${at}`,
        `${at + 1 < length ? `layoutRef: {name: l${at + 1}}, ` : ''}locales: [{locale: en, text: '{{{content}}}'}]`,
      ),
    );

  test.each([
    ['an unknown field', [template(`${plain}, nonsense: 1`)], ['InvalidSpec spec.nonsense']],
    [
      'wrong types, all at once',
      [template('locales: [{locale: en, subject: 1, body: x}, {locale: "!"}], sampleData: []')],
      [
        'InvalidSpec spec.sampleData',
        'InvalidSpec spec.locales[0].subject',
        'InvalidSpec spec.locales[0].body',
        'InvalidSpec spec.locales[1].locale',
      ],
    ],
    [
      'html twice',
      [
        template(
          'locales: [{locale: en, subject: s, html: x, htmlFrom: {configMapKeyRef: {name: a, key: b}}}]',
        ),
      ],
      ['InvalidSpec spec.locales[0].htmlFrom'],
    ],
    ['no body', [template('locales: [{locale: en, subject: s}]')], ['InvalidSpec spec.locales[0]']],
    ['no subject', [template('locales: [{locale: en, text: t}]')], ['InvalidSpec spec.locales[0].subject']],
    [
      'a locale twice',
      [template('locales: [{locale: en, subject: s, text: t}, {locale: EN, subject: s, text: t}]')],
      ['InvalidSpec spec.locales[1].locale'],
    ],
    [
      'a blank body',
      [template('locales: [{locale: en, subject: s, html: \' \', text: "\\u200b\\n"}]')],
      ['InvalidSpec spec.locales[0]'],
    ],
    [
      'a blank html from a ConfigMap',
      [
        template('locales: [{locale: en, subject: s, htmlFrom: {configMapKeyRef: {name: a, key: b}}}]'),
        "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a}\ndata: {b: ' '}",
      ],
      ['InvalidSpec spec.locales[0]'],
    ],
    [
      'a blank subject',
      [template("locales: [{locale: en, subject: ' ', text: t}]")],
      ['InvalidSpec spec.locales[0].subject'],
    ],
    [
      'a mail that is blank with the sample data',
      [template("locales: [{locale: en, subject: s, html: '{{#if a}}x{{/if}}', text: '{{a}}'}]")],
      ['RenderFailed spec.locales[0].html'],
    ],
    ['no content', [template('locales: []')], ['InvalidSpec spec.defaultLocale']],
    [
      'a default that is not there',
      [template('locales: [{locale: de, subject: s, text: t}]')],
      ['InvalidSpec spec.defaultLocale'],
    ],
    [
      'a default that is drafted only',
      [
        template(
          'locales: [{locale: de, subject: s, text: t}], draft: {locales: [{locale: en, subject: s, text: t}]}',
        ),
      ],
      ['InvalidSpec spec.defaultLocale'],
    ],
    ['an identifier with @', [template(`identifier: invoice@3, ${plain}`)], ['InvalidSpec spec.identifier']],
    [
      'a schema with a pattern',
      [template(`${plain}, variables: {type: object, properties: {a: {pattern: x}}}`)],
      ['InvalidSpec spec.variables.properties.a.pattern'],
    ],
    ['no sender', [template(`senderRef: {name: nobody}, ${plain}`)], ['SenderNotFound spec.senderRef.name']],
    [
      "another namespace's sender",
      [
        template(`senderRef: {name: theirs}, ${plain}`),
        sender('', '{name: theirs, namespace: other}').replaceAll('shop.example', 'other.example'),
      ],
      ['SenderNotFound spec.senderRef.name'],
    ],
    [
      'no ConfigMap',
      [template('locales: [{locale: en, subject: s, htmlFrom: {configMapKeyRef: {name: a, key: b}}}]')],
      ['ConfigMapNotFound spec.locales[0].htmlFrom.configMapKeyRef'],
    ],
    [
      'no key in it',
      [
        template('locales: [{locale: en, subject: s, htmlFrom: {configMapKeyRef: {name: a, key: b}}}]'),
        'apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a}\ndata: {c: x}',
      ],
      ['ConfigMapNotFound spec.locales[0].htmlFrom.configMapKeyRef'],
    ],
    [
      'no sender and bad Handlebars, all at once',
      [template("senderRef: {name: nobody}, locales: [{locale: en, subject: '{{#if a}}', text: t}]")],
      ['SenderNotFound spec.senderRef.name', 'SyntaxError spec.locales[0].subject'],
    ],
    ['no layout', [template(wrapped)], ['LayoutNotFound spec.layoutRef.name']],
    [
      'a layout that cannot be read',
      [template(wrapped), base.replace('locales:', 'nonsense:')],
      ['LayoutNotFound spec.layoutRef.name', 'InvalidSpec spec.locales', 'InvalidSpec spec.nonsense'],
    ],
    [
      'a layout with faults',
      [template(wrapped), base.replace('{locale: en,', '{locale: de,')],
      ['LayoutNotFound spec.layoutRef.name', 'InvalidSpec spec.defaultLocale'],
    ],
    [
      'a layout that places nothing',
      [template(wrapped), layout('base', plain)],
      ['InvalidSpec spec.layoutRef.name'],
    ],
    [
      'a layout of itself',
      [template(`layoutRef: {name: invoice}, ${plain}`)],
      ['LayoutCycle spec.layoutRef.name'],
    ],
    [
      'layouts in a ring',
      [
        template(wrapped),
        layout('base', "layoutRef: {name: ring}, locales: [{locale: en, text: '{{{content}}}'}]"),
        layout('ring', "layoutRef: {name: base}, locales: [{locale: en, text: '{{{content}}}'}]"),
      ],
      [
        'LayoutCycle spec.layoutRef.name',
        'LayoutCycle spec.layoutRef.name',
        'LayoutCycle spec.layoutRef.name',
      ],
    ],
    [
      'layouts too deep',
      [template(`layoutRef: {name: l0}, ${plain}`), ...chain(4)],
      ['InvalidSpec spec.layoutRef.name'],
    ],
    [
      'bad Handlebars',
      [template("locales: [{locale: en, subject: '{{#if a}}', text: t}]")],
      ['SyntaxError spec.locales[0].subject'],
    ],
    [
      'bad Handlebars in an overlay',
      [template(`${plain}, draft: {locales: [{locale: en, text: '{{nope a}}'}]}`)],
      ['SyntaxError spec.draft.locales[0].text'],
    ],
    [
      'bad Handlebars in a layout',
      [
        template(wrapped.replace('text: Hello', 'html: Hello')),
        layout('base', "locales: [{locale: en, html: '{{{content}}}{{nope a}}'}]"),
      ],
      ['SyntaxError spec.layoutRef', 'SyntaxError spec.locales[0].html'],
    ],
    [
      'a link that is no link',
      [template('locales: [{locale: en, subject: s, html: \'<a href="javascript:x">\'}]')],
      ['RenderFailed spec.locales[0].html'],
    ],
    [
      'a scheme that is never allowed, in any case',
      [template(`${plain}, allowedSchemes: [sms, JavaScript, data, "a b", "1a", ""]`)],
      [0, 1, 2, 3, 4].map((at) => `InvalidSpec spec.allowedSchemes[${at + 1}]`),
    ],
    [
      'headers that callers cannot set, or set twice',
      [template(`${plain}, headers: [{name: Bcc, value: a}, {name: X-A, value: b}, {name: x-a, value: c}]`)],
      ['InvalidSpec spec.headers[0].name', 'InvalidSpec spec.headers[2].name'],
    ],
    [
      'a header whose value does not have its form',
      [template(`${plain}, headers: [{name: List-Id, value: '{{a}}'}], sampleData: {a: orders}`)],
      ['RenderFailed spec.headers'],
    ],
    [
      'a header that cannot be parsed',
      [template(`${plain}, headers: [{name: X-A, value: '{{#if'}]`)],
      ['SyntaxError spec.headers'],
    ],
    [
      'data of the wrong kind',
      [template("locales: [{locale: en, subject: s, text: '{{formatDate a}}'}], sampleData: {a: soon}")],
      ['RenderFailed spec.locales[0].text'],
    ],
    [
      'a sample that does not fit',
      [
        template(
          `${plain}, variables: {type: object, required: [number], properties: {a: {type: string}}}, sampleData: {a: 1}`,
        ),
      ],
      ['SchemaMismatch spec.sampleData.number', 'SchemaMismatch spec.sampleData.a'],
    ],
    [
      'numbers of the sample that YAML rounded',
      [
        template(
          `${plain}, sampleData: {a: 9007199254740993, b: [{c: -1e400}, 9007199254740991, 0.1], d: '9007199254740993'}`,
        ),
      ],
      ['InvalidSpec spec.sampleData.a', 'InvalidSpec spec.sampleData.b[0].c'],
    ],
    [
      'nested too deep',
      [
        template(
          `locales: [{locale: en, subject: s, text: '${'{{#if a}}'.repeat(33)}${'{{/if}}'.repeat(33)}'}]`,
        ),
      ],
      ['TooLarge spec.locales[0].text'],
    ],
    [
      'too many tags in all',
      [
        template(
          `locales: [{locale: en, subject: s, html: '${'{{a}}'.repeat(600)}', text: '${'{{a}}'.repeat(600)}'}]`,
        ),
      ],
      ['TooLarge spec.locales[0].html'],
    ],
  ])('%s', (_title, texts, expected) => {
    const result = compile(sender(''), ...texts);
    expect(shown(result).sort()).toEqual([...expected].sort());
    // The others are unaffected.
    expect(result.senders[0]).toMatchObject({ name: 'billing', tenant: 'default' });
    expect(result.templates.some(({ identifier }) => identifier === 'invoice')).toBe(false);
    expect(result.present).toContain('sender/default/billing');
  });

  test('a blank field of an overlay counts as absent, and a blank part beside another is left out', () => {
    const { templates, faults } = compile(
      template(
        "locales: [{locale: en, subject: s, html: ' ', text: t}], draft: {locales: [{locale: en, subject: '', text: ' '}]}",
      ),
    );
    expect(faults).toEqual([]);
    const en = [{ locale: 'en', subject: 's', html: null, text: 't' }];
    expect(templates[0]?.content).toEqual({ live: en, testing: en, draft: en });
  });

  test('links may have the schemes that the template or its layouts list, in any case', () => {
    const link = '<a href="sms:1">x</a><a href="geo:1,2">y</a>';
    const { templates, faults } = compile(
      template(
        `layoutRef: {name: base}, allowedSchemes: [SMS], locales: [{locale: en, subject: s, html: '${link}'}]`,
      ),
      base.replace('locales:', 'allowedSchemes: [geo, sms], locales:'),
    );
    expect(faults).toEqual([]);
    expect(templates[0]?.allowedSchemes).toEqual(['geo', 'sms']);
  });

  test('three layouts are not too deep', () =>
    expect(shown(compile(template(`layoutRef: {name: l0}, ${plain}`), ...chain(3)))).toEqual([]));

  test('a sender with faults does not invalidate its templates', () => {
    const result = compile(sender('tracking: {}'), template(`senderRef: {name: billing}, ${plain}`));
    expect(shown(result)).toEqual(['InvalidSpec spec.tracking']);
    expect(result.templates).toMatchObject([{ sender: 'billing' }]);
  });

  test('a fault of shared content is reported once, with line, locale and reason', () => {
    const { faults } = compile(`
apiVersion: packetboat.dev/v1alpha1
kind: Template
metadata: {name: invoice, namespace: shop}
spec:
  defaultLocale: en
  locales:
  - locale: en
    subject: s
    html: |
      <p>
      {{#each a}}
    text: t
  draft: {locales: [{locale: en, text: t2}]}`);
    expect(faults).toEqual([
      {
        file: 'test.yaml',
        line: 10,
        column: 5,
        kind: 'Template',
        namespace: 'shop',
        name: 'invoice',
        reason: 'SyntaxError',
        path: 'spec.locales[0].html',
        message: expect.stringMatching(/^html, line \d: .*\(locale en, live\)$/),
      },
    ]);
  });
});
