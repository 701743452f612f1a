// A REST client as users write it by hand: only `fetch`, so that tests see the actual requests and
// responses.

import { vi } from 'vitest';

export type JsonObject = Readonly<Record<string, unknown>>;

export interface RestAnswer {
  readonly status: number;
  readonly headers: Headers;
  readonly text: string;
  /** The text as JSON; an empty object when it is none. */
  readonly body: JsonObject;
}

export interface ClientRequest {
  readonly headers?: Readonly<Record<string, string>>;
  /** Objects become JSON; text, bytes and Blobs go as they are. */
  readonly body?: JsonObject | string | Uint8Array<ArrayBuffer> | Blob;
}

export interface ShownFault {
  readonly field: string;
  readonly code: string;
  readonly message: string;
}

/** A message as responses show it. */
export interface ShownMessage extends JsonObject {
  readonly message_id: string;
  readonly status: string;
  readonly deliveries: readonly {
    readonly recipient: string;
    readonly status: string;
    readonly attempts: number;
    readonly next_attempt_at?: string;
    readonly hold?: string;
    readonly last_reply?: { readonly stage: string; readonly code?: number; readonly text: string };
  }[];
}

export interface ShownEvent {
  readonly type: string;
  readonly message_id: string;
  readonly recipient: string;
  readonly seq: number;
  readonly at: string;
  readonly data: JsonObject;
}

const WAIT_MS = 20_000;
const LOOK_EVERY_MS = 50;

export class RestClient {
  readonly url: string;
  readonly key: string | null;

  /** `url`: without a slash at its end. */
  constructor(url: string, key: string | null) {
    this.url = url;
    this.key = key;
  }

  /** A client of the same gateway with another key; null sends no key. */
  withKey(key: string | null): RestClient {
    return new RestClient(this.url, key);
  }

  async request(
    method: string,
    path: string,
    { headers = {}, body }: ClientRequest = {},
  ): Promise<RestAnswer> {
    const isRaw = typeof body === 'string' || body instanceof Uint8Array || body instanceof Blob;
    const response = await fetch(this.url + path, {
      method,
      headers: { ...(this.key === null ? {} : { authorization: `Bearer ${this.key}` }), ...headers },
      ...(body === undefined ? {} : { body: isRaw ? body : JSON.stringify(body) }),
    });
    const text = await response.text();
    return { status: response.status, headers: response.headers, text, body: parsed(text) };
  }

  get(path: string): Promise<RestAnswer> {
    return this.request('GET', path);
  }

  delete(path: string): Promise<RestAnswer> {
    return this.request('DELETE', path);
  }

  post(
    path: string,
    body: Exclude<ClientRequest['body'], undefined>,
    headers: Readonly<Record<string, string>> = {},
  ): Promise<RestAnswer> {
    return this.request('POST', path, { body, headers });
  }

  send(
    body: Exclude<ClientRequest['body'], undefined>,
    headers: Readonly<Record<string, string>> = {},
  ): Promise<RestAnswer> {
    return this.post('/v1/messages', body, headers);
  }

  /** Sends a message that must be accepted, and returns its id. */
  async accepted(body: JsonObject, headers: Readonly<Record<string, string>> = {}): Promise<string> {
    const answer = await this.send(body, headers);
    if (answer.status !== 202) throw new Error(`not accepted: ${answer.status} ${answer.text}`);
    return String(answer.body.message_id);
  }

  async message(id: string): Promise<ShownMessage> {
    const answer = await this.get(`/v1/messages/${id}`);
    if (answer.status !== 200) throw new Error(`no message: ${answer.status} ${answer.text}`);
    return answer.body as ShownMessage;
  }

  async events(id: string): Promise<readonly ShownEvent[]> {
    const answer = await this.get(`/v1/messages/${id}/events`);
    if (answer.status !== 200) throw new Error(`no events: ${answer.status} ${answer.text}`);
    return answer.body.events as readonly ShownEvent[];
  }

  /** Waits until the message has this status. */
  until(id: string, status: string, waitMs = WAIT_MS): Promise<ShownMessage> {
    return this.untilMessage(id, (message) => message.status === status, `be ${status}`, waitMs);
  }

  async untilMessage(
    id: string,
    condition: (message: ShownMessage) => boolean,
    wanted: string,
    waitMs = WAIT_MS,
  ): Promise<ShownMessage> {
    return vi.waitFor(
      async () => {
        const message = await this.message(id);
        if (!condition(message))
          throw new Error(
            `waited ${waitMs} ms for the message to ${wanted}; it is ${JSON.stringify(message)}`,
          );
        return message;
      },
      { timeout: waitMs, interval: LOOK_EVERY_MS },
    );
  }
}

/** The field errors of a refusal. */
export function errorsOf(answer: RestAnswer): readonly ShownFault[] {
  const error = answer.body.error as { readonly errors?: readonly ShownFault[] } | undefined;
  return error?.errors ?? [];
}

/** The stable word of a refusal. */
export function codeOf(answer: RestAnswer): string {
  const error = answer.body.error as { readonly code?: string } | undefined;
  return error?.code ?? '';
}

function parsed(text: string): JsonObject {
  try {
    return JSON.parse(text) as JsonObject;
  } catch {
    return {};
  }
}
