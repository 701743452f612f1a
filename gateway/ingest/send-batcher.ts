// Requests to send that arrive in one turn of the event loop go to ingest as one `SendMessages`,
// and each has its own answer. There is no timer, so a single request does not wait for others.

import type { SendItem, SendResult } from '../../proto/gen/packetboat/internal/v1/ingest.ts';
import { ingestLimits } from '../../services/core/limits/ingest.ts';
import type { IngestClient } from './ingest-client.ts';

interface Waiting {
  readonly item: SendItem;
  readonly resolve: (result: SendResult) => void;
  readonly reject: (error: unknown) => void;
}

export class SendBatcher {
  readonly #ingest: Pick<IngestClient, 'sendMessages'>;
  #waiting: Waiting[] = [];
  #bytes = 0;

  constructor(ingest: Pick<IngestClient, 'sendMessages'>) {
    this.#ingest = ingest;
  }

  /** @param bytes the most that the item takes as a part of a gRPC message */
  send(item: SendItem, bytes: number): Promise<SendResult> {
    if (this.#bytes + bytes > ingestLimits.turnBytesMax) this.#flush();
    if (this.#waiting.length === 0) setImmediate(() => this.#flush());
    const { promise, resolve, reject } = Promise.withResolvers<SendResult>();
    this.#waiting.push({ item, resolve, reject });
    this.#bytes += bytes;
    if (this.#waiting.length >= ingestLimits.turnItemsMax) this.#flush();
    return promise;
  }

  #flush(): void {
    if (this.#waiting.length === 0) return;
    const waiting = this.#waiting;
    this.#waiting = [];
    this.#bytes = 0;
    void this.#hand(waiting);
  }

  /** Never rejects: failures go to the requests that wait. */
  async #hand(waiting: readonly Waiting[]): Promise<void> {
    try {
      const { results } = await this.#ingest.sendMessages({ items: waiting.map(({ item }) => item) });
      for (const [i, { resolve, reject }] of waiting.entries()) {
        const result = results[i];
        if (result === undefined) reject(new Error('ingest answered fewer items than it was given'));
        else resolve(result);
      }
    } catch (error) {
      for (const { reject } of waiting) reject(error);
    }
  }
}
