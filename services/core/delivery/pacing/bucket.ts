// The arithmetic of a token bucket. Levels are counted in token milliseconds (one token is
// `windowMs` of them) and times in whole milliseconds, so that nothing is ever rounded: a bucket
// never grants more than `limit + burst` in any window. adapters/redis/reserve.lua does the same
// sums.

/** A bucket of `burst` tokens that fills at `limit` tokens per `windowMs`. */
export interface Rate {
  readonly limit: number;
  readonly windowMs: number;
  readonly burst: number;
}

export interface Bucket {
  /** Token milliseconds: tokens × `windowMs`. */
  readonly level: number;
  /** When the level was right, in whole milliseconds of whatever clock the caller uses. */
  readonly at: number;
}

export const fullBucket = (rate: Rate, now: number): Bucket => ({
  level: rate.burst * rate.windowMs,
  at: Math.floor(now),
});

/**
 * The bucket as it stands now. A clock that went back fills nothing; so does one that stands still.
 */
export function refill(bucket: Bucket, rate: Rate, now: number): Bucket {
  const at = Math.floor(now);
  const filled = bucket.level + Math.max(0, at - bucket.at) * rate.limit;
  return { level: Math.min(filled, rate.burst * rate.windowMs), at };
}

/** Takes up to `tokens` of what is there; none is there twice. */
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

/** Whole tokens. */
export const tokensIn = (bucket: Bucket, rate: Rate): number =>
  Math.max(0, Math.floor(bucket.level / rate.windowMs));

/**
 * Milliseconds until there is one token more. A rate of nothing never fills: ask again after a
 * window, it may have been changed by then.
 */
export function nextTokenMs(bucket: Bucket, rate: Rate): number {
  if (rate.limit <= 0) return rate.windowMs;
  return Math.ceil(((tokensIn(bucket, rate) + 1) * rate.windowMs - bucket.level) / rate.limit);
}

/** Milliseconds until it is full. */
export function fullInMs(bucket: Bucket, rate: Rate): number {
  const missing = Math.max(0, rate.burst * rate.windowMs - bucket.level);
  return missing === 0 ? 0 : rate.limit <= 0 ? rate.windowMs : Math.ceil(missing / rate.limit);
}
