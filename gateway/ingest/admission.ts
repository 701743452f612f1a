// The question to ingest whether a key is good, with its rate figures: asked before a long body is read, and before the gateway refuses a request
// that has a route and the text of a key, so that 401 comes before 400 and 413 and such answers have the figures of their key. A request is counted
// once: by this question, or by the call that it becomes.

import type { AdmitRequest, AdmitResponse, RateFigures, Refusal } from '../../proto/gen/packetboat/internal/v1/ingest.ts';
import type { IngestClient } from './ingest-client.ts';
import { isFailedAuthentication } from './refusal.ts';

export class Admission {
  readonly credential: string;
  /** IP address of the client; empty: not known. */
  readonly clientAddress: string;
  readonly #ingest: Pick<IngestClient, 'admit'>;
  readonly #scope: string;
  readonly #isCountedByCall: boolean;
  #asked: Promise<AdmitResponse> | null = null;
  #rate: RateFigures | undefined;

  /** `isCountedByCall`: the call has no way to say that the request was counted before. */
  constructor(
    ingest: Pick<IngestClient, 'admit'>,
    { credential, clientAddress }: { readonly credential: string; readonly clientAddress: string },
    { scope, isCountedByCall }: { readonly scope: string; readonly isCountedByCall: boolean },
  ) {
    this.#ingest = ingest;
    this.credential = credential;
    this.clientAddress = clientAddress;
    this.#scope = scope;
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
    const { refused } = await this.#ingest.admit(this.#question(true));
    if (refused === undefined) return undefined;
    // ingest has counted this failure; a second question would count one more, and a bad key has no figures
    if (isFailedAuthentication(refused)) this.#asked ??= Promise.resolve({ refused, rate: undefined });
    return (await this.refusal()) ?? refused;
  }

  /** What ingest refuses the key for; undefined when it does not. Counts the request. */
  async refusal(): Promise<Refusal | undefined> {
    this.#asked ??= this.#ingest.admit(this.#question(false));
    const { refused, rate } = await this.#asked;
    this.#rate = rate;
    return refused;
  }

  #question(uncounted: boolean): AdmitRequest {
    return { credential: this.credential, client_address: this.clientAddress, scope: this.#scope, uncounted };
  }
}
