// Parses a YAML file into documents that know their positions, so that a fault can name its line
// and column. A file that is too large or is not text is refused before parsing. Faults never quote
// the file, because it may contain a Secret.

import {
  type Document,
  isMap,
  isNode,
  isScalar,
  Lexer,
  LineCounter,
  type Node,
  parseAllDocuments,
  visit,
} from 'yaml';
import { catalogLimits } from '../limits/catalog.ts';
import type { Fault, FaultPath } from './fault.ts';
import { yamlFault } from './yaml-faults.ts';

/** A position in a file: line and column, both from 1. */
interface TextPosition {
  readonly line: number;
  readonly column: number;
}

interface Origin extends TextPosition {
  readonly file: string;
}

/** One YAML document before its schema is checked. */
export interface SourceDocument {
  /** Where the document starts. */
  readonly origin: Origin;
  readonly value: unknown;
  /** The position of a field, or of the nearest enclosing field that exists. */
  placeOf(path: FaultPath): TextPosition;
}

export interface ParsedFile {
  readonly documents: readonly SourceDocument[];
  readonly faults: readonly Fault[];
}

/**
 * Parses all documents of a file. A file with a fault yields no documents, because a mistake in
 * YAML can change the meaning of everything after it.
 */
export function parseFile(file: string, bytes: Uint8Array): ParsedFile {
  if (bytes.length > catalogLimits.catalogFileBytesMax)
    return refused(
      file,
      `has more than ${catalogLimits.catalogFileBytesMax} bytes: split it into several files`,
    );
  try {
    return parseDocuments(file, new TextDecoder('utf-8', { fatal: true }).decode(bytes));
  } catch (error) {
    if (
      !(error instanceof TypeError && 'code' in error && error.code === 'ERR_ENCODING_INVALID_ENCODED_DATA')
    )
      throw error;
    return refused(file, 'is not a text in UTF-8');
  }
}

/** A fault of a whole file. */
export const faultOfFile = (
  file: string,
  message: string,
  { line, column }: TextPosition = { line: 1, column: 1 },
): Fault => ({
  ...{ file, line, column, kind: '', namespace: '', name: '' },
  ...{ reason: 'InvalidSpec', path: '', message },
});

const refused = (file: string, message: string): ParsedFile => ({
  documents: [],
  faults: [faultOfFile(file, message)],
});

/** Like `parseFile`, but takes the text of the file. */
export function parseDocuments(file: string, text: string): ParsedFile {
  // YAML allows no other control characters, and the parser takes seconds for a megabyte of them
  if (/[\0-\x08\x0b\x0c\x0e-\x1f]/.test(text))
    return refused(file, 'contains control characters, so it is not YAML');
  const invalid = (place: TextPosition, message: string): Fault =>
    faultOfFile(file, `is not valid YAML: ${message}`, place);
  if (!hasFewTokens(text))
    return {
      documents: [],
      faults: [
        invalid(
          { line: 1, column: 1 },
          `it has more than ${catalogLimits.catalogFileTokensMax} names, values and punctuation marks`,
        ),
      ],
    };

  const counter = new LineCounter();
  const placeAt = (offset: number): TextPosition => {
    const { line, col } = counter.linePos(offset);
    return { line: line || 1, column: col || 1 };
  };
  const placeOf = (node: Node | undefined): TextPosition => placeAt(node?.range?.[0] ?? 0);
  // the library's warnings quote the text and would go to standard error
  const parsed = parseAllDocuments(text, {
    lineCounter: counter,
    prettyErrors: false,
    uniqueKeys: false,
    logLevel: 'silent',
  });
  const documents: SourceDocument[] = [];
  const faults: Fault[] = [];
  for (const document of 'empty' in parsed ? [] : parsed) {
    const found = [
      ...document.errors.map(({ pos, code }) => invalid(placeAt(pos[0]), yamlFault(code))),
      ...duplicateKeys(document).map((key) => invalid(placeOf(key), yamlFault('DUPLICATE_KEY'))),
      ...undefinedAliases(document).map((alias) =>
        invalid(placeOf(alias), 'an alias (*name) has no anchor (&name) before it'),
      ),
    ];
    faults.push(...found.slice(0, catalogLimits.catalogFileFaultsMax));
    if (found.length > 0 || document.contents === null) continue;
    // an empty document between two ---
    if (isScalar(document.contents) && document.contents.value === null) continue;
    const value = plainOf(document);
    if (value === null) faults.push(invalid(placeOf(document.contents), 'aliases expand to too many values'));
    else
      documents.push({
        origin: { file, ...placeOf(document.contents) },
        value: value.plain,
        placeOf: (path) => placeOf(nodeAt(document, path)),
      });
  }
  return faults.length > 0 ? { documents: [], faults } : { documents, faults };
}

/**
 * The lexer is fast; the parser after it is slow. A text of many lines, such as the HTML of a mail,
 * is one token.
 */
function hasFewTokens(text: string): boolean {
  let tokens = 0;
  for (const _ of new Lexer().lex(text)) if (++tokens > catalogLimits.catalogFileTokensMax) return false;
  return true;
}

/** The node of the field's name or of the list's entry. */
function nodeAt(document: Document.Parsed, path: FaultPath): Node | undefined {
  for (let length = path.length; length > 0; length -= 1) {
    const within = length === 1 ? document.contents : document.getIn(path.slice(0, length - 1), true);
    const key = isMap(within)
      ? within.items.find(({ key }) => isScalar(key) && key.value === path[length - 1])?.key
      : undefined;
    const node = key ?? document.getIn(path.slice(0, length), true);
    if (isNode(node) && node.range) return node;
  }
  return document.contents ?? undefined;
}

/**
 * Duplicate keys are found here because the library compares each key with all earlier keys: 12 s
 * for 20,000 keys.
 */
function duplicateKeys(document: Document.Parsed): readonly Node[] {
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

/** An alias is undefined unless its anchor comes before it. */
function undefinedAliases(document: Document.Parsed): readonly Node[] {
  const anchors = new Set<string>();
  const lost: Node[] = [];
  visit(document, {
    Node(_, node) {
      if ('anchor' in node && node.anchor !== undefined) anchors.add(node.anchor);
    },
    Alias(_, alias) {
      if (!anchors.has(alias.source)) lost.push(alias);
    },
  });
  return lost;
}

/**
 * The document's plain value; null if its aliases expand to more values than a file may contain.
 */
function plainOf(document: Document.Parsed): { readonly plain: unknown } | null {
  let plain: unknown;
  try {
    plain = document.toJS({ maxAliasCount: catalogLimits.catalogFileAliasesMax });
  } catch {
    // the library refuses too many aliases; all other faults were found above
    return null;
  }
  let parts = 0;
  const isSmall = (value: unknown): boolean => {
    parts += 1;
    if (parts > catalogLimits.catalogFileTokensMax) return false;
    return typeof value !== 'object' || value === null || Object.values(value).every(isSmall);
  };
  return isSmall(plain) ? { plain } : null;
}
