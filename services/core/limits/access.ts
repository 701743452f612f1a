// API keys: the size of their ceilings, how long they are cached, and how failed authentications
// are counted.

import { MINUTE, SECOND } from './units.ts';

export const accessLimits = {
  /** Requests a minute of a key whose maker names no number: 83 a second. */
  requestsPerMinuteDefault: 5_000,
  /** Highest number of requests a minute of one key: 16,667 a second. */
  requestsPerMinuteMax: 1_000_000,
  /** Characters of a key's name, which only people read. */
  keyNameCharsMax: 100,
  /** Scopes in a request to make a key: more than there are. */
  keyScopesMax: 50,
  /** Sender names that one key may list. A key for more senders should list none. */
  keySendersMax: 1_000,
  /** How long ingest uses a cached key, and so how long a revoked key still works. */
  keyCacheMs: 5 * SECOND,
  /**
   * Cached keys in one process, and separately as many ids that no key has: wrong keys do not evict
   * good ones.
   */
  keyCacheMax: 10_000,
  /**
   * Failed authentications from one address, or with one key id, in one window. Further failures
   * in the window get 429; a good key always passes.
   */
  failedAuthenticationsMax: 50,
  /** Length of a window, which starts with its first failure. */
  failureWindowMs: MINUTE,
  /**
   * Windows in one process, about 20 MB. The oldest window is dropped for a new one, so failures
   * from more addresses than this are no longer counted by address.
   */
  failureWindowsMax: 100_000,
  /**
   * Addresses and key ids over the limit that a process remembers, so that their failures need no
   * call to Redis.
   */
  failuresOverMax: 10_000,
  /**
   * How long a process counts failures by itself after Redis left a call without a reply: further
   * failing callers need not wait for the timeout.
   */
  failureCountsPauseMs: 1 * SECOND,
} as const;
