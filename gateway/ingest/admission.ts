// The gateway's question to ingest whether a key is good. The gateway asks before it reads a long
// body, and before it refuses a request that has a route and the text of a key. So 401 comes before
// 400 and 413, and a 400 or 413 has the rate figures of the key. Ingest counts a request once: for
// this question, or for the call that follows.

import type {
  AdmitRequest,
  AdmitResponse,
  RateFigures,
  Refusal,
} from '../../proto/gen/packetboat/internal/v1/ingest.ts';
import type { IngestClient } from './ingest-client.ts';
import { isFailedAuthentication } from './refusal.ts';

export class Admission {
  readonly credential: string;
  /** IP address of the client; empty: not known. */
  readonly clientAddress: string;
  readonly #ingest: Pick<IngestClient, 'admit'>;
  readonly #scope: string;
  readonly #requestId: string;
  readonly #isCountedByCall: boolean;
  #asked: Promise<AdmitResponse> | null = null;
  #rate: RateFigures | undefined;

  /**
   * `isCountedByCall`: the call cannot say that ingest has counted the request already, so the call
   * counts the request.
   */
  constructor(
    ingest: Pick<IngestClient, 'admit'>,
    { credential, clientAddress }: { readonly credential: string; readonly clientAddress: string },
    {
      scope,
      isCountedByCall,
      requestId,
    }: { readonly scope: string; readonly isCountedByCall: boolean; readonly requestId: string },
  ) {
    this.#ingest = ingest;
    this.credential = credential;
    this.clientAddress = clientAddress;
    this.#scope = scope;
    this.#requestId = requestId;
    this.#isCountedByCall = isCountedByCall;
  }

  /** The request has been counted. */
  get isCounted(): boolean {
    return this.#asked !== null;
  }

  /** Undefined before the question, and when no key was recognized. */
  get rate(): RateFigures | undefined {
    return this.#rate;
  }

  /** Before more of a body is taken than stays in memory. */
  async refusalOfLarge(): Promise<Refusal | undefined> {
    if (!this.#isCountedByCall) return this.refusal();
    const { refused } = await this.#ingest.admit(this.#question(true), this.#requestId);
    if (refused === undefined) return undefined;
    // ingest has counted this failure; a second question would count one more, and a bad key has no
    // figures
    if (isFailedAuthentication(refused)) this.#asked ??= Promise.resolve({ refused, rate: undefined });
    return (await this.refusal()) ?? refused;
  }

  /** Why ingest refuses the key; undefined: ingest admits the key. Counts the request. */
  async refusal(): Promise<Refusal | undefined> {
    this.#asked ??= this.#ingest.admit(this.#question(false), this.#requestId);
    const { refused, rate } = await this.#asked;
    this.#rate = rate;
    return refused;
  }

  #question(uncounted: boolean): AdmitRequest {
    return { credential: this.credential, client_address: this.clientAddress, scope: this.#scope, uncounted };
  }
}
