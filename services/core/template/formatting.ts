// The helpers that write dates, numbers, money and plurals in the language of the message, by Intl.
// A helper returns a missing value unchanged, and the tag prints nothing. A value of the wrong kind
// is an error that names the helper, never the value.

import type { Run } from './run.ts';
import { TemplateError } from './template-error.ts';
import { type Helper, isAbsent } from './template-helper.ts';

/** A formatter of Intl takes up to 40 µs to make. */
const FORMATTER_STEPS = 200;
const FORMATTERS_MAX = 500;
const formatters = new Map<string, unknown>();

export const formatDate: Helper = {
  takes: [1, 1],
  options: ['style', 'time', 'timeZone'],
  steps: 10,
  call([value], { style = 'medium', time, timeZone = 'UTC' }, run) {
    if (isAbsent(value)) return value;
    const instant = typeof value === 'string' ? readDate(value) : null;
    if (!instant)
      throw new TemplateError(
        'RenderFailed',
        'formatDate needs a date such as 2026-03-31 or 2026-03-31T18:00:00Z',
      );
    // A date without a time is the same day everywhere: no time zone may make it the day before.
    const options = {
      dateStyle: style,
      timeStyle: instant.isDay ? undefined : time,
      timeZone: instant.isDay ? 'UTC' : timeZone,
    };
    const format = made('formatDate', run, options, (known) => new Intl.DateTimeFormat(run.language, known));
    return format.format(instant.date);
  },
};

export const formatNumber: Helper = {
  takes: [1, 1],
  options: ['style', 'minimumFractionDigits', 'maximumFractionDigits'],
  steps: 10,
  call([value], { style = 'decimal', minimumFractionDigits, maximumFractionDigits }, run) {
    if (isAbsent(value)) return value;
    if (style !== 'decimal' && style !== 'percent')
      throw new TemplateError('RenderFailed', 'formatNumber has the styles decimal and percent');
    const options = { style, minimumFractionDigits, maximumFractionDigits };
    return made('formatNumber', run, options, (known) => new Intl.NumberFormat(run.language, known)).format(
      number('formatNumber', value),
    );
  },
};

export const formatMoney: Helper = {
  takes: [2, 2],
  options: [],
  steps: 10,
  call([amount, currency], _options, run) {
    if (isAbsent(amount)) return amount;
    if (isAbsent(currency)) return currency;
    if (typeof currency !== 'string' || !/^[A-Za-z]{3}$/.test(currency)) {
      throw new TemplateError('RenderFailed', 'formatMoney needs a currency of three letters, such as EUR');
    }
    const options = { style: 'currency', currency };
    return made('formatMoney', run, options, (known) => new Intl.NumberFormat(run.language, known)).format(
      number('formatMoney', amount),
    );
  },
};

export const plural: Helper = {
  takes: [1, 1],
  options: ['zero', 'one', 'two', 'few', 'many', 'other'],
  steps: 10,
  call([count], forms, run) {
    if (isAbsent(count)) return count;
    const given = number('plural', count);
    const category = made('plural', run, {}, () => new Intl.PluralRules(run.language)).select(Number(given));
    const form = forms[category] ?? forms.other;
    if (typeof form !== 'string')
      throw new TemplateError('RenderFailed', `plural needs ${category}="…" or other="…"`);
    run.budget.step(form.length >> 10);
    const shown = made('formatNumber', run, {}, (known) => new Intl.NumberFormat(run.language, known)).format(
      given,
    );
    return form.replace('#', () => shown);
  },
};

function readDate(text: string): { readonly date: Date; readonly isDay: boolean } | null {
  if (!/^\d{4}-\d{2}-\d{2}(?:[T ]\d{2}:\d{2}(?::\d{2}(?:\.\d{1,9})?)?(?:Z|[+-]\d{2}:\d{2}))?$/i.test(text))
    return null;
  const date = new Date(text.replace(' ', 'T').toUpperCase());
  if (Number.isNaN(date.getTime())) return null;
  const isDay = text.length === 10;
  // Date reads 31 February as 3 March
  if (isDay && date.toISOString().slice(0, 10) !== text) return null;
  return { date, isDay };
}

/** A number, or a decimal text, which Intl formats without rounding it to a binary number. */
function number(helper: string, value: unknown): number | Intl.StringNumericLiteral {
  if (typeof value === 'number' && Number.isFinite(value)) return value;
  if (typeof value === 'string' && value.length <= 40 && /^-?\d+(?:\.\d+)?$/.test(value))
    return value as Intl.StringNumericLiteral;
  throw new TemplateError('RenderFailed', `${helper} needs a number`);
}

/**
 * A formatter from the cache, or a new formatter, which costs steps: a template could ask for other
 * options in each call.
 */
function made<Format>(
  helper: string,
  run: Run,
  options: Readonly<Record<string, unknown>>,
  make: (options: object) => Format,
): Format {
  const values = Object.values(options);
  if (
    values.some(
      (value) =>
        value !== undefined && typeof value !== 'number' && (typeof value !== 'string' || value.length > 64),
    )
  ) {
    throw new TemplateError('RenderFailed', `${helper} has an option of the wrong kind`);
  }
  const key = `${helper} ${run.language} ${values.join(' ')}`;
  const known = formatters.get(key);
  if (known) return known as Format;
  run.budget.step(FORMATTER_STEPS);
  const format = tried(helper, () => make(options));
  if (formatters.size >= FORMATTERS_MAX) formatters.clear();
  formatters.set(key, format);
  return format;
}

function tried<Format>(helper: string, make: () => Format): Format {
  try {
    return make();
  } catch {
    // the message of Intl quotes the option, which may come from the caller's data
    throw new TemplateError('RenderFailed', `${helper} has an option that is not known`);
  }
}
