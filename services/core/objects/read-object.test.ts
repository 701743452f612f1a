import { describe, expect, test } from 'vitest';
import { compile, shown } from './folder.fixture.ts';

describe('a document that is not one of the four objects has a fault', () => {
  test.each([
    ['plain text', ['InvalidSpec kind']],
    ['kind: Deployment', ['InvalidSpec kind']],
    ['kind: constructor', ['InvalidSpec kind']],
    ['- a list', ['InvalidSpec kind']],
    [
      'apiVersion: packetboat.dev/v2\nkind: Template\nmetadata: {name: a}\nspec: {defaultLocale: en, locales: []}',
      ['InvalidSpec apiVersion'],
    ],
    [
      'apiVersion: packetboat.dev/v1alpha1\nkind: Template\nspec: 7',
      ['InvalidSpec metadata', 'InvalidSpec spec'],
    ],
    [
      'apiVersion: packetboat.dev/v1alpha1\nkind: Template\nmetadata: {name: A b, namespace: x.y}\nspec: {defaultLocale: en, locales: []}',
      ['InvalidSpec metadata.name', 'InvalidSpec metadata.namespace'],
    ],
  ])('%s', (text, expected) => expect(shown(compile(text))).toEqual(expected));
});
