// Token buckets that all processes share. One script call takes from many buckets, and a little
// ahead of need, so that most reservations cost nothing.
//
// What is reserved ahead counts as spent, and the bucket is made smaller by what all processes
// together may hold, so the promise of `limit + burst` in any window stands (P15). A lease lives
// one window: ended sooner, a slow caller's tokens would be thrown away and he would not get his
// limit.
//
// While Redis is lost, each process goes on with a bucket of its own: its part, among the processes
// last known, of what the shared one would now hold and of its rate. What it grants meanwhile it
// tells when Redis is back, and how full it believes the bucket to be in case that was forgotten.
// So together they stay within twice the limit, before, during and after. Only a budget smaller
// than the number of processes may be exceeded further: each of them always has one token.

import { randomBytes } from 'node:crypto';
import {
  type Bucket,
  fullBucket,
  fullInMs,
  nextTokenMs,
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
   * Programs that ask for the same budgets, for example `ingest`: these divide them among each
   * other while Redis is lost.
   */
  readonly group?: string;
  /**
   * Before all keys. In braces, so that a Redis Cluster keeps them on one server and a call may
   * name several.
   */
  readonly prefix?: string;
}

/** What this process knows of one budget. */
interface Account {
  /** With its figures as last asked for. */
  budget: Budget;
  /** Tokens reserved ahead, good until `leaseEnd`. */
  lease: number;
  leaseEnd: number;
  /** A call is under way that reserves ahead; another one need not. */
  isLeasing: boolean;
  /** The shared bucket as last seen, by the clock here. */
  shared: Bucket | null;
  /** Our part of it, while Redis is lost. */
  own: Bucket | null;
  /** Tokens granted out of `own` and not told yet. */
  debt: number;
}

/** One ask on its way to an answer. */
interface Claim {
  readonly budget: Budget;
  readonly account: Account;
  readonly tokens: number;
  granted: number;
  /**
   * The bucket after it, what is reserved ahead put back in, and how it fills; null as long as
   * nothing decided.
   */
  by: { readonly bucket: Bucket; readonly rate: Rate } | null;
}

/** All claims of one call on one budget, as they go to Redis. */
interface Call {
  readonly account: Account;
  readonly claims: readonly Claim[];
  readonly rate: Rate;
  readonly wanted: number;
  /** How much of it is for later. */
  readonly ahead: number;
  readonly debt: number;
  /** The level to begin with if Redis has forgotten the bucket. */
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
  /** The least recently used first. */
  readonly #accounts = new Map<string, Account>();
  readonly #closing = new AbortController();
  readonly #firstUp = Promise.withResolvers<void>();
  readonly #beat = (): void => void this.#sayAlive();
  readonly #beating: Promise<void>;
  /**
   * Whether Redis answered last time. Only the heartbeat finds out that it is back, so that no
   * caller pays for asking.
   */
  #isUp = false;
  #processes = 1;
  /** Pending until Redis has answered for the first time, or has had its time to. */
  #starting: Promise<void> | null;

  /** The connection stays its owner's. */
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

  /** Living programs of the group, as last known. */
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

  /** False when Redis is lost; then no claim has changed. */
  async #useShared(claims: readonly Claim[]): Promise<boolean> {
    if (!this.#isUp) return false;
    const calls = [...Map.groupBy(claims, (claim) => claim.account)].map(([account, of]) =>
      this.#prepare(account, of),
    );
    try {
      const keys = calls.map(
        ({ account: { budget } }) => `${this.#prefix}:${budget.windowMs}:${budget.name}`,
      );
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
    // with the larger of its figures, a budget whose burst is above its limit would be exceeded by
    // that much each time Redis is lost
    const most = Math.min(budget.burst, budget.limit);
    const rate = {
      limit: budget.limit / this.#processes,
      windowMs: budget.windowMs,
      burst: Math.max(1, most / this.#processes),
    };
    if (account.own === null) {
      const whole =
        account.shared === null
          ? most * budget.windowMs
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
    if (by === null) throw new Error('a claim that nothing decided');
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

  #accountOf(budget: Budget): Account {
    // a level counts in parts of the window
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

/** What Redis granted goes to the claims in their order; the rest is the lease. */
function applyGrant({ account, claims, rate }: Call, granted: number, levelLeft: number, now: number): void {
  const at = Math.floor(now);
  let left = granted;
  for (const claim of claims) {
    const mine = Math.min(claim.tokens - claim.granted, left);
    claim.granted += mine;
    left -= mine;
    // as it would stand had nobody asked after this claim
    claim.by = { bucket: { level: levelLeft + (left + account.lease) * rate.windowMs, at }, rate };
  }
  account.shared = { level: levelLeft, at };
  account.own = null;
  if (left === 0) return;
  account.lease += left;
  account.leaseEnd = now + rate.windowMs;
}
