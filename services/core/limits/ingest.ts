// Between gateway and ingest: how much goes in one call, and how long a call may take.

import { KIB, MIB, MINUTE, SECOND } from './units.ts';

export const ingestLimits = {
  /**
   * Content above this size, and every attachment, lives in the BlobStore: the stored message stays
   * small and hot.
   */
  contentInlineBytes: 64 * KIB,
  /** Requests of one event-loop turn that go as one rpc. */
  turnItemsMax: 64,
  turnBytesMax: 1 * MIB,
  uploadChunkBytes: 64 * KIB,
  grpcMessageBytesMax: 4 * MIB,
  /**
   * Details of a refusal, encoded; in base64 they stay below the 8 KiB of metadata that gRPC
   * promises to carry.
   */
  grpcDetailsBytesMax: 5 * KIB,
  ingestCallMs: 30 * SECOND,
  /** For readiness, per instance of ingest that is asked. */
  ingestCheckMs: 1 * SECOND,
  uploadMs: 10 * MINUTE,
} as const;
