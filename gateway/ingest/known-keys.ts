// Keys that ingest has admitted in the last seconds. For the first request with a key, the gateway
// asks ingest before it reads the body. It reads the bodies of the requests after that at once, and
// ingest judges the key with the call itself. The gateway keeps keys as hashes.

import { hash } from 'node:crypto';
import type { AdmitRequest, Refusal } from '../../proto/gen/packetboat/internal/v1/ingest.ts';
import { BoundedMap } from '../../services/core/bounded-map.ts';
import { accessLimits } from '../../services/core/limits/access.ts';
import type { IngestClient } from './ingest-client.ts';
import { isFailedAuthentication } from './refusal.ts';

export interface KnownKey {
  /**
   * Before a body is read: why ingest refuses the key; undefined: ingest admits the key, or did so
   * lately. The request is not counted.
   */
  judge(): Promise<Refusal | undefined>;
  /**
   * Called with ingest's refusal of a request with this key; undefined if ingest did not refuse the
   * request.
   */
  answered(refused: Refusal | undefined): void;
}

/** The question about a key, and the request that asks. */
type KeyQuestion = Pick<AdmitRequest, 'credential' | 'client_address'> & { readonly requestId: string };

export class KnownKeys {
  readonly #ingest: Pick<IngestClient, 'admit'>;
  readonly #now: () => number;
  /** Until when, by hash; the one that came first is first. */
  readonly #until = new BoundedMap<string, number>(accessLimits.keyCacheMax);
  readonly #asking = new Map<string, Promise<Refusal | undefined>>();

  /** `now`: monotonic, milliseconds. */
  constructor(ingest: Pick<IngestClient, 'admit'>, now: () => number = () => performance.now()) {
    this.#ingest = ingest;
    this.#now = now;
  }

  /** The key of one request. */
  of({
    credential,
    clientAddress,
    requestId,
  }: {
    readonly credential: string;
    readonly clientAddress: string;
    readonly requestId: string;
  }): KnownKey {
    const key = hash('sha256', credential, 'base64');
    return {
      judge: () => this.#judge(key, { credential, client_address: clientAddress, requestId }),
      answered: (refused) => {
        if (refused === undefined) this.#keep(key);
        else if (isFailedAuthentication(refused)) this.#until.delete(key);
      },
    };
  }

  get size(): number {
    return this.#until.size;
  }

  /**
   * Requests with the same key that come at once share one question. But ingest counts failed
   * authentications, each under the address of its request, so a request that shared a question
   * about a bad key asks again for itself.
   */
  async #judge(key: string, caller: KeyQuestion): Promise<Refusal | undefined> {
    if ((this.#until.get(key) ?? 0) > this.#now()) return undefined;
    const shared = this.#asking.get(key);
    if (shared === undefined) {
      const asking = this.#ask(key, caller).finally(() => this.#asking.delete(key));
      this.#asking.set(key, asking);
      return asking;
    }
    const refused = await shared;
    return refused !== undefined && isFailedAuthentication(refused) ? this.#ask(key, caller) : refused;
  }

  async #ask(key: string, { requestId, ...caller }: KeyQuestion): Promise<Refusal | undefined> {
    const { refused } = await this.#ingest.admit({ ...caller, scope: '', uncounted: true }, requestId);
    if (refused === undefined) this.#keep(key);
    return refused;
  }

  #keep(key: string): void {
    this.#until.set(key, this.#now() + accessLimits.keyCacheMs);
  }
}
