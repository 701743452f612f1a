// One request to send a message: how large its parts may be and how long its idempotency key
// counts. Where no reason is given, the limit is far above the needs of transactional mail. The
// fields of proto/packetboat/v1 have the same limits as options.

import { HOUR, KIB, MIB, SECOND } from './units.ts';

export const acceptLimits = {
  /** Faults in one reply. 50 recipients and 100 attachments with several faults each stay below. */
  fieldFaultsMax: 1_000,
  /** Messages in one batch. */
  batchItemsMax: 500,
  /** Recipients of one message: to, cc and bcc together. Each is a delivery in one document. */
  recipientsMax: 50,
  /** Attachments of one message. */
  attachmentsMax: 100,
  /** Characters of an attachment's filename: the maximum of common file systems. */
  filenameCharsMax: 255,
  /** Parameters of a content type; the registered types have fewer. */
  contentTypeParametersMax: 10,
  /** Characters of a parameter's value: with its name it stays far below the longest line. */
  contentTypeValueCharsMax: 200,
  /** Characters of a subject: the longest line of a mail (RFC 5322 2.1.1). */
  subjectCharsMax: 998,
  /** Bytes of one custom header, name and value. */
  headerBytesMax: 8 * KIB,
  /** Custom headers of one message. */
  headersMax: 50,
  /** Characters of a header's name: the name and its colon fit into one line of 78. */
  headerNameCharsMax: 76,
  /**
   * Characters between two spaces of a header's value. The value is folded at spaces, and a line of
   * mail has at most 998 characters with the name of the header (RFC 5322 2.1.1).
   */
  headerWordCharsMax: 900,
  /** Tags of one message. */
  tagsMax: 20,
  /** Characters of a tag's name, and of its value. */
  tagCharsMax: 256,
  /** Bytes of a message's metadata as JSON. Each change of a delivery rewrites the document. */
  metadataBytesMax: 16 * KIB,
  /** Bytes of template data as JSON. The event loop parses a megabyte in a few milliseconds. */
  templateDataBytesMax: 1 * MIB,
  /** Characters of an idempotency key, as at other APIs. */
  idempotencyKeyCharsMax: 255,
  /** How long a repeated idempotency key returns the first message, by the store's clock. */
  idempotencyWindowMs: 24 * HOUR,
  /**
   * Two requests with one idempotency key race, and the insert of one fails: how long the loser
   * waits to read the winner's message before it replies 409. A stored message is readable within
   * milliseconds.
   */
  idempotencyRaceMs: 2 * SECOND,
  /** How often the loser of that race reads. */
  idempotencyRacePollMs: 25,
  /**
   * When a caller may repeat a request whose key another request still uses, or whose message could
   * not be stored. A race ends, and a store returns, within seconds.
   */
  sendRetryAfterMs: 1 * SECOND,
  /**
   * How often one call tries to cancel. A try fails only if a dispatcher changed a delivery between
   * the read and the write, which happens a few times at most while a client waits.
   */
  cancelTriesMax: 10,
  /** How far `scheduled_time` may lie in the future. */
  scheduleAheadMs: 365 * 24 * HOUR,
  /** Items in one page of a list. A page is one query and one reply, both in memory. */
  listLimitMax: 100,
  /** Items in a page if the request names no number. */
  listLimitDefault: 25,
  /** Characters of a cursor. The gateway's cursors have about 100. */
  cursorCharsMax: 200,
  /** Addresses in Reply-To: as many as recipients. */
  replyToMax: 50,
  /**
   * Seconds since 1970 of 0001-01-01 and of the end of 9999: the first and last times that
   * google.protobuf.Timestamp and RFC 3339 can express.
   */
  timeSecondsMin: -62_135_596_800,
  timeSecondsMax: 253_402_300_799,
} as const;
