// The helpers that write a text in another form: `urlEncode` for the query of a link, `lineBreaks`
// for a text of several lines.

import { LineBreaks } from './line-breaks.ts';
import type { Run } from './run.ts';
import { TemplateError } from './template-error.ts';
import { type Helper, isAbsent } from './template-helper.ts';

/**
 * `encodeURIComponent`. Half of a surrogate pair has no UTF-8 form: U+FFFD is encoded in its place,
 * where `encodeURIComponent` itself would throw.
 */
export const urlEncode: Helper = {
  takes: [1, 1],
  options: [],
  steps: 2,
  call([value], _options, run) {
    return isAbsent(value) ? value : encodeURIComponent(textOf('urlEncode', value, run).toWellFormed());
  },
};

/** Shows line breaks as `<br>` in html. A text and a subject get the value unchanged. */
export const lineBreaks: Helper = {
  takes: [1, 1],
  options: [],
  steps: 2,
  call([value], _options, run) {
    return isAbsent(value) ? value : new LineBreaks(textOf('lineBreaks', value, run));
  },
};

/** Characters that one step pays for: encoding 16 characters takes up to 0.15 µs. */
const STEP_CHARS_LOG2 = 4;

function textOf(helper: string, value: unknown, run: Run): string {
  if (typeof value === 'number' || typeof value === 'boolean') return String(value);
  if (typeof value !== 'string')
    throw new TemplateError('RenderFailed', `${helper} needs a text or a number`);
  run.budget.step(value.length >> STEP_CHARS_LOG2);
  return value;
}
