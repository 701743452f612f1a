// The arithmetic of a token bucket. Levels are token milliseconds (one token is `windowMs` of them)
// and times are whole milliseconds, so nothing is ever rounded: a bucket never grants more than
// `limit + burst` in any window. adapters/redis/reserve.lua computes the same.

/** A bucket of `burst` tokens that fills at `limit` tokens per `windowMs`. */
export interface Rate {
  readonly limit: number;
  readonly windowMs: number;
  readonly burst: number;
}

export interface Bucket {
  /** Token milliseconds: tokens × `windowMs`. */
  readonly level: number;
  /** The time of `level`, in whole milliseconds by the caller's clock. */
  readonly at: number;
}

export const fullBucket = (rate: Rate, now: number): Bucket => ({
  level: rate.burst * rate.windowMs,
  at: Math.floor(now),
});

/** The bucket at `now`. A clock that stops or goes back adds nothing. */
export function refill(bucket: Bucket, rate: Rate, now: number): Bucket {
  const at = Math.floor(now);
  const filled = bucket.level + Math.max(0, at - bucket.at) * rate.limit;
  return { level: Math.min(filled, rate.burst * rate.windowMs), at };
}

/** Takes up to `tokens` from the bucket and returns how many it took. */
export function take(
  bucket: Bucket,
  rate: Rate,
  tokens: number,
  now: number,
): { readonly granted: number; readonly bucket: Bucket } {
  const filled = refill(bucket, rate, now);
  const granted = Math.min(tokens, tokensIn(filled, rate));
  return { granted, bucket: { level: filled.level - granted * rate.windowMs, at: filled.at } };
}

/** Returns tokens that were taken and not used. The bucket never has more than `burst`. */
export function putBack(bucket: Bucket, rate: Rate, tokens: number, now: number): Bucket {
  const { level, at } = refill(bucket, rate, now);
  return { level: Math.min(level + tokens * rate.windowMs, rate.burst * rate.windowMs), at };
}

/** The whole tokens in the bucket. */
export const tokensIn = (bucket: Bucket, rate: Rate): number =>
  Math.max(0, Math.floor(bucket.level / rate.windowMs));

/**
 * Milliseconds until the bucket has one more whole token. A limit of 0 never fills the bucket: the
 * caller asks again after a window, in case the limit has been changed.
 */
export function nextTokenMs(bucket: Bucket, rate: Rate): number {
  if (rate.limit <= 0) return rate.windowMs;
  return Math.ceil(((tokensIn(bucket, rate) + 1) * rate.windowMs - bucket.level) / rate.limit);
}

/** Milliseconds until the bucket is full. */
export function fullInMs(bucket: Bucket, rate: Rate): number {
  const missing = Math.max(0, rate.burst * rate.windowMs - bucket.level);
  return missing === 0 ? 0 : rate.limit <= 0 ? rate.windowMs : Math.ceil(missing / rate.limit);
}
