// Lists the top-level names in the caller's data that a source uses, for the status of a template
// and for warnings.

import { parseSource } from './source.ts';

/** The top-level name that a context is part of; null when the context is the whole data. */
type Under = string | null;

/** Like the scopes of `evaluate.ts`, with names instead of values. */
interface Scope {
  readonly under: Under;
  readonly outer: Scope | null;
  /** Block parameters in scope. They are parts of names that were counted already. */
  readonly params: readonly string[];
}

/** A context that is not in the data, so that names below it do not count. */
const ELSEWHERE = '';

/** Throws `TemplateError` where the source cannot be parsed. */
export function usedNames(source: string): ReadonlySet<string> {
  const names = new Set<string>();
  visitProgram(parseSource(source), { under: null, outer: null, params: [] }, names);
  return names;
}

function visitProgram(program: hbs.AST.Program | undefined, scope: Scope, names: Set<string>): void {
  for (const node of program?.body ?? []) {
    if (node.type === 'MustacheStatement') visitCall(node as hbs.AST.MustacheStatement, scope, names);
    else if (node.type === 'BlockStatement') visitBlock(node as hbs.AST.BlockStatement, scope, names);
  }
}

function visitBlock(node: hbs.AST.BlockStatement, scope: Scope, names: Set<string>): void {
  const [first] = node.params;
  const under = first === undefined ? scope.under : visitValue(first, scope, names);
  const name = node.path.type === 'PathExpression' ? node.path.original : '';
  const isEntered = name === 'each' || name === 'with';
  const params = [...scope.params, ...(node.program?.blockParams ?? [])];
  visitProgram(node.program, isEntered ? { under, outer: scope, params } : { ...scope, params }, names);
  visitProgram(node.inverse, scope, names);
}

/** A name alone is a value; a name with parameters is a helper. */
function visitCall(
  node: hbs.AST.MustacheStatement | hbs.AST.SubExpression,
  scope: Scope,
  names: Set<string>,
): void {
  const pairs = node.hash?.pairs ?? [];
  if (node.params.length === 0 && pairs.length === 0)
    visitValue(node.path as hbs.AST.Expression, scope, names);
  for (const value of [...node.params, ...pairs.map((pair) => pair.value)]) visitValue(value, scope, names);
}

function visitValue(node: hbs.AST.Expression, scope: Scope, names: Set<string>): Under {
  if (node.type === 'SubExpression') visitCall(node as hbs.AST.SubExpression, scope, names);
  if (node.type !== 'PathExpression') return ELSEWHERE;
  const { parts, depth, data, original } = node as hbs.AST.PathExpression;
  const [head, second] = parts;
  if (data) {
    if (head !== 'root') return ELSEWHERE;
    if (second !== undefined) names.add(second);
    return second ?? null;
  }
  const isOwn = /^\.|this\b/.test(original);
  if (head !== undefined && depth === 0 && !isOwn && scope.params.includes(head)) return ELSEWHERE;
  let level: Scope | null = scope;
  for (let up = depth; up > 0 && level !== null; up -= 1) level = level.outer;
  if (level === null) return ELSEWHERE;
  if (level.under !== null) return level.under;
  if (head !== undefined) names.add(head);
  return head ?? null;
}
