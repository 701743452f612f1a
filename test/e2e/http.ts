// Calls to the REST API, and waiting for what comes later.

import { setTimeout } from 'node:timers/promises';
import type { Installation } from '../support/installation.ts';

export interface HttpAnswer {
  readonly status: number;
  readonly headers: Headers;
  // biome-ignore lint/suspicious/noExplicitAny: whatever JSON came; tests say what it should be
  readonly body: any;
}

/** `body`: JSON, or a string to send as it is. Authenticated by the installation's key unless headers say otherwise. */
export async function call(
  { url, key }: Pick<Installation, 'url' | 'key'>,
  method: string,
  path: string,
  body?: unknown,
  headers: Readonly<Record<string, string>> = {},
): Promise<HttpAnswer> {
  const answer = await fetch(url + path, {
    method,
    headers: { authorization: `Bearer ${key}`, ...(body === undefined ? {} : { 'content-type': 'application/json' }), ...headers },
    ...(body === undefined ? {} : { body: typeof body === 'string' ? body : JSON.stringify(body) }),
  });
  const text = await answer.text();
  return { status: answer.status, headers: answer.headers, body: text === '' ? null : JSON.parse(text) };
}

const ASK_AGAIN_MS = 20;
const WAIT_MS = 15_000;

/** Asks until the answer is the wanted one. */
export async function eventually<T>(ask: () => Promise<T>, isWanted: (answer: T) => boolean, waitMs = WAIT_MS): Promise<T> {
  for (const giveUpAt = Date.now() + waitMs; ; await setTimeout(ASK_AGAIN_MS)) {
    const answer = await ask();
    if (isWanted(answer)) return answer;
    if (Date.now() > giveUpAt) throw new Error(`waited ${waitMs} ms in vain; the last answer was ${JSON.stringify(answer)}`);
  }
}
