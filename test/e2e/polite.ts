// What every refusal owes the person who reads it.

import { expect } from 'vitest';
import { errorsOf, type RestAnswer } from './rest-client.ts';

export const SENTENCE = /^[A-Z0-9][\s\S]*[.?]$/;

/** Each message of a refusal is a sentence for people, and repeats nothing of the request. */
export function expectPolite(answer: RestAnswer): void {
  const { message } = answer.body.error as { readonly message: string };
  expect(
    [message, ...errorsOf(answer).map((error) => error.message)].filter((text) => !SENTENCE.test(text)),
  ).toEqual([]);
  expect(answer.text).not.toMatch(/c4nary/i);
  expect(answer.headers.get('x-request-id')).toBeTruthy();
  expect(answer.headers.get('x-ratelimit-remaining')).toBeTruthy();
}
