// Token buckets that all processes share. One script call takes tokens from many buckets, and
// reserves some ahead, so that most reservations need no call.
//
// Tokens reserved ahead count as spent, and the bucket is smaller by what all processes together
// may hold, so the promise of `limit + burst` in any window holds (P15). A lease (tokens reserved
// ahead) lasts one window: a shorter lease would discard the tokens of a slow caller, which would
// then not reach its limit.
//
// While Redis is lost, each process uses a bucket of its own. The bucket starts with this process's
// part of the shared level and fills at its part of the rate, divided among the processes last
// known. When Redis is back, the process reports the tokens that it granted meanwhile, and the
// level that it believes right in case Redis has forgotten the bucket. So all processes together
// stay within twice the limit before, during and after. Only a budget with fewer tokens than
// processes may be exceeded further, because each process always has one token.

import { randomBytes } from 'node:crypto';
import {
  type Bucket,
  fullBucket,
  fullInMs,
  nextTokenMs,
  putBack,
  type Rate,
  refill,
  take,
  tokensIn,
} from '../../core/delivery/pacing/bucket.ts';
import { budgetsLimits } from '../../core/limits/budgets.ts';
import type { Budget, Budgets, Reservation } from '../../ports/budgets.ts';
import type { Clock } from '../../ports/clock.ts';
import type { RedisConnection } from './connection.ts';
import { Script } from './script.ts';

interface BudgetsOptions {
  readonly clock: Clock;
  /**
   * The group of programs that share the budgets, for example `ingest`. While Redis is lost, the
   * programs of a group divide the budgets among each other.
   */
  readonly group?: string;
  /**
   * Prefix of all keys. It is written in braces, so that a Redis Cluster keeps all keys on one
   * server and a call may name several.
   */
  readonly prefix?: string;
}

/** The state of one budget in this process. */
interface Account {
  /** The budget with the figures of its last request. */
  budget: Budget;
  /** Tokens reserved ahead, valid until `leaseEnd`. */
  lease: number;
  leaseEnd: number;
  /** True while a call that reserves ahead is in flight; other calls then reserve nothing ahead. */
  isLeasing: boolean;
  /** The shared bucket at the last reply, by this process's clock. */
  shared: Bucket | null;
  /** This process's own bucket, while Redis is lost. */
  own: Bucket | null;
  /** Tokens granted from `own` and not reported to Redis yet. */
  debt: number;
}

/** One request for tokens until its reply. */
interface Claim {
  readonly budget: Budget;
  readonly account: Account;
  readonly tokens: number;
  granted: number;
  /**
   * The bucket after the claim, tokens reserved ahead included, and its rate; null until the claim
   * is decided.
   */
  by: { readonly bucket: Bucket; readonly rate: Rate } | null;
}

/** All claims of one `reserve` on one budget, as Redis gets them. */
interface Call {
  readonly account: Account;
  readonly claims: readonly Claim[];
  readonly rate: Rate;
  readonly wanted: number;
  /** How many of the wanted tokens are reserved ahead. */
  readonly ahead: number;
  readonly debt: number;
  /** The level to start with if Redis has forgotten the bucket. */
  readonly start: number;
}

export class RedisBudgets implements Budgets {
  readonly #redis: RedisConnection;
  readonly #clock: Clock;
  readonly #prefix: string;
  readonly #group: string;
  readonly #id = randomBytes(12).toString('hex');
  readonly #reserveScript = new Script('./reserve.lua');
  readonly #heartbeatScript = new Script('./heartbeat.lua');
  /** Least recently used first. */
  readonly #accounts = new Map<string, Account>();
  readonly #closing = new AbortController();
  readonly #firstUp = Promise.withResolvers<void>();
  readonly #beat = (): void => void this.#sayAlive();
  readonly #beating: Promise<void>;
  /**
   * Whether Redis replied to the last call. Only the heartbeat detects that Redis is back, so that
   * no caller waits for a lost server.
   */
  #isUp = false;
  #processes = 1;
  /** Pending until the first reply of Redis or half the time of a call; then null. */
  #starting: Promise<void> | null;

