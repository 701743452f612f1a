// Combines the send requests of one turn of the event loop into one `SendMessages` call. Each
// request gets its own result. There is no timer, so a single request does not wait for others.

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

  /** @param bytes an upper bound of the item's size in a gRPC message */
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

  /** Never rejects: a failure rejects the waiting requests. */
  async #hand(waiting: readonly Waiting[]): Promise<void> {
    try {
      const { results } = await this.#ingest.sendMessages({ items: waiting.map(({ item }) => item) });
      for (const [i, { resolve, reject }] of waiting.entries()) {
        const result = results[i];
        if (result === undefined) reject(new Error('ingest returned fewer results than items'));
        else resolve(result);
      }
    } catch (error) {
      for (const { reject } of waiting) reject(error);
    }
  }
}
