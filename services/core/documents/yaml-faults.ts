// What is wrong with a YAML text, in words of our own. The parser's messages quote the text that
// they complain about, and that may be a Secret: `password: |hunter2` is answered with "Block
// scalar header includes extra characters: |hunter2". Only its codes go on.

import type { ErrorCode } from 'yaml';

const sentences: Readonly<Record<ErrorCode, string>> = {
  ALIAS_PROPS: 'an alias (*name) cannot have an anchor or a tag',
  BAD_ALIAS: 'an alias (*name) cannot be read',
  BAD_COLLECTION_TYPE: 'a tag does not fit the list or mapping that it is written before',
  BAD_DIRECTIVE: 'a directive (a line that begins with %) cannot be read',
  BAD_DQ_ESCAPE: 'a text in double quotes has a backslash that begins no escape sequence',
  BAD_INDENT: 'a line is not indented as the lines around it require, or a [ or { is not closed',
  BAD_PROP_ORDER: 'an anchor or a tag is in the wrong place',
  BAD_SCALAR_START: 'a value begins with a character that is reserved: put the value in quotes',
  BLOCK_AS_IMPLICIT_KEY:
    'a mapping or list begins where a value on one line is expected: put the value in quotes if it contains ": "',
  BLOCK_IN_FLOW: 'a list or mapping in lines is inside [ ] or { }',
  DUPLICATE_KEY: 'a field is written twice',
  IMPOSSIBLE: 'this part cannot be read',
  KEY_OVER_1024_CHARS: 'the name of a field is longer than 1,024 characters',
  MISSING_CHAR:
    'a character is missing here: a comma, a colon, a space, a closing quote or a closing bracket',
  MULTILINE_IMPLICIT_KEY: 'the name of a field reaches over several lines: a colon may be missing',
  MULTIPLE_ANCHORS: 'a value has more than one anchor',
  MULTIPLE_DOCS: 'there is more than one document',
  MULTIPLE_TAGS: 'a value has more than one tag',
  NON_STRING_KEY: 'the name of a field is not a string',
  RESOURCE_EXHAUSTION: 'lists and mappings are nested too deep',
  TAB_AS_INDENT: 'a line is indented with a tab: use spaces',
  TAG_RESOLVE_FAILED: 'the value does not fit its tag',
  UNEXPECTED_TOKEN:
    'a character or value is not expected here: quotes, a line break or indentation may be missing',
};

/** A sentence for each code of the parser; a code that a later parser has gets one too. */
export const yamlFault = (code: ErrorCode): string =>
  Object.hasOwn(sentences, code) ? sentences[code] : sentences.IMPOSSIBLE;

export const yamlCodes = Object.keys(sentences) as readonly ErrorCode[];
