// Parses Handlebars source to the syntax tree of Handlebars. Its parser is made for trusted
// authors: 1,600 nested `(` take it 1.3 s, and 400,000 `[` take two minutes. Therefore this file
// first counts tokens and nesting with the lexer of Handlebars, which yields the same tokens as in
// the parser.

import Handlebars from 'handlebars';
import { templateLimits } from '../limits/template.ts';
import { TemplateError } from './template-error.ts';

interface Lexer {
  setInput(source: string): void;
  /** The next token: its number, or the name `INVALID`. */
  lex(): number | string;
  readonly yylineno: number;
}

// Handlebars exports the parser, but its types do not mention it
const { lexer, terminals_: names } = (
  Handlebars as unknown as {
    readonly Parser: { readonly lexer: Lexer; readonly terminals_: Readonly<Record<number, string>> };
  }
).Parser;

/** Parses one source. Throws `TemplateError` (SyntaxError, TooLarge). */
export function parseSource(source: string): hbs.AST.Program {
  if (Buffer.byteLength(source) > templateLimits.templateSourceBytesMax)
    tooLarge(`more than ${templateLimits.templateSourceBytesMax} bytes`);
  if (countTags(source) > templateLimits.templateTagsMax)
    tooLarge(`more than ${templateLimits.templateTagsMax} tags`);
  if ((source.match(/\{\{~?!--/g)?.length ?? 0) > templateLimits.templateCommentsMax)
    tooLarge(`more than ${templateLimits.templateCommentsMax} comments`);
  checkTokens(source);
  try {
    return Handlebars.parse(source);
  } catch (error) {
    throw syntaxError(error);
  }
}

/** The number of tags in a source, with escaped tags. */
export function countTags(source: string): number {
  let count = 0;
  for (let at = source.indexOf('{{'); at >= 0; at = source.indexOf('{{', at + 2)) count += 1;
  return count;
}

function checkTokens(source: string): void {
  let tokens = 0;
  let parentheses = 0;
  /** Levels of each open block in the tree: an `else if` adds a level to its block. */
  const blocks: number[] = [];
  let depth = 0;
  lexer.setInput(source);
  for (;;) {
    const token = nextToken();
    // the parser stops at an invalid token too, and its message is better
    if (token === 'EOF' || token === 'INVALID') return;
    tokens += 1;
    if (tokens > templateLimits.templateTokensMax)
      tooLarge(`more than ${templateLimits.templateTokensMax} words inside tags`);
    if (token === 'OPEN_SEXPR') parentheses += 1;
    else if (token === 'CLOSE_SEXPR') parentheses -= 1;
    else if (
      token === 'OPEN_BLOCK' ||
      token === 'OPEN_INVERSE' ||
      token === 'OPEN_PARTIAL_BLOCK' ||
      token === 'OPEN_RAW_BLOCK'
    ) {
      blocks.push(1);
      depth += 1;
    } else if (token === 'OPEN_INVERSE_CHAIN') {
      blocks.push((blocks.pop() ?? 0) + 1);
      depth += 1;
    } else if (token === 'OPEN_ENDBLOCK' || token === 'END_RAW_BLOCK') depth -= blocks.pop() ?? 0;
    if (parentheses + depth > templateLimits.templateNestingMax) {
      throw new TemplateError(
        'TooLarge',
        `nested more than ${templateLimits.templateNestingMax} deep`,
        lexer.yylineno + 1,
      );
    }
  }
}

function nextToken(): string {
  try {
    const token = lexer.lex();
    const name = typeof token === 'string' ? token : names[token];
    if (name === undefined) throw new TypeError('the lexer of Handlebars has other tokens than its parser');
    return name;
  } catch (error) {
    throw syntaxError(error);
  }
}

function tooLarge(message: string): never {
  throw new TemplateError('TooLarge', message);
}

/**
 * The messages of Handlebars have several lines, quote the template and name tokens of the parser.
 * This error has only the line and the meaning, in plain words.
 */
function syntaxError(error: unknown): TemplateError {
  if (!(error instanceof Error)) throw error;
  const exception = error as Error & { readonly lineNumber?: number };
  const line = exception.lineNumber ?? Number(/line (\d+)/.exec(error.message)?.[1] ?? 0);
  const said = meaningOf(error.message.split('\n').at(-1) ?? '') ?? otherMeaningOf(error.message);
  return new TemplateError('SyntaxError', said, line || null);
}

function otherMeaningOf(message: string): string {
  const [, opened, closed] = /^(\S{1,64}) doesn't match (\S{1,64}) /.exec(`${message} `) ?? [];
  if (opened !== undefined) return `{{#${opened}}} is closed by {{/${closed}}}`;
  if (message.startsWith('Invalid path')) return 'a tag has a path that cannot be read';
  if (message.startsWith('Lexical error'))
    return 'a tag has a character that is not allowed in names, or its }} is missing';
  return 'a tag cannot be read';
}

/** The meaning of `Expecting 'A', 'B', got 'C'`; null for any other message. */
function meaningOf(message: string): string | null {
  const [, expected = '', got = ''] = /^Expecting (.+), got '(\w+)'$/.exec(message) ?? [];
  const isWithin = !/'(?:CONTENT|OPEN_ENDBLOCK|EOF)'/.test(expected);
  if (got === '') return null;
  if (got === 'EOF')
    return isWithin ? 'a tag is not closed: }} is missing' : 'a block, {{#…}}, is not closed by {{/…}}';
  if (got === 'OPEN_ENDBLOCK' && !isWithin) return '{{/…}} closes a block that is not open';
  if ((got === 'INVERSE' || got === 'OPEN_INVERSE_CHAIN') && !isWithin)
    return '{{else}} is outside a block, or a block has two';
  if (got === 'CLOSE' && expected.includes("'CLOSE_UNESCAPED'"))
    return 'a tag opens with {{{ and closes with }}';
  if (got === 'CLOSE_UNESCAPED' && expected.includes("'CLOSE'"))
    return 'a tag opens with {{ and closes with }}}';
  if (got === 'CLOSE') return 'a tag is empty or incomplete';
  if (got === 'INVALID') return 'a tag has an invalid character, or its }} is missing';
  return `a tag is malformed: unexpected ${got.toLowerCase()}`;
}
