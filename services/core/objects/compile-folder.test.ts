import { readdirSync, readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { parseDocuments } from '../documents/documents.ts';
import { compileRevision, render } from '../template/render.ts';
import { compileFolder } from './compile-folder.ts';
import { compile, plain, sender, shown, template } from './folder.fixture.ts';

describe('a folder', () => {
  test.each([
    [
      'a domain',
      [sender(''), sender('', '{name: second}')],
      ['DomainConflict spec.domain'],
      'is taken by Sender "billing"',
    ],
    [
      "another tenant's domain",
      [sender(''), sender('', '{name: a, namespace: other}')],
      ['DomainConflict spec.domain'],
      'is taken in another namespace',
    ],
    [
      'an identifier',
      [template(plain), template(`identifier: invoice, ${plain}`, '{name: second}')],
      ['IdentifierConflict spec.identifier'],
      'is taken by Template "invoice"',
    ],
    [
      'a name',
      [template(plain), template(`identifier: b, ${plain}`)],
      ['InvalidSpec metadata.name'],
      'is taken by Template "invoice"',
    ],
  ])('the first has %s', (_title, texts, expected, message) => {
    const result = compile(...texts);
    expect(shown(result)).toEqual(expected);
    expect(result.faults[0]?.message).toBe(message);
    expect(result.senders.length + result.templates.length).toBe(1);
  });

  test('two tenants may use the same names', () => {
    expect(shown(compile(template(plain), template(plain, '{name: invoice, namespace: other}')))).toEqual([]);
  });
});

describe('the example catalog', () => {
  const folder = new URL('../../../examples/catalog/', import.meta.url);
  const parsed = readdirSync(folder).map((file) =>
    parseDocuments(file, readFileSync(new URL(file, folder), 'utf8')),
  );
  const { senders, templates, faults } = compileFolder(parsed.flatMap(({ documents }) => documents));
  const find = (identifier: string) => {
    const found = templates.find((one) => one.identifier === identifier);
    if (!found) throw new Error(`no template ${identifier}`);
    return found;
  };

  test('compiles without a fault', () => {
    expect(parsed.flatMap((one) => one.faults)).toEqual([]);
    expect(faults).toEqual([]);
    expect(senders.map(({ name }) => name)).toEqual(['accounts', 'billing']);
    expect(templates.map(({ identifier }) => identifier).sort()).toEqual([
      'email_key',
      'invoice',
      'otp-code',
    ]);
  });

  test('has each template sent by a sender of its own', () => {
    for (const { sender: name } of templates) expect(senders.map((one) => one.name)).toContain(name);
  });

  test('renders the requests of the reference documents', () => {
    const code = compileRevision(find('otp-code'));
    const data = { code: '847291', expires_in: '5 minutes' };
    expect(render(code, { environment: 'live', language: null, data })).toMatchObject({
      subject: 'Your verification code',
      text: expect.stringContaining('847291'),
    });
    expect(render(code, { environment: 'live', language: 'de-AT', data })).toMatchObject({
      locale: 'de',
      html: expect.stringContaining('Bestätigungscode'),
    });
    expect(render(code, { environment: 'draft', language: null, data })).toMatchObject({
      subject: '847291 is your Harbour Shop code',
    });
    const key = compileRevision(find('email_key'));
    expect(
      render(key, { environment: 'draft', language: 'en', data: { some_variable: 'some_value' } }),
    ).toMatchObject({
      subject: '[Draft] Welcome to Harbour Shop: some_value',
      text: expect.stringContaining('some_value'),
    });
    expect(senders.find(({ name }) => name === key.revision.sender)?.team).toContain('email@email.com');
  });
});
