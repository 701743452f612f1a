import { describe, expect, test } from 'vitest';
import { isClean } from '../address.ts';
import type { LocaleContent } from '../catalog/catalog.ts';
import { compileRevision, isRefusal, maskedSubject, type RenderRequest, render } from './render.ts';
import { revision } from './revision.fixture.ts';

const request = (data: RenderRequest['data'] = {}, more: Partial<RenderRequest> = {}): RenderRequest => ({
  environment: 'live',
  language: null,
  data,
  ...more,
});
const locale = (tag: string, more: Partial<LocaleContent> = {}): LocaleContent => ({
  locale: tag,
  subject: tag,
  html: null,
  text: tag,
  ...more,
});

test('html is escaped, subject and text are not', () => {
  const all = 'Hello {{name}} {{{name}}}';
  const mail = render(
    compileRevision(revision({ subject: all, html: all, text: all })),
    request({ name: `<script>alert("x")</script> & 'y' =\`` }),
  );
  expect(mail).toEqual({
    subject: `Hello <script>alert("x")</script> & 'y' =\` <script>alert("x")</script> & 'y' =\``,
    html: `Hello &lt;script&gt;alert(&quot;x&quot;)&lt;/script&gt; &amp; &#x27;y&#x27; &#x3D;&#x60; <script>alert("x")</script> & 'y' =\``,
    text: `Hello <script>alert("x")</script> & 'y' =\` <script>alert("x")</script> & 'y' =\``,
    headers: {},
    locale: 'en',
  });
});

test('a part that the template does not have stays null', () => {
  expect(render(compileRevision(revision({ html: '<p>x</p>' })), request())).toMatchObject({ text: null });
  expect(render(compileRevision(revision({ text: 'x' })), request())).toMatchObject({ html: null });
});

describe('headers of a template', () => {
  const headers = [
    { name: 'list-unsubscribe', value: '<https://shop.example/leave?t={{urlEncode t}}>' },
    { name: 'X-Note', value: '{{note}}' },
  ];
  const of = (data: RenderRequest['data']) =>
    render(compileRevision(revision({ text: 'x', headers })), request(data));

  test('render as plain text on one line; a blank value is left out', () => {
    expect(of({ t: 'a b', note: 'a <b>\r\nBcc: c' })).toMatchObject({
      headers: { 'List-Unsubscribe': '<https://shop.example/leave?t=a%20b>', 'X-Note': 'a <b>  Bcc: c' },
    });
    expect(of({ t: 1, note: ' ' })).toMatchObject({
      headers: { 'List-Unsubscribe': '<https://shop.example/leave?t=1>' },
    });
  });

  test('are refused when a value does not have the form of its header', () => {
    const long = of({ t: 'x'.repeat(1_000) });
    expect(long).toEqual({
      errors: [
        {
          field: 'template_data',
          code: 'template_failed',
          message:
            'The template cannot be rendered with this data: headers: the header list-unsubscribe is not valid. A URI in a header has at most 900 characters.',
        },
      ],
    });
  });
});

describe('a blank part', () => {
  const layout = {
    defaultLocale: 'en',
    content: {
      live: [locale('en', { html: '<b>{{{content}}}</b>', text: '-- {{{content}}}' })],
      testing: [],
      draft: [],
    },
  };
  const blank = '{{#if x}}{{x}}{{/if}} \n\u200b';
  test.each([
    ['html beside a text', { html: blank, text: 't' }, {}, { html: null, text: 't' }],
    ['text beside an html', { html: '<p>', text: blank }, {}, { html: '<p>', text: null }],
    ['html that the data fills', { html: blank, text: 't' }, { x: 'a' }, { html: 'a \n\u200b', text: 't' }],
    [
      'html of white space from the data',
      { html: '{{x}}', text: 't' },
      { x: '\u00a0' },
      { html: null, text: 't' },
    ],
    ['html in a layout', { html: blank, text: 't', layouts: [layout] }, {}, { html: null, text: '-- t' }],
  ])('is absent: %s', (_, content, data, expected) => {
    expect(render(compileRevision(revision(content)), request(data))).toMatchObject(expected);
  });

  test('is absent when its layout is blank', () => {
    const hiding = {
      ...layout,
      content: { ...layout.content, live: [locale('en', { html: '{{#if no}}{{{content}}}{{/if}}' })] },
    };
    const template = compileRevision(revision({ html: '<p>', text: 't', layouts: [hiding] }));
    expect(render(template, request())).toMatchObject({ html: null, text: 'en' });
  });

  test.each([
    ['one part', { html: blank }],
    ['both parts', { html: blank, text: blank }],
    ['both parts, in a layout', { html: blank, text: blank, layouts: [layout] }],
  ])('leaves no mail where nothing else is there: %s', (_, content) => {
    expect(render(compileRevision(revision(content)), request())).toEqual({
      errors: [
        {
          field: 'template_data',
          code: 'missing_content',
          message: 'With this data the html and the text of the template are blank.',
        },
      ],
    });
  });
});

