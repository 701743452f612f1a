// The catalog: files, revisions and changes.

import { MIB, SECOND } from './units.ts';

export const catalogLimits = {
  catalogHeadEveryMs: 30 * SECOND,
  /**
   * A reader looks this far back for changes: longer than a write takes, and than the clocks of two
   * writers differ.
   */
  catalogOverlapMs: 60 * SECOND,
  /** Writers that may be ahead of one in a race for one object. */
  catalogWriteTriesMax: 20,
  /** How often a folder is looked at; a change that is seen must stand still for one more look. */
  catalogPollMs: 250,
  /**
   * As much as an object of Kubernetes may be. Each file is refused before it is parsed: 5 MB of
   * binary data held YAML's parser for 5.7 s.
   */
  catalogFileBytesMax: 1 * MIB,
  /**
   * All files of a folder together, with their number: what is compiled at each change has an end.
   */
  catalogFolderBytesMax: 64 * MIB,
  catalogFilesMax: 5_000,
  /** Files of a folder that are read at a time. */
  catalogFilesReadAtOnce: 16,
  /** Faults of YAML that are told of one file: those after the first are often its consequences. */
  catalogFileFaultsMax: 20,
  /** Aliases of one anchor, multiplied by those inside it. */
  catalogFileAliasesMax: 100,
  /**
   * What YAML's lexer finds in one file: 100,000, some hundred templates, are parsed in about half
   * a second; a few MiB of `{},` would take a minute.
   */
  catalogFileTokensMax: 100_000,
  /**
   * Of an access token in a Secret. A line of AUTH has at most 12,288 octets (RFC 4954 section 4), and
   * base64 makes 4 of 3.
   */
  accessTokenCharsMax: 8_192,
} as const;
