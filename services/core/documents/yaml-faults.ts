// Describes YAML faults in our own words. The parser's messages quote the text, which may contain a
// Secret: for `password: |hunter2` the parser says "Block scalar header includes extra characters:
// |hunter2". Only the parser's codes are used.

import type { ErrorCode } from 'yaml';

const sentences: Readonly<Record<ErrorCode, string>> = {
  ALIAS_PROPS: 'an alias (*name) cannot have an anchor or a tag',
  BAD_ALIAS: 'an alias (*name) cannot be read',
  BAD_COLLECTION_TYPE: 'a tag does not fit the list or mapping after it',
  BAD_DIRECTIVE: 'a directive (a line that starts with %) cannot be read',
  BAD_DQ_ESCAPE: 'a string in double quotes has a backslash that starts no escape sequence',
  BAD_INDENT: 'the indentation of a line does not match the lines around it, or a [ or { is not closed',
  BAD_PROP_ORDER: 'an anchor or a tag is in the wrong place',
  BAD_SCALAR_START: 'a value starts with a reserved character: put the value in quotes',
  BLOCK_AS_IMPLICIT_KEY:
    'a mapping or list starts where a value on one line is expected: put the value in quotes if it contains ": "',
  BLOCK_IN_FLOW: 'a block list or mapping is inside [ ] or { }',
  DUPLICATE_KEY: 'a field is written twice',
  IMPOSSIBLE: 'this part cannot be read',
  KEY_OVER_1024_CHARS: 'the name of a field is longer than 1,024 characters',
  MISSING_CHAR:
    'a character is missing here: a comma, a colon, a space, a closing quote or a closing bracket',
  MULTILINE_IMPLICIT_KEY: 'the name of a field spans several lines: a colon may be missing',
  MULTIPLE_ANCHORS: 'a value has more than one anchor',
  MULTIPLE_DOCS: 'there is more than one document',
  MULTIPLE_TAGS: 'a value has more than one tag',
  NON_STRING_KEY: 'the name of a field is not a string',
  RESOURCE_EXHAUSTION: 'lists and mappings are nested too deeply',
  TAB_AS_INDENT: 'a line is indented with a tab: use spaces',
  TAG_RESOLVE_FAILED: 'the value does not fit its tag',
  UNEXPECTED_TOKEN:
    'a character or value is not expected here: quotes, a line break or indentation may be missing',
};

/**
 * The sentence for a code of the parser. Codes of later versions of the parser have a general
 * sentence.
 */
export const yamlFault = (code: ErrorCode): string =>
  Object.hasOwn(sentences, code) ? sentences[code] : sentences.IMPOSSIBLE;

export const yamlCodes = Object.keys(sentences) as readonly ErrorCode[];