test.each(['a\r\nBcc: x@shop.example', 'a\nb', 'a\0b', 'a\u2028b', 'a\u202eb', '\ud800', 'a\tb', 'a\u0085b'])(
  'the subject stays one clean line: %j',
  (name) => {
    const mail = render(
      compileRevision(revision({ subject: 'Hi {{name}}\r\n', text: 'x' })),
      request({ name }),
    );
    if (isRefusal(mail)) throw new Error('refused');
    expect(isClean(mail.subject)).toBe(true);
    expect(mail.subject).toMatch(/^Hi \S/);
  },
);

test('language falls back along the chain, numbers follow the region', () => {
  const live = [locale('en'), locale('de', { text: '{{formatNumber 1234.5}}' })];
  const template = compileRevision(revision({ content: { live } }));
  expect(render(template, request({}, { language: 'de_AT' }))).toMatchObject({
    locale: 'de',
    text: '1234,5'.replace('1234', '1\u00a0234'),
  });
  expect(render(template, request({}, { language: 'fr-FR' }))).toMatchObject({ locale: 'en' });
  expect(render(template, request({}, { language: null }))).toMatchObject({ locale: 'en' });
});

test('each environment has its own content, and an environment without content is refused', () => {
  const template = compileRevision(
    revision({
      content: {
        live: [],
        testing: [locale('en', { subject: 'T' })],
        draft: [locale('en', { subject: 'D' })],
      },
    }),
  );
  expect(render(template, request({}, { environment: 'draft' }))).toMatchObject({ subject: 'D' });
  expect(render(template, request({}, { environment: 'testing' }))).toMatchObject({ subject: 'T' });
  expect(render(template, request())).toEqual({
    errors: [{ field: 'environment', code: 'no_content', message: 'The template has no content for live.' }],
  });
});

test('a missing required variable is refused with its path, any other renders empty', () => {
  const variables = { type: 'object', required: ['number'], properties: { number: { type: 'string' } } };
  const template = compileRevision(revision({ text: '[{{number}}{{other}}]', variables }));
  expect(render(template, request({ other: 1 }))).toMatchObject({
    errors: [{ field: 'template_data.number', code: 'missing_variable' }],
  });
  expect(render(template, request({ number: '7' }))).toMatchObject({ text: '[7]' });
});

describe('layouts', () => {
  const base = {
    defaultLocale: 'en',
    content: {
      live: [
        locale('en', {
          subject: '',
          html: '<main>{{{content}}}</main>{{name}}',
          text: '== {{{content}}} ==',
        }),
        locale('de', { html: '<de>{{{content}}}</de>', text: null }),
      ],
      testing: [],
      draft: [],
    },
  };
  const outer = {
    defaultLocale: 'en',
    content: {
      live: [locale('en', { html: '<html>{{{content}}}</html>', text: null })],
      testing: [],
      draft: [],
    },
  };
  const live = [
    locale('en', { html: '<p>{{name}}</p>', text: '{{name}}' }),
    locale('de', { html: '<p>de</p>', text: 'de' }),
    locale('fr', { html: '<p>fr</p>', text: null }),
  ];
  const template = compileRevision(revision({ content: { live }, layouts: [base, outer] }));

  test('wrap their child from the inside out', () => {
    expect(render(template, request({ name: '<b>' }))).toMatchObject({
      html: '<html><main><p>&lt;b&gt;</p></main>&lt;b&gt;</html>',
      text: '== <b> ==',
    });
  });
  test('use the language of the content inside where they have it', () => {
    expect(render(template, request({}, { language: 'de' }))).toMatchObject({
      html: '<html><de><p>de</p></de></html>',
      text: 'de',
    });
    expect(render(template, request({}, { language: 'fr' }))).toMatchObject({
      html: '<html><main><p>fr</p></main></html>',
      text: null,
    });
  });
  test('do not place data of the caller that is named content', () => {
    expect(render(template, request({ content: 'forged' }))).toMatchObject({
      html: expect.not.stringContaining('forged'),
    });
  });
});

