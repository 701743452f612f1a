// The public API as a client sees it that knows several gateways: one request, one answer or none.
// Nothing is repeated here; the caller decides.

export interface Heard {
  readonly status: number;
  readonly isReplay: boolean;
  readonly retryAfterMs: number;
  readonly body: Readonly<Record<string, unknown>>;
}

/** As long as a patient client waits. A program that is frozen for less must answer after all. */
const ANSWER_MS = 15_000;

export class ClientDoor {
  readonly #urls: readonly string[];
  readonly #key: string;
  #turn = 0;

  constructor(urls: readonly string[], key: string) {
    this.#urls = urls;
    this.#key = key;
  }

  withKey(key: string): ClientDoor {
    return new ClientDoor(this.#urls, key);
  }

  /** By the next gateway in turn. Rejects when the connection is lost or time is up. */
  async ask(
    method: string,
    path: string,
    body?: unknown,
    headers: Readonly<Record<string, string>> = {},
  ): Promise<Heard> {
    const url = this.#urls[this.#turn++ % this.#urls.length] ?? '';
    const response = await fetch(url + path, {
      method,
      headers: { authorization: `Bearer ${this.#key}`, ...headers },
      signal: AbortSignal.timeout(ANSWER_MS),
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    });
    return {
      status: response.status,
      isReplay: response.headers.get('idempotent-replayed') === 'true',
      retryAfterMs: Number(response.headers.get('retry-after') ?? 0) * 1_000,
      body: (await response.json()) as Heard['body'],
    };
  }

  /** For questions that may be asked twice: the body of a 200, null for a 404. */
  async look(path: string): Promise<Heard['body'] | null> {
    for (let tries = 1; ; tries += 1) {
      try {
        const { status, body } = await this.ask('GET', path);
        if (status === 200) return body;
        if (status === 404) return null;
        throw new Error(`${status} ${JSON.stringify(body)}`);
      } catch (error) {
        if (tries === LOOKS_MAX) throw error;
      }
    }
  }
}

const LOOKS_MAX = 5;
