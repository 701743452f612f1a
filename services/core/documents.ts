// From the text of a YAML file to documents that know where they stand, so that a fault can name its line.

import { type Document, isNode, isScalar, Lexer, LineCounter, type Node, parseAllDocuments, visit } from 'yaml';
import type { Fault, FaultPath } from './fault.ts';
import { limits } from './limits.ts';

export interface Origin {
  readonly file: string;
  /** Where the document begins, from 1. */
  readonly line: number;
}

/** One YAML document, not yet judged. */
export interface SourceDocument {
  readonly origin: Origin;
  readonly value: unknown;
  /** The line of a field, or of the nearest one around it that is there. */
  lineOf(path: FaultPath): number;
}

/** Reads all documents of one file. A file with a mistake in its YAML yields none, since nobody knows where the mistake ends. */
export function parseDocuments(
  file: string,
  text: string,
): { readonly documents: readonly SourceDocument[]; readonly faults: readonly Fault[] } {
  const documents: SourceDocument[] = [];
  const faults: Fault[] = [];
  const counter = new LineCounter();
  const lineAt = (offset: number): number => counter.linePos(offset).line || 1;
  const fault = (line: number, message: string): void => {
    faults.push({
      file,
      line,
      kind: '',
      namespace: '',
      name: '',
      reason: 'InvalidSpec',
      path: '',
      message: `is not valid YAML: ${message}`,
    });
  };
  if (!isParsedSoon(text)) {
    fault(1, `it has more than ${limits.catalogFileTokensMax} names, values and marks`);
    return { documents, faults };
  }
  const parsed = parseAllDocuments(text, { lineCounter: counter, prettyErrors: false, uniqueKeys: false });
  if ('empty' in parsed) return { documents, faults };
  for (const document of parsed) {
    for (const error of document.errors) fault(lineAt(error.pos[0]), error.message);
    const repeated = repeatedKeys(document);
    for (const key of repeated) fault(lineAt(key.range?.[0] ?? 0), 'Map keys must be unique');
    if (document.errors.length + repeated.length > 0 || document.contents === null) continue;
    if (isScalar(document.contents) && document.contents.value === null) continue; // nothing between two ---
    const line = lineAt(document.contents.range[0]);
    const lineOf = (path: FaultPath): number => {
      for (let length = path.length; length > 0; length -= 1) {
        const node = document.getIn(path.slice(0, length), true);
        if (isNode(node) && node.range) return lineAt(node.range[0]);
      }
      return line;
    };
    try {
      documents.push({ origin: { file, line }, value: document.toJS({ maxAliasCount: 100 }), lineOf });
    } catch {
      // The library's protection against aliases that multiply.
      fault(line, 'aliases are used too often');
    }
  }
  return faults.length > 0 ? { documents: [], faults } : { documents, faults };
}

/** The lexer is quick, what comes after it is not. A text of many lines, as the HTML of a mail is, is one token. */
function isParsedSoon(text: string): boolean {
  let tokens = 0;
  for (const _ of new Lexer().lex(text)) if (++tokens > limits.catalogFileTokensMax) return false;
  return true;
}

/** Not left to the library, which compares each key with all before it: 12 s for 20,000 of them. */
function repeatedKeys(document: Document.Parsed): readonly Node[] {
  const repeated: Node[] = [];
  visit(document, {
    Map(_, { items }) {
      const seen = new Set<unknown>();
      for (const { key } of items) {
        if (!isScalar(key)) continue;
        if (seen.has(key.value)) repeated.push(key);
        seen.add(key.value);
      }
    },
  });
  return repeated;
}
