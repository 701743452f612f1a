// From a YAML file to documents that know where they stand, so that a fault can name its line and
// column. What is too large, or is no text, is refused before it is parsed; nothing that is refused
// is quoted, because a file may hold a Secret.

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

/** A place in a file: line and column, both from 1. */
interface TextPlace {
  readonly line: number;
  readonly column: number;
}

interface Origin extends TextPlace {
  readonly file: string;
}

/** One YAML document, not yet judged. */
export interface SourceDocument {
  /** Where the document begins. */
  readonly origin: Origin;
  readonly value: unknown;
  /** The place of a field, or of the nearest field around it that is there. */
  placeOf(path: FaultPath): TextPlace;
}

export interface ParsedFile {
  readonly documents: readonly SourceDocument[];
  readonly faults: readonly Fault[];
}

/**
 * Reads all documents of one file from its bytes. A file with a fault yields none: nobody knows
 * where a mistake in YAML ends.
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
  { line, column }: TextPlace = { line: 1, column: 1 },
): Fault => ({
  ...{ file, line, column, kind: '', namespace: '', name: '' },
  ...{ reason: 'InvalidSpec', path: '', message },
});

const refused = (file: string, message: string): ParsedFile => ({
  documents: [],
  faults: [faultOfFile(file, message)],
});

/** As `parseFile`, from the text of a file. */
export function parseDocuments(file: string, text: string): ParsedFile {
  // YAML allows no other control characters, and a parser takes seconds for a megabyte of them
  if (/[\0-\x08\x0b\x0c\x0e-\x1f]/.test(text))
    return refused(file, 'holds control characters, so it is not YAML');
  const invalid = (place: TextPlace, message: string): Fault =>
    faultOfFile(file, `is not valid YAML: ${message}`, place);
  if (!isParsedSoon(text))
    return {
      documents: [],
      faults: [
        invalid(
          { line: 1, column: 1 },
          `it has more than ${catalogLimits.catalogFileTokensMax} names, values and marks`,
        ),
      ],
    };

  const counter = new LineCounter();
  const placeAt = (offset: number): TextPlace => {
    const { line, col } = counter.linePos(offset);
    return { line: line || 1, column: col || 1 };
  };
  const placeOf = (node: Node | undefined): TextPlace => placeAt(node?.range?.[0] ?? 0);
  // silent: the library's warnings quote the text too, and would go to standard error
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
      ...repeatedKeys(document).map((key) => invalid(placeOf(key), yamlFault('DUPLICATE_KEY'))),
      ...lostAliases(document).map((alias) =>
        invalid(placeOf(alias), 'an alias (*name) has no anchor (&name) before it'),
      ),
    ];
    faults.push(...found.slice(0, catalogLimits.catalogFileFaultsMax));
    if (found.length > 0 || document.contents === null) continue;
    if (isScalar(document.contents) && document.contents.value === null) continue; // nothing between two ---
    const value = plainOf(document);
    if (value === null) faults.push(invalid(placeOf(document.contents), 'aliases repeat too much'));
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
 * The lexer is quick, what comes after it is not. A text of many lines, as the HTML of a mail is,
 * is one token.
 */
function isParsedSoon(text: string): boolean {
  let tokens = 0;
  for (const _ of new Lexer().lex(text)) if (++tokens > catalogLimits.catalogFileTokensMax) return false;
  return true;
}

/** The name of the field, or the entry of the list. */
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

/** An anchor counts from where it is written. */
function lostAliases(document: Document.Parsed): readonly Node[] {
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

/** Null: its aliases make more of it than may be written without them. */
function plainOf(document: Document.Parsed): { readonly plain: unknown } | null {
  let plain: unknown;
  try {
    plain = document.toJS({ maxAliasCount: catalogLimits.catalogFileAliasesMax });
  } catch {
    // the library's own protection: all other faults were found above
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
