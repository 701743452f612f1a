// A gateway over a real ingest in memory, for the tests of this folder.

import type { FieldFault } from '../proto/gen/packetboat/internal/v1/ingest.ts';
import { inProcessIngest } from '../services/embedded/in-process-ingest.ts';
import { type MemoryIngest, memoryIngest } from '../test/support/memory-ingest.ts';
import { type Gateway, type GatewayOptions, startGateway } from './gateway.ts';
import type { IngestClient } from './ingest/ingest-client.ts';

export interface TestGateway extends Gateway, MemoryIngest {
  /** Log lines, and calls of the metrics. */
  readonly logged: unknown[];
  readonly counted: [pattern: string, status: number][];
  /** Bytes of bodies so far, and refused connections. */
  readonly bodies: Record<'buffered' | 'parsed' | 'discarded', number>;
  readonly refused: string[];
  /** The reasons for which the gateway refused keys without calling ingest. */
  readonly failedAuthentications: string[];
  send(
    path: string,
    options?: {
      method?: string;
      body?: string | Buffer | AsyncIterable<Uint8Array>;
      headers?: Record<string, string>;
    },
  ): Promise<Answered>;
}

export interface Answered {
  readonly status: number;
  readonly headers: Headers;
  readonly body: AnsweredBody;
}

/** The fields that tests read from responses; each response has some of them. */
export interface AnsweredBody {
  readonly message_id: string;
  readonly status: string;
  readonly recipient: string;
  readonly created: boolean;
  readonly messages: readonly object[];
  readonly events: readonly object[];
  readonly secret: string;
  readonly openapi: string;
  readonly error: { readonly code: string; readonly message: string; readonly errors: readonly FieldFault[] };
}

/** `send` uses the key of the memory ingest unless `headers` has another. */
export async function testGateway({
  requestsPerMinute,
  ...options
}: Partial<GatewayOptions> & {
  readonly client?: (own: IngestClient) => IngestClient;
  readonly requestsPerMinute?: number;
} = {}): Promise<TestGateway> {
  const memory = await memoryIngest(requestsPerMinute === undefined ? {} : { requestsPerMinute });
  const logged: unknown[] = [];
  const counted: [string, number][] = [];
  const bodies = { buffered: 0, parsed: 0, discarded: 0 };
  const refused: string[] = [];
  const failedAuthentications: string[] = [];
  const note = (...entry: unknown[]): void => void logged.push(entry);
  const own = inProcessIngest(memory.calls);
  const gateway = await startGateway({
    ingest: options.client?.(own) ?? own,
    http: { host: '127.0.0.1', port: 0 },
    health: { readiness: { status: 'ready', lost: [], notReached: [] }, isReady: true },
    log: { debug: note, warn: note, error: note },
    metrics: {
      http: (_, pattern, status) => void counted.push([pattern, status]),
      bodyBytes: (what, bytes) => {
        bodies[what] += bytes;
      },
      connectionRefused: (answer) => void refused.push(answer),
      failedAuthentication: (reason) => void failedAuthentications.push(reason),
    },
    ...options,
  });
  return {
    ...memory,
    ...gateway,
    logged,
    counted,
    bodies,
    refused,
    failedAuthentications,
    async send(path, { method, body, headers = { authorization: `Bearer ${memory.key}` } } = {}) {
      const response = await fetch(`${gateway.url}${path}`, {
        method: method ?? (body === undefined ? 'GET' : 'POST'),
        headers,
        ...(body === undefined ? {} : { body, duplex: 'half' }),
      } as RequestInit);
      const text = await response.text();
      const isJson = text !== '' && response.headers.get('content-type')?.includes('json') === true;
      return { status: response.status, headers: response.headers, body: isJson ? JSON.parse(text) : text };
    },
  };
}

/** A message that the example catalog accepts. */
export const goodMessage = {
  from: 'Shop Billing <billing@mail.shop.example>',
  to: ['user@example.com'],
  subject: 'Your invoice',
  text: 'Your invoice is attached.',
};
