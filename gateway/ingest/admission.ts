// Asks ingest whether a key is valid: before the gateway reads a large body, and before the gateway
// rejects a request that has a route and a key. So 401 takes precedence over 400 and 413, and a 400
// or 413 has the rate figures of the key. Ingest counts a request once: either in this call or in
// the call that follows.

import type {
  AdmitRequest,
  AdmitResponse,
  RateFigures,
  Refusal,
} from '../../proto/gen/packetboat/internal/v1/ingest.ts';
import { isFailedAuthentication } from '../refusals.ts';
import type { IngestClient } from './ingest-client.ts';

export class Admission {
  readonly credential: string;
  /** IP address of the client; empty: unknown. */
  readonly clientAddress: string;
  readonly #ingest: Pick<IngestClient, 'admit'>;
  readonly #scope: string;
  readonly #requestId: string;
  readonly #isCountedLater: boolean;
  #asked: Promise<AdmitResponse> | null = null;
  #rate: RateFigures | undefined;

  /**
   * `isCountedLater`: ingest does not count the request before its body is read, because the call
   * that follows counts it, or because the body says how many requests it is.
   */
  constructor(
    ingest: Pick<IngestClient, 'admit'>,
    { credential, clientAddress }: { readonly credential: string; readonly clientAddress: string },
    {
      scope,
      isCountedLater,
      requestId,
    }: { readonly scope: string; readonly isCountedLater: boolean; readonly requestId: string },
  ) {
    this.#ingest = ingest;
    this.credential = credential;
    this.clientAddress = clientAddress;
    this.#scope = scope;
    this.#requestId = requestId;
    this.#isCountedLater = isCountedLater;
  }

  /** Whether ingest has counted the request. */
  get isCounted(): boolean {
    return this.#asked !== null;
  }

  /** Undefined until ingest has replied, and if ingest did not recognize the key. */
  get rate(): RateFigures | undefined {
    return this.#rate;
  }

  /** Like `refusal`; called before a body is read that is too large for memory. */
  async refusalOfLarge(): Promise<Refusal | undefined> {
    if (!this.#isCountedLater) return this.refusal();
    const { refused } = await this.#ingest.admit(this.#question(true), this.#requestId);
    if (refused === undefined) return undefined;
    // ingest has counted this failure; a second call would count another, and a wrong key has no
    // figures
    if (isFailedAuthentication(refused)) this.#asked ??= Promise.resolve({ refused, rate: undefined });
    return (await this.refusal()) ?? refused;
  }

  /**
   * Returns the refusal of the key; undefined: the key is valid. Counts the request, which is
   * `requests` requests, unless it was counted before.
   */
  async refusal(requests = 1): Promise<Refusal | undefined> {
    this.#asked ??= this.#ingest.admit({ ...this.#question(false), requests }, this.#requestId);
    const { refused, rate } = await this.#asked;
    this.#rate = rate;
    return refused;
  }

  #question(uncounted: boolean): AdmitRequest {
    return {
      credential: this.credential,
      client_address: this.clientAddress,
      scope: this.#scope,
      uncounted,
      requests: 1,
    };
  }
}
