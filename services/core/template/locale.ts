// Chooses the locale of a template for the language of a request: `de-AT`, then `de`, then the
// default of the template.

/** The spelling in which locales are stored and compared: lower case, with hyphens. */
export function normalizeLocale(locale: string): string {
  return locale.toLowerCase().replaceAll('_', '-');
}

/**
 * The first of these locales that exists: the wanted locale, the same without its last subtag, and
 * so on, then the default. Null when the default does not exist either. `locales` are normalized;
 * `wanted` may be any text.
 */
export function resolveLocale(
  wanted: string | null,
  locales: readonly string[],
  defaultLocale: string,
): string | null {
  const chain = wanted ? normalizeLocale(wanted.slice(0, 35)).split('-') : [];
  for (let length = chain.length; length > 0; length -= 1) {
    const candidate = chain.slice(0, length).join('-');
    if (locales.includes(candidate)) return candidate;
  }
  const fallback = normalizeLocale(defaultLocale);
  return locales.includes(fallback) ? fallback : null;
}

/**
 * The language of dates and numbers: the wanted locale when it is a region of the chosen locale
 * (`de-CH` for content in `de`), else the chosen locale. In canonical spelling, which Intl needs.
 */
export function formattingLanguage(wanted: string | null, locale: string): string {
  const wish = wanted ? normalizeLocale(wanted.slice(0, 35)) : '';
  return canonical(wish.startsWith(`${locale}-`) ? wish : locale) ?? canonical(locale) ?? 'en';
}

/** The canonical BCP 47 spelling; null for a text that is not a language tag. */
export function canonical(locale: string): string | null {
  try {
    return Intl.getCanonicalLocales(locale)[0] ?? null;
  } catch {
    return null; // Intl throws a RangeError for a text that is not a language tag
  }
}
