// Compiles a Handlebars syntax tree to closures that write text. Handlebars itself generates
// JavaScript from the text of a tenant, which takes 100 µs per tag (1 s for 10,000 tags) and cannot
// count steps and bytes. The tests compare the output with that of Handlebars.
//
// Templates read own properties only, so they reach no prototype. There are no partials, no
// decorators, no `log` and no `lookup`, and no helpers but those of `all-helpers.ts`.

import Handlebars from 'handlebars';
import { helpers } from './all-helpers.ts';
import { LineBreaks } from './line-breaks.ts';
import type { Run } from './run.ts';
import { parseSource } from './source.ts';
import { TemplateError } from './template-error.ts';
import { type Helper, isEmpty } from './template-helper.ts';

/** A compiled source, which can be rendered any number of times. */
export type CompiledSource = (data: Readonly<Record<string, unknown>>, run: Run) => void;

/**
 * The values of `@index`, `@key`, `@first` and `@last` in an `#each`. `@../index` reads `outer`.
 */
interface Frame {
  readonly values: Readonly<Record<string, unknown>>;
  readonly outer: Frame | null;
}

/** Where names are looked up. `../` looks in `outer`. */
interface Scope {
  readonly context: unknown;
  readonly outer: Scope | null;
  readonly root: unknown;
  readonly frame: Frame | null;
  /** Values of the block parameters in scope, innermost last. */
  readonly params: readonly (readonly unknown[])[];
}

type Write = (scope: Scope, run: Run) => void;
type Read = (scope: Scope, run: Run) => unknown;

/** What the compilation of a statement depends on, besides the statement. */
interface CompileContext {
  readonly escapes: boolean;
  /** Names of the block parameters in scope, innermost last. */
  readonly params: readonly (readonly string[])[];
}

/** Characters that are escaped at once, before the budget counts them: `<` becomes 4 characters. */
const ESCAPE_SLICE = 65_536;
const frameNames = new Set(['index', 'key', 'first', 'last']);

/**
 * Compiles one source. `escapes`: `{{x}}` is HTML-escaped. Throws `TemplateError` (SyntaxError,
 * TooLarge).
 */
export function compileSource(source: string, escapes: boolean): CompiledSource {
  const write = body(parseSource(source), { escapes, params: [] });
  return (data, run) => write({ context: data, outer: null, root: data, frame: null, params: [] }, run);
}

function body(program: hbs.AST.Program, place: CompileContext): Write {
  const writes = program.body.map((node) => statement(node, place));
  return (scope, run) => {
    for (const write of writes) write(scope, run);
  };
}

function statement(node: hbs.AST.Statement, place: CompileContext): Write {
  switch (node.type) {
    case 'ContentStatement': {
      const { value } = node as hbs.AST.ContentStatement;
      return (_scope, run) => {
        run.budget.step();
        append(value, run);
      };
    }
    case 'CommentStatement':
      return () => undefined;
    case 'MustacheStatement':
      return mustache(node as hbs.AST.MustacheStatement, place);
    case 'BlockStatement':
      return block(node as hbs.AST.BlockStatement, place);
    default:
      throw new TemplateError(
        'SyntaxError',
        'partials and decorators are not supported; use layoutRef',
        node.loc.start.line,
      );
  }
}

function mustache(node: hbs.AST.MustacheStatement, place: CompileContext): Write {
  const { line } = node.loc.start;
  // Handlebars would look up `{{"a name"}}` as a name, which no author means
  if (node.path.type !== 'PathExpression')
    throw new TemplateError(
      'SyntaxError',
      'a literal in {{ }} is not supported; write the text without {{ }}',
      line,
    );
  const read = node.params.length > 0 || node.hash ? call(node, place) : value(node.path, place);
  const escapes = place.escapes && node.escaped;
  return (scope, run) => {
    run.budget.step();
    run.line = line;
    const shown = read(scope, run);
    if (!(shown instanceof LineBreaks)) return print(printed(shown), escapes, run);
    if (!place.escapes) return append(shown.plain, run);
    shown.lines.forEach((line, at) => {
      if (at > 0) append('<br>', run);
      print(line, escapes, run);
    });
  };
}

