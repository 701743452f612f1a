// Templates: their size and the cost of rendering them.

import { KIB, MIB } from './units.ts';

export const templateLimits = {
  /** Iterations of all loops in one part of a mail. */
  templateIterationsMax: 10_000,
  /** Bytes of one rendered part of a mail. */
  templateOutputBytesMax: 2 * MIB,
  /** Bytes of one source, and of all sources of one mail: subject, html, text and layouts. */
  templateSourceBytesMax: 512 * KIB,
  /** Blocks and subexpressions nested in each other. */
  templateNestingMax: 32,
  /**
   * Tags in all sources of one mail. The parser of Handlebars takes about 10 µs for a tag, and much
   * longer for nested ones.
   */
  templateTagsMax: 1_000,
  /**
   * Comments (`{{!-- --}}`) in one source. For each comment the lexer of Handlebars copies the rest
   * of the source: 1,000 in 512 KiB took 300 ms.
   */
  templateCommentsMax: 100,
  /** Words inside the tags of one source: 10,000 parse in about 50 ms. */
  templateTokensMax: 10_000,
  /** Statements and helper calls in one part of a mail: about 0.2 µs each. */
  templateStepsMax: 100_000,
  /** Bytes of html that Gmail shows before it clips the mail. */
  htmlShownBytes: 102_400,
  /** Locales of one template. */
  templateLocalesMax: 100,
  /**
   * Subschemas, required names and enum values in the JSON Schema of a template's variables. ajv
   * takes up to 0.3 ms to compile each.
   */
  variablesNodesMax: 300,
  /** Subschemas nested in each other. */
  variablesDepthMax: 16,
  /** Faults of template data in one reply. */
  variableFaultsMax: 50,
  /**
   * Characters of tags inside other tags that the check of links reads in any html; in a longer
   * html, as many as the html has. 2 MiB of html take up to 0.3 s.
   */
  nestedTagsCharsMin: 10_000,
  /** Layouts around one template. */
  layoutDepthMax: 3,
  /** Schemes of links that a template adds. The API server bounds the cost of rules by the length. */
  allowedSchemesMax: 20,
  /** The longest registered scheme has 36 characters. */
  schemeCharsMax: 64,
  /** Compiled revisions in memory, per program. The least recently used are dropped first. */
  templateCacheMax: 2_000,
} as const;