  /** The caller owns the connection. */
  constructor(redis: RedisConnection, options: BudgetsOptions) {
    this.#redis = redis;
    this.#clock = options.clock;
    this.#prefix = `{${options.prefix ?? 'packetboat'}}`;
    this.#group = `${this.#prefix}:processes:${options.group ?? 'all'}`;
    this.#starting = Promise.race([
      this.#firstUp.promise,
      this.#clock.sleep(budgetsLimits.budgetCallMs / 2),
    ]).then(() => {
      this.#starting = null;
    });
    redis.client.on('ready', this.#beat);
    this.#beating = this.#keepBeating();
  }

  async reserve(
    asks: readonly { readonly budget: Budget; readonly tokens: number }[],
  ): Promise<readonly Reservation[]> {
    if (this.#starting !== null) await this.#starting;
    const claims = asks.map(({ budget, tokens }) => this.#useLease(budget, tokens));
    const open = claims.filter((claim) => claim.by === null);
    if (open.length > 0 && !(await this.#useShared(open))) for (const claim of open) this.#useOwn(claim);
    return claims.map((claim) => this.#answer(claim));
  }

  async putBack(budget: Budget, tokens: number): Promise<void> {
    const account = this.#accountOf(budget);
    if (account.own === null && this.#isUp) {
      const rate = this.#sharedRate(budget);
      const start = refill(account.shared ?? fullBucket(rate, 0), rate, this.#clock.monotonic()).level;
      const call = [-tokens, rate.limit, rate.windowMs, rate.burst, start, 0];
      try {
        await this.#reserveScript.run(this.#redis.client, [this.#keyOf(budget)], call);
        return;
      } catch {
        this.#isUp = false;
      }
    }
    // Tokens from a bucket of this process were not reported yet; from Redis they are lost with it.
    const now = this.#clock.monotonic();
    const fromOwn = Math.min(tokens, account.debt);
    account.debt -= fromOwn;
    if (account.own !== null) account.own = putBack(account.own, this.#ownRate(budget), fromOwn, now);
  }

  /**
   * The number of living programs in the group, as of the last heartbeat. Tests wait until each
   * program counts the others.
   */
  get processes(): number {
    return this.#processes;
  }

  check(): Promise<void> {
    return this.#redis.check();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#closing.abort();
    this.#redis.client.off('ready', this.#beat);
    await this.#beating;
    await this.#redis.client.zrem(this.#group, this.#id).catch(() => {});
  }

  #useLease(budget: Budget, tokens: number): Claim {
    const account = this.#accountOf(budget);
    const now = this.#clock.monotonic();
    if (now >= account.leaseEnd) account.lease = 0;
    const granted = Math.min(tokens, account.lease);
    account.lease -= granted;
    if (granted < tokens || account.shared === null) return { budget, account, tokens, granted, by: null };
    const rate = this.#sharedRate(budget);
    const { level, at } = refill(account.shared, rate, now);
    return {
      budget,
      account,
      tokens,
      granted,
      by: { bucket: { level: level + account.lease * rate.windowMs, at }, rate },
    };
  }

  /**
   * Decides the claims by the shared buckets. False if Redis is lost; the claims are then
   * unchanged.
   */
  async #useShared(claims: readonly Claim[]): Promise<boolean> {
    if (!this.#isUp) return false;
    const calls = [...Map.groupBy(claims, (claim) => claim.account)].map(([account, of]) =>
      this.#prepare(account, of),
    );
    try {
      const keys = calls.map(({ account: { budget } }) => this.#keyOf(budget));
      const answer = (await this.#reserveScript.run(
        this.#redis.client,
        keys,
        calls.flatMap(toArguments),
      )) as number[];
      const now = this.#clock.monotonic();
      for (const [i, call] of calls.entries())
        applyGrant(call, answer[2 * i] ?? 0, answer[2 * i + 1] ?? 0, now);
      return true;
    } catch {
      this.#isUp = false;
      for (const { account, debt } of calls) account.debt += debt;
      return false;
    } finally {
      for (const { account, ahead } of calls) if (ahead > 0) account.isLeasing = false;
    }
  }

  #prepare(account: Account, claims: readonly Claim[]): Call {
    const now = this.#clock.monotonic();
    const { budget, debt } = account;
    const rate = this.#sharedRate(budget);
    const missing = claims.reduce((sum, { tokens, granted }) => sum + tokens - granted, 0);
    const ahead = account.isLeasing || missing === 0 ? 0 : Math.max(0, this.#aheadOf(budget) - account.lease);
    account.debt = 0;
    if (ahead > 0) account.isLeasing = true;
    const start = refill(account.shared ?? fullBucket(rate, now), rate, now).level;
    return { account, claims, rate, wanted: missing + ahead, ahead, debt, start };
  }

  #useOwn(claim: Claim): void {
    const { budget, account } = claim;
    const now = this.#clock.monotonic();
    const rate = this.#ownRate(budget);
    if (account.own === null) {
      const whole =
        account.shared === null
          ? Math.min(budget.burst, budget.limit) * budget.windowMs
          : refill(account.shared, this.#sharedRate(budget), now).level;
      account.own = { level: whole / this.#processes, at: Math.floor(now) };
    }
    const { granted, bucket } = take(account.own, rate, claim.tokens - claim.granted, now);
    account.own = bucket;
    account.debt += granted;
    claim.granted += granted;
    claim.by = { bucket, rate };
  }

  #answer({ budget, tokens, granted, by }: Claim): Reservation {
    if (by === null) throw new Error('a claim is not decided');
    return {
      granted,
      waitMs: granted === tokens ? 0 : nextTokenMs(by.bucket, by.rate),
      limit: budget.limit,
      remaining: tokensIn(by.bucket, by.rate),
      resetAt: this.#clock.now() + fullInMs(by.bucket, by.rate),
    };
  }

  #aheadOf({ limit, burst }: Budget): number {
    return Math.min(
      budgetsLimits.budgetLeaseTokens,
      Math.floor((Math.min(limit, burst) * budgetsLimits.budgetLeaseShare) / this.#processes),
    );
  }

  #sharedRate(budget: Budget): Rate {
    return {
      limit: budget.limit,
      windowMs: budget.windowMs,
      burst: budget.burst - this.#aheadOf(budget) * this.#processes,
    };
  }

  /** Of a bucket of this process, while Redis is lost. */
  #ownRate({ limit, windowMs, burst }: Budget): Rate {
    // the smaller of limit and burst: a burst above the limit would be granted again each time
    // Redis is lost
    const most = Math.min(burst, limit);
    return { limit: limit / this.#processes, windowMs, burst: Math.max(1, most / this.#processes) };
  }

  #keyOf({ windowMs, name }: Budget): string {
    return `${this.#prefix}:${windowMs}:${name}`;
  }

  #accountOf(budget: Budget): Account {
    // the window is part of the key, because levels count in parts of a window
    const key = `${budget.windowMs}:${budget.name}`;
    const account = this.#accounts.get(key) ?? {
      budget,
      lease: 0,
      leaseEnd: 0,
      isLeasing: false,
      shared: null,
      own: null,
      debt: 0,
    };
    account.budget = budget;
    this.#accounts.delete(key);
    this.#accounts.set(key, account);
    if (this.#accounts.size > budgetsLimits.budgetsMax) {
      const [oldest] = this.#accounts.keys();
      if (oldest !== undefined) this.#accounts.delete(oldest);
    }
    return account;
  }

  async #keepBeating(): Promise<void> {
    while (!this.#closing.signal.aborted) {
      await this.#sayAlive();
      await this.#clock.sleep(budgetsLimits.budgetHeartbeatMs, this.#closing.signal);
    }
  }

  async #sayAlive(): Promise<void> {
    try {
      const alive = await this.#heartbeatScript.run(
        this.#redis.client,
        [this.#group],
        [this.#id, budgetsLimits.budgetHeartbeatLostMs],
      );
      this.#processes = Math.max(1, Number(alive));
      this.#isUp = true;
      this.#firstUp.resolve();
    } catch {
      this.#isUp = false;
    }
  }
}

const toArguments = ({ wanted, rate, start, debt }: Call): number[] => [
  wanted,
  rate.limit,
  rate.windowMs,
  rate.burst,
  start,
  debt,
];

/** Gives the tokens that Redis granted to the claims in their order; the rest becomes the lease. */
function applyGrant({ account, claims, rate }: Call, granted: number, levelLeft: number, now: number): void {
  const at = Math.floor(now);
  let left = granted;
  for (const claim of claims) {
    const mine = Math.min(claim.tokens - claim.granted, left);
    claim.granted += mine;
    left -= mine;
    // the level as if no claim had followed this one
    claim.by = { bucket: { level: levelLeft + (left + account.lease) * rate.windowMs, at }, rate };
  }
  account.shared = { level: levelLeft, at };
  account.own = null;
  if (left === 0) return;
  account.lease += left;
  account.leaseEnd = now + rate.windowMs;
}