describe('refusals', () => {
  test.each([
    [
      'an unsafe link',
      { html: '<p>\n<a href="{{url}}">x</a>' },
      { url: 'javascript:secret' },
      'html, line 2: the link in href',
    ],
    [
      'a scheme that the template does not allow',
      { html: '<a href="{{url}}">x</a>', allowedSchemes: ['sms'] },
      { url: 'secret:1' },
      'tel, cid and sms',
    ],
    [
      'a raw link',
      { html: '{{{raw}}}' },
      { raw: '<img src="data:secret">' },
      'html, line 1: the link in src',
    ],
    ['a wrong value', { text: 'x\n{{formatDate at}}' }, { at: 'secret' }, 'text, line 2: formatDate needs'],
    [
      'too many turns',
      { text: '\n{{#each xs}}{{/each}}' },
      { xs: Array.from({ length: 10_001 }, () => 'secret') },
      'text, line 2: more than 10000 iterations',
    ],
    [
      'too much output',
      { html: '{{x}}' },
      { x: 'secret'.repeat(1_000_000) },
      'html, line 1: more than 2097152 bytes',
    ],
    ['a long subject', { subject: '{{x}}' }, { x: 'secret'.repeat(200) }, 'subject: longer than 998'],
    ['a list in a text', { text: '{{x}}' }, { x: ['secret'] }, 'text, line 1: a list'],
  ])('%s', (_title, content, data, message) => {
    const refused = render(compileRevision(revision(content)), request(data));
    expect(refused).toMatchObject({
      errors: [
        { field: 'template_data', code: 'template_failed', message: expect.stringContaining(message) },
      ],
    });
    expect(JSON.stringify(refused)).not.toContain('secret');
  });
});

test('the stored subject shows no secret, whatever the template does with it', () => {
  const variables = {
    type: 'object',
    properties: { code: { type: 'string', maxLength: 6, writeOnly: true }, until: { writeOnly: true } },
  };
  const subject = '{{code}} {{formatDate until}} {{#if (eq code "847291")}}guessed{{/if}} {{name}}';
  const template = compileRevision(revision({ subject, variables }));
  const data = { code: '847291', until: '2026-03-31', name: 'Ana' };
  expect(maskedSubject(template, request(data))).toBe('*** ***  Ana');
  expect(render(template, request(data))).toMatchObject({ subject: '847291 Mar 31, 2026 guessed Ana' });
  expect(maskedSubject(compileRevision(revision({ subject })), request(data))).toBeNull();
});

test('a link from the data may have a scheme that the template allows', () => {
  const html = '<a href="{{url}}">x</a>';
  const template = compileRevision(revision({ html, allowedSchemes: ['sms'] }));
  const url = 'sms:+3225550100';
  expect(render(template, request({ url }))).toMatchObject({ html: '<a href="sms:+3225550100">x</a>' });
  expect(render(compileRevision(revision({ html })), request({ url }))).toHaveProperty('errors');
});

test('the same request gives the same mail', () => {
  const template = compileRevision(revision({ html: '{{#each xs}}{{this}}{{/each}}' }));
  expect(render(template, request({ xs: [1, 2] }))).toEqual(render(template, request({ xs: [1, 2] })));
});

test('the largest mail is rendered, whole', () => {
  const html = `${'{{#if a}}{{a}}{{/if}}'.repeat(330)}${'x'.repeat(500_000)}`;
  const template = compileRevision(revision({ html }));
  const mail = render(template, request({ a: 1 }));
  expect(isRefusal(mail) ? mail : mail.html?.length).toBe(330 + 500_000);
});
