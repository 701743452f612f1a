// Calls from gateway to ingest: their sizes and timeouts.

import { HOUR, KIB, MIB, MINUTE, SECOND } from './units.ts';

export const ingestLimits = {
  /**
   * Bytes of a text that is stored in the message. Longer texts and all attachments become blobs,
   * so that the documents of the queue stay small.
   */
  contentInlineBytes: 64 * KIB,
  /** Requests of one turn of the event loop that go to ingest in one call. */
  turnItemsMax: 64,
  /** Bytes of those requests together. */
  turnBytesMax: 1 * MIB,
  /** Bytes of one chunk of an uploaded blob. */
  uploadChunkBytes: 64 * KIB,
  /** Bytes of one gRPC message: the default of gRPC, written down because both sides need it. */
  grpcMessageBytesMax: 4 * MIB,
  /**
   * Encoded bytes of the details of a refusal. In base64 they stay below the 8 KiB of metadata that
   * gRPC implementations carry.
   */
  grpcDetailsBytesMax: 5 * KIB,
  /** Timeout of one call to ingest, uploads excepted. */
  ingestCallMs: 30 * SECOND,
  /** Timeout of the readiness check of one instance of ingest. */
  ingestCheckMs: 1 * SECOND,
  /** Timeout of one upload. */
  uploadMs: 10 * MINUTE,
  /**
   * How long after its upload content may be sent. The sweeper deletes content that nobody refers
   * to: a program that was frozen or suspended for a day must not refer to it afterwards.
   */
  uploadUsableMs: 1 * HOUR,
} as const;