function print(text: string, escapes: boolean, run: Run): void {
  if (!escapes) {
    append(text, run);
    return;
  }
  for (let at = 0; at < text.length; at += ESCAPE_SLICE)
    append(Handlebars.escapeExpression(text.slice(at, at + ESCAPE_SLICE)), run);
}

function append(text: string, run: Run): void {
  run.budget.output(text);
  run.out += text;
}

function printed(value: unknown): string {
  if (value === undefined || value === null) return '';
  if (typeof value === 'string') return value;
  if (typeof value === 'number' || typeof value === 'boolean') return String(value);
  throw new TemplateError(
    'RenderFailed',
    'a list or an object cannot be printed; use #each or name a part of it',
  );
}

function block(node: hbs.AST.BlockStatement, place: CompileContext): Write {
  const { line } = node.loc.start;
  const name = node.path.type === 'PathExpression' ? node.path.original : '';
  if (name !== 'if' && name !== 'unless' && name !== 'each' && name !== 'with') {
    throw new TemplateError(
      'SyntaxError',
      `unknown block "${name}"; there are #if, #unless, #each and #with`,
      line,
    );
  }
  const [first, ...more] = node.params;
  if (!first || more.length > 0 || node.hash)
    throw new TemplateError('SyntaxError', `#${name} takes one value`, line);
  const read = value(first, place);
  const names = node.program?.blockParams ?? [];
  if (names.length > 0 && name !== 'each' && name !== 'with')
    throw new TemplateError('SyntaxError', `#${name} has no block parameters`, line);

  const inner = names.length > 0 ? { ...place, params: [...place.params, names] } : place;
  // `{{^if x}}…{{/if}}` has only an inverse, although the types of Handlebars promise a program
  const main = node.program ? body(node.program, inner) : nothing;
  const inverse = node.inverse ? body(node.inverse, place) : nothing;

  const named = names.length > 0;
  return (scope, run) => {
    run.budget.step();
    run.line = line;
    const subject = read(scope, run);
    switch (name) {
      case 'if':
        return isEmpty(subject) ? inverse(scope, run) : main(scope, run);
      case 'unless':
        return isEmpty(subject) ? main(scope, run) : inverse(scope, run);
      case 'with':
        // as in Handlebars, `#with 0` renders the block, although `#if 0` does not
        if (isEmpty(subject) && subject !== 0) return inverse(scope, run);
        return main(enter(scope, subject, scope.frame, named ? [subject] : null), run);
      case 'each':
        return each(subject, scope, run, main, inverse, named);
    }
  };
}

function each(list: unknown, scope: Scope, run: Run, main: Write, inverse: Write, named: boolean): void {
  const keys = Array.isArray(list)
    ? null
    : Object.keys(typeof list === 'object' && list !== null ? list : {});
  const length = Array.isArray(list) ? list.length : (keys?.length ?? 0);
  if (length === 0) inverse(scope, run);
  for (let index = 0; index < length; index += 1) {
    run.budget.iterate();
    const key = keys?.[index] ?? index;
    const item = property(list, String(key));
    const frame = {
      values: { index, key, first: index === 0, last: index === length - 1 },
      outer: scope.frame,
    };
    main(enter(scope, item, frame, named ? [item, key] : null), run);
  }
}

function nothing(): void {}

/** As in Handlebars, a block that keeps the context adds no level for `../`. */
function enter(
  scope: Scope,
  context: unknown,
  frame: Frame | null,
  params: readonly unknown[] | null,
): Scope {
  return {
    context,
    outer: context === scope.context ? scope.outer : scope,
    root: scope.root,
    frame,
    params: params ? [...scope.params, params] : scope.params,
  };
}

