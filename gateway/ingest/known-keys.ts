// Remembers the keys that ingest has admitted in the last seconds, as hashes. For the first request
// with a key, the gateway asks ingest before it reads the body. For later requests it reads the
// body at once, and ingest checks the key in the call itself.

import { hash } from 'node:crypto';
import type { AdmitRequest, Refusal } from '../../proto/gen/packetboat/internal/v1/ingest.ts';
import { BoundedMap } from '../../services/core/bounded-map.ts';
import { accessLimits } from '../../services/core/limits/access.ts';
import { isFailedAuthentication } from '../refusals.ts';
import type { IngestClient } from './ingest-client.ts';

export interface KnownKey {
  /**
   * Called before a body is read. Returns ingest's refusal of the key; undefined: ingest admits the
   * key, or did so recently. Does not count the request.
   */
  judge(): Promise<Refusal | undefined>;
  /**
   * Called with ingest's refusal of a request with this key; undefined if ingest did not refuse the
   * request.
   */
  answered(refused: Refusal | undefined): void;
}

/** A key to check, and the request that has the key. */
type KeyQuestion = Pick<AdmitRequest, 'credential' | 'client_address'> & { readonly requestId: string };

export class KnownKeys {
  readonly #ingest: Pick<IngestClient, 'admit'>;
  readonly #now: () => number;
  /** The time until which a key counts as known, by hash, oldest first. */
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
   * Concurrent requests with the same key share one call. Ingest counts failed authentications by
   * the address of the client, so a request that shared a call about a wrong key makes its own
   * call.
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
    const { refused } = await this.#ingest.admit(
      { ...caller, scope: '', uncounted: true, requests: 1 },
      requestId,
    );
    if (refused === undefined) this.#keep(key);
    return refused;
  }

  #keep(key: string): void {
    this.#until.set(key, this.#now() + accessLimits.keyCacheMs);
  }
}
