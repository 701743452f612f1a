// What one message may hold, and how long its idempotency key counts.

import { HOUR, KIB, MIB, SECOND } from './units.ts';

export const acceptLimits = {
  /** Faults that one answer names: 50 recipients and 100 attachments, each with several. */
  fieldFaultsMax: 1_000,
  recipientsMax: 50,
  attachmentsMax: 100,
  filenameCharsMax: 255,
  subjectCharsMax: 998,
  headerBytesMax: 8 * KIB,
  headersMax: 50,
  headerNameCharsMax: 76,
  /**
   * A longer word can only be written in pieces: a line of mail has at most 998 characters (RFC
   * 5322 2.1.1), its name among them.
   */
  headerWordCharsMax: 900,
  tagsMax: 20,
  tagCharsMax: 256,
  metadataBytesMax: 16 * KIB,
  /** Data is rendered on the event loop; a megabyte of it is parsed in a few milliseconds. */
  templateDataBytesMax: 1 * MIB,
  idempotencyKeyCharsMax: 255,
  /** By the store's clock. */
  idempotencyWindowMs: 24 * HOUR,
  /**
   * How long the loser of a race for one idempotency key waits to read the winner before it answers
   * 409.
   */
  idempotencyRaceMs: 2 * SECOND,
  idempotencyRacePollMs: 25,
  /** `scheduled_time` may lie this far ahead. */
  scheduleAheadMs: 365 * 24 * HOUR,
  listLimitMax: 100,
  listLimitDefault: 25,
  /** A cursor of ours is about 100 characters. */
  cursorCharsMax: 200,
  /** Addresses in one Reply-To: as many as recipients. */
  replyToMax: 50,
  /**
   * 0001-01-01 and the end of 9999, in seconds since 1970: what google.protobuf.Timestamp and RFC
   * 3339 can say.
   */
  timeSecondsMin: -62_135_596_800,
  timeSecondsMax: 253_402_300_799,
} as const;