function value(node: hbs.AST.Expression, place: CompileContext): Read {
  switch (node.type) {
    case 'PathExpression':
      return path(node as hbs.AST.PathExpression, place);
    case 'SubExpression':
      return call(node as hbs.AST.SubExpression, place);
    case 'StringLiteral':
    case 'NumberLiteral':
    case 'BooleanLiteral': {
      const literal = (node as hbs.AST.StringLiteral | hbs.AST.NumberLiteral | hbs.AST.BooleanLiteral).value;
      return () => literal;
    }
    case 'NullLiteral':
    case 'UndefinedLiteral':
      return () => undefined;
    default:
      throw new TemplateError('SyntaxError', 'this kind of expression is not supported', node.loc.start.line);
  }
}

function call(node: hbs.AST.MustacheStatement | hbs.AST.SubExpression, place: CompileContext): Read {
  const { line } = node.loc.start;
  const name = node.path.type === 'PathExpression' ? (node.path as hbs.AST.PathExpression).original : '';
  const helper: Helper | undefined = Object.hasOwn(helpers, name) ? helpers[name] : undefined;
  if (!helper)
    throw new TemplateError(
      'SyntaxError',
      `unknown helper "${name}"; there are ${Object.keys(helpers).join(', ')}`,
      line,
    );
  const [least, most] = helper.takes;
  if (node.params.length < least || node.params.length > most) {
    throw new TemplateError(
      'SyntaxError',
      `${name} takes ${least === most ? least : `${least} to ${most}`} values`,
      line,
    );
  }
  const args = node.params.map((param) => value(param, place));
  const pairs = node.hash?.pairs ?? [];
  const options = pairs.map((pair, at) => {
    if (!helper.options.includes(pair.key))
      throw new TemplateError('SyntaxError', `${name} has no option "${pair.key}"`, line);
    if (pairs.findIndex(({ key }) => key === pair.key) < at)
      throw new TemplateError('SyntaxError', `${name} has "${pair.key}" twice`, line);
    return [pair.key, value(pair.value, place)] as const;
  });
  return (scope, run) => {
    run.budget.step(helper.steps);
    const given = args.map((read) => read(scope, run));
    const chosen = Object.fromEntries(options.map(([key, read]) => [key, read(scope, run)]));
    return helper.call(given, chosen, run);
  };
}

function path(node: hbs.AST.PathExpression, place: CompileContext): Read {
  const { parts, depth } = node;
  if (node.data) return dataPath(node);
  const own = /^\.|this\b/.test(node.original);
  const [head, ...rest] = parts;
  if (head !== undefined && depth === 0 && !own) {
    for (let level = place.params.length - 1; level >= 0; level -= 1) {
      const at = place.params[level]?.indexOf(head) ?? -1;
      if (at >= 0) return (scope) => follow(scope.params[level]?.[at], rest);
    }
  }
  return (scope) => {
    let level: Scope | null = scope;
    for (let up = depth; up > 0 && level; up -= 1) level = level.outer;
    return level ? follow(level.context, parts) : undefined;
  };
}

function dataPath(node: hbs.AST.PathExpression): Read {
  const { parts, depth } = node;
  const [head = '', ...rest] = parts;
  if (head === 'root') return (scope) => follow(scope.root, rest);
  if (!frameNames.has(head) || rest.length > 0) {
    throw new TemplateError(
      'SyntaxError',
      `unknown variable "${node.original}"; there are @root, @index, @key, @first and @last`,
      node.loc.start.line,
    );
  }
  return (scope) => {
    let frame = scope.frame;
    for (let up = depth; up > 0 && frame; up -= 1) frame = frame.outer;
    return frame?.values[head];
  };
}

function follow(start: unknown, parts: readonly string[]): unknown {
  let current = start;
  for (const part of parts) {
    if (current === undefined || current === null) return undefined;
    current = property(current, part);
  }
  return current;
}

function property(owner: unknown, name: string): unknown {
  if (typeof owner === 'string') return name === 'length' ? owner.length : undefined;
  if (typeof owner !== 'object' || owner === null || !Object.hasOwn(owner, name)) return undefined;
  return (owner as Readonly<Record<string, unknown>>)[name];
}
