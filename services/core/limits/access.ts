// API keys: what they may ask for, how many are remembered, and how failed attempts are counted.

import { MINUTE, SECOND } from './units.ts';

export const accessLimits = {
  requestsPerMinuteDefault: 5_000,
  requestsPerMinuteMax: 1_000_000,
  /** Characters of a key's name, which is for people. */
  keyNameCharsMax: 100,
  /** More than there are scopes. */
  keyScopesMax: 50,
  /**
   * Names of senders that one key may list: a key for more of them is better made without a list.
   */
  keySendersMax: 1_000,
  keyCacheMs: 5 * SECOND,
  /**
   * Keys that were found; as many ids that were not, which are remembered apart so that wrong keys
   * displace no good one.
   */
  keyCacheMax: 10_000,
  /**
   * Failed authentications of one address, or with one key id, in a window before further failing
   * ones are told 429. A good key always passes.
   */
  failedAuthenticationsMax: 50,
  /** A window begins with the first failure that is counted in it. */
  failureWindowMs: MINUTE,
  /**
   * Windows that a process counts in, about 20 MB. The oldest go first: whoever fails from more
   * addresses than this is no longer counted by address.
   */
  failureWindowsMax: 100_000,
  /**
   * Addresses and key ids that a process knows to be over the limit: their failures cost no call to
   * Redis.
   */
  failuresOverMax: 10_000,
  /**
   * After a call that Redis did not answer, how long a process counts failures by itself: further
   * failing callers must not wait in vain.
   */
  failureCountsPauseMs: 1 * SECOND,
} as const;
