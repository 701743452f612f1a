// One connection to Redis. Whatever state the server is in, a command is answered soon, if only
// with an error: ioredis by itself waits for ever on a frozen server, keeps commands for later
// while there is no connection, and sends again what may have been carried out already.

import { Redis } from 'ioredis';
import { Failure } from '../../core/failure.ts';
import { budgetsLimits } from '../../core/limits/budgets.ts';
import { connectionLimits } from '../../core/limits/connection.ts';

export interface RedisConnection extends AsyncDisposable {
  readonly client: Redis;
  /**
   * Resolves when the server answers; rejects with `unavailable` and the reason, once the first try
   * to connect has ended.
   */
  check(): Promise<void>;
}

/**
 * Starts connecting and returns; it need not succeed ever. `url`: `redis://` or `rediss://`; `ca`:
 * PEM of a private authority. Throws `invalid` when it is not one.
 */
export function openRedis(
  url: string,
  options: { readonly name?: string; readonly ca?: string | undefined } = {},
): RedisConnection {
  if (!/^rediss?:$/.test(URL.parse(url)?.protocol ?? ''))
    throw new Failure('invalid', 'not an address of a Redis server');
  if (options.ca !== undefined && !url.startsWith('rediss:'))
    throw new Failure(
      'invalid',
      'Redis has a private authority, but its address does not begin with rediss://',
    );
  const client = new Redis(url, {
    ...(options.ca === undefined ? {} : { tls: { ca: options.ca } }),
    connectionName: options.name ?? 'packetboat',
    // two of them fit into the time of one call: a script that the server has forgotten is sent
    // again
    commandTimeout: budgetsLimits.budgetCallMs / 2 - budgetsLimits.budgetCallMarginMs,
    enableOfflineQueue: false,
    autoResendUnfulfilledCommands: false,
    maxRetriesPerRequest: 0,
    retryStrategy: () => connectionLimits.reconnectMs,
    connectTimeout: connectionLimits.connectMs,
    socketTimeout: connectionLimits.redisSilentMs,
    // a server that is still loading answers with an error, which is as good
    enableReadyCheck: false,
    disableClientInfo: true,
    protocol: 2,
  });
  const firstTry = Promise.withResolvers<void>();
  for (const event of ['ready', 'error', 'close']) client.once(event, () => firstTry.resolve());
  let reason: unknown = null;
  // without a listener each failed attempt to connect is printed
  client.on('error', (error) => {
    reason = error;
  });
  return {
    client,
    async check() {
      await firstTry.promise;
      try {
        await client.ping();
      } catch (cause) {
        throw failureOf(client.status === 'ready' ? cause : (reason ?? cause));
      }
    },
    async [Symbol.asyncDispose]() {
      client.disconnect();
    },
  };
}

/** An error of Redis begins with its code; what follows is not ours to repeat. */
function failureOf(cause: unknown): Failure {
  const [code] =
    /^[A-Z]{3,32}(?= )/.exec(cause instanceof Error && cause.name === 'ReplyError' ? cause.message : '') ??
    [];
  return new Failure('unavailable', code === undefined ? 'Redis does not answer' : `Redis refused: ${code}`, {
    cause,
  });
}
