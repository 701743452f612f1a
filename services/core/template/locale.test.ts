import { expect, test } from 'vitest';
import { formattingLanguage, resolveLocale } from './locale.ts';

test.each([
  ['de-AT', ['en', 'de', 'de-at'], 'de-at'],
  ['de-AT', ['en', 'de'], 'de'],
  ['DE_at', ['en', 'de'], 'de'],
  ['de', ['en', 'de-at'], 'en'],
  ['zh-Hant-TW', ['en', 'zh', 'zh-hant'], 'zh-hant'],
  ['fr', ['en', 'de'], 'en'],
  [null, ['en', 'de'], 'en'],
  ['', ['en'], 'en'],
  ['-', ['en'], 'en'],
  ['de-'.repeat(100_000), ['en', 'de'], 'de'],
  ['{"$gt":""}', ['en'], 'en'],
  ['fr', ['de'], null],
])('%s of %j is %s', (wanted, locales, expected) =>
  expect(resolveLocale(wanted, locales, 'EN')).toBe(expected),
);

test.each([
  ['de-CH', 'de', 'de-CH'],
  ['de_ch', 'de', 'de-CH'],
  ['fr-CH', 'en', 'en'],
  ['de-nonsense!', 'de', 'de'],
  [null, 'de-at', 'de-AT'],
  ['den', 'de', 'de'],
])('wanting %s and getting %s, numbers are written in %s', (wanted, locale, expected) =>
  expect(formattingLanguage(wanted, locale)).toBe(expected),
);
