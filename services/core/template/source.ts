// Parses Handlebars source into the syntax tree of Handlebars. Its parser expects trusted authors:
// 1,600 nested `(` took it 1.3 s, 400,000 `[` two minutes. So the tokens are counted first, with
// the lexer of Handlebars, which yields exactly the tokens that the parser reads.

import Handlebars from 'handlebars';
import { templateLimits } from '../limits/template.ts';
import { TemplateError } from './template-error.ts';

interface Lexer {
  setInput(source: string): void;
  /** The next token: its number, or the name `INVALID`. */
  lex(): number | string;
  readonly yylineno: number;
}

// Exported by Handlebars, though its types leave it out.
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

/** Tags in a source, escaped ones included. */
export function countTags(source: string): number {
  let count = 0;
  for (let at = source.indexOf('{{'); at >= 0; at = source.indexOf('{{', at + 2)) count += 1;
  return count;
}

function checkTokens(source: string): void {
  let tokens = 0;
  let parentheses = 0;
  /**
   * For each open block, the levels that it stands for: an `else if` nests one deeper in the tree.
   */
  const blocks: number[] = [];
  let depth = 0;
  lexer.setInput(source);
  for (;;) {
    const token = nextToken();
    // An invalid token ends the parser's work too, with a better message.
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
 * Messages of Handlebars have several lines, quote the template and name tokens of the parser. Only
 * the line and the meaning are reported, in our own words.
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
    return 'there is a character in a tag that no name has, or its }} is missing';
  return 'a tag cannot be read';
}

/** Of `Expecting 'A', 'B', got 'C'`. Null: it is another message. */
function meaningOf(message: string): string | null {
  const [, expected = '', got = ''] = /^Expecting (.+), got '(\w+)'$/.exec(message) ?? [];
  const isWithin = !/'(?:CONTENT|OPEN_ENDBLOCK|EOF)'/.test(expected);
  if (got === '') return null;
  if (got === 'EOF')
    return isWithin ? 'a tag is not closed: }} is missing' : 'a block, {{#…}}, is not closed by {{/…}}';
  if (got === 'OPEN_ENDBLOCK' && !isWithin) return '{{/…}} closes a block that is not open';
  if ((got === 'INVERSE' || got === 'OPEN_INVERSE_CHAIN') && !isWithin)
    return '{{else}} stands outside a block, or there are two';
  if (got === 'CLOSE' && expected.includes("'CLOSE_UNESCAPED'"))
    return 'a tag opens with {{{ and closes with }}';
  if (got === 'CLOSE_UNESCAPED' && expected.includes("'CLOSE'"))
    return 'a tag opens with {{ and closes with }}}';
  if (got === 'CLOSE') return 'a tag is empty or incomplete';
  if (got === 'INVALID') return 'a tag has an invalid character, or its }} is missing';
  return `a tag is malformed: unexpected ${got.toLowerCase()}`;
}
