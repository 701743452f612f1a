// The catalog: reading and writing revisions, and the folder of files in which objects are written.

import { MIB, SECOND } from './units.ts';

export const catalogLimits = {
  /**
   * How often a reader asks the store for changes, in case a notice was lost: the longest that a
   * change of a sender or template takes to reach every program.
   */
  catalogHeadEveryMs: 30 * SECOND,
  /**
   * How far before the last known change a reader reads again: longer than one write takes plus the
   * difference between the clocks of two writers.
   */
  catalogOverlapMs: 60 * SECOND,
  /** Tries of one write. Each try fails only if another writer has changed the object meanwhile. */
  catalogWriteTriesMax: 20,
  /**
   * How often a folder is scanned. A changed file is read when two scans in a row find it the same,
   * so that half a file is not read.
   */
  catalogPollMs: 250,
  /**
   * Bytes of one file: the maximum of a Kubernetes object. The size is checked before parsing, as
   * 5 MB of binary data took the YAML parser 5.7 s.
   */
  catalogFileBytesMax: 1 * MIB,
  /** Bytes of all files of a folder. Each change compiles all of them. */
  catalogFolderBytesMax: 64 * MIB,
  /** Files in a folder. */
  catalogFilesMax: 5_000,
  /** Files of a folder that are read at the same time. */
  catalogFilesReadAtOnce: 16,
  /** YAML faults reported for one file. Later faults are often consequences of the first. */
  catalogFileFaultsMax: 20,
  /**
   * How often one YAML anchor may be expanded, nested aliases multiplied: stops "billion laughs".
   */
  catalogFileAliasesMax: 100,
  /**
   * Tokens of the YAML lexer in one file. 100,000 tokens, some hundred templates, parse in about
   * half a second; a few MiB of `{},` would take a minute.
   */
  catalogFileTokensMax: 100_000,
  /**
   * Of an access token in a Secret. A line of AUTH has at most 12,288 octets (RFC 4954 section 4), and
   * base64 makes 4 of 3.
   */
  accessTokenCharsMax: 8_192,
} as const;
