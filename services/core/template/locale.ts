// Selects the locale of a template for a requested language: `de-AT`, then `de`, then the
// template's default.

/** The spelling under which locales are stored and compared: lower case, hyphens. */
export function normalizeLocale(locale: string): string {
  return locale.toLowerCase().replaceAll('_', '-');
}

/**
 * The first of the chain that exists: the wanted locale, then without its last subtag, and so on,
 * then the default. `locales` are normalized. Null when not even the default is there. Any text may
 * be wanted.
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
 * The language that dates and numbers are written in: the wanted region of the locale that answers
 * (`de-CH` for content in `de`), else that locale itself. Canonical, as Intl wants it.
 */
export function formattingLanguage(wanted: string | null, locale: string): string {
  const wish = wanted ? normalizeLocale(wanted.slice(0, 35)) : '';
  return canonical(wish.startsWith(`${locale}-`) ? wish : locale) ?? canonical(locale) ?? 'en';
}

/** The canonical BCP 47 spelling; null when it is none. */
export function canonical(locale: string): string | null {
  try {
    return Intl.getCanonicalLocales(locale)[0] ?? null;
  } catch {
    return null; // Intl's way to say that it is no language tag
  }
}
