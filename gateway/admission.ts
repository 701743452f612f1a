// The question to ingest whether a key is good, asked once per request at most: before a long body is read, and before the gateway refuses anything
// itself, so that 401 comes before 400 and 413 and every answer has its rate figures (RELIABILITY P14).

import type { AdmitResponse, RateFigures, Refusal } from '../proto/gen/packetboat/internal/v1/ingest.ts';
import type { IngestClient } from './ingest-client.ts';

export class Admission {
  readonly credential: string;
  readonly #ingest: Pick<IngestClient, 'admit'>;
  readonly #scope: string;
  #asked: Promise<AdmitResponse> | null = null;
  #rate: RateFigures | undefined;

  constructor(ingest: Pick<IngestClient, 'admit'>, credential: string, scope: string) {
    this.#ingest = ingest;
    this.credential = credential;
    this.#scope = scope;
  }

  /** The request has been counted. */
  get isCounted(): boolean {
    return this.#asked !== null;
  }

  /** Undefined before the question, and when no key was recognized. */
  get rate(): RateFigures | undefined {
    return this.#rate;
  }

  /** What ingest refuses the key for; undefined when it does not. */
  async refusal(): Promise<Refusal | undefined> {
    this.#asked ??= this.#ingest.admit({ credential: this.credential, scope: this.#scope });
    const { refused, rate } = await this.#asked;
    this.#rate = rate;
    return refused;
  }
}
