// Templates: what one may hold, and what rendering may cost.

import { KIB, MIB } from './units.ts';

export const templateLimits = {
  templateIterationsMax: 10_000,
  templateOutputBytesMax: 2 * MIB,
  templateSourceBytesMax: 512 * KIB,
  templateNestingMax: 32,
  /** Bytes of one mail's sources (subject, html, text, layouts) are bounded by `templateSourceBytesMax`, their tags by this. Handlebars' parser
   * takes about 10 µs per tag, and much longer where they nest. */
  templateTagsMax: 1_000,
  /**
   * `{{!-- --}}`, per source: Handlebars' lexer copies what remains of the source for each
   * (measured: 1,000 in 512 KiB, 300 ms).
   */
  templateCommentsMax: 100,
  /** Words inside the tags of one source: 10,000 take about 50 ms to parse. */
  templateTokensMax: 10_000,
  /** Statements and helper calls of one part of a mail: about 0.2 µs each. */
  templateStepsMax: 100_000,
  /** Of an html, what Gmail shows before it cuts it off. */
  htmlShownBytes: 102_400,
  templateLocalesMax: 100,
  /**
   * JSON Schema of a template's variables: subschemas, required names and enum values. ajv takes
   * 0.3 ms to compile each when cold.
   */
  variablesNodesMax: 300,
  variablesDepthMax: 16,
  /** Faults of template data that are reported at once. */
  variableFaultsMax: 50,
  /**
   * Characters of tags inside other tags that the check of links reads in any html; in a longer
   * html, as many as the html has. 2 MiB of html take up to 0.3 s.
   */
  nestedTagsCharsMin: 10_000,
  layoutDepthMax: 3,
  /** Schemes of links that a template adds. The API server bounds the cost of rules by the length. */
  allowedSchemesMax: 20,
  /** The longest registered scheme has 36 characters. */
  schemeCharsMax: 64,
  /** Compiled revisions kept in memory, per program. */
  templateCacheMax: 2_000,
} as const;
