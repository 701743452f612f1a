// A connection to Redis on which every command ends soon, at worst with an error. With its
// defaults, ioredis waits for ever on a frozen server, queues commands while there is no
// connection, and repeats commands that the server may have executed.

import { Redis } from 'ioredis';
import { Failure } from '../../core/failure.ts';
import { budgetsLimits } from '../../core/limits/budgets.ts';
import { connectionLimits } from '../../core/limits/connection.ts';

export interface RedisConnection extends AsyncDisposable {
  readonly client: Redis;
  /**
   * Resolves if the server replies. Otherwise rejects with `Failure('unavailable')` and the reason,
   * once the first try to connect has ended.
   */
  check(): Promise<void>;
}

/**
 * Starts to connect and returns at once; connecting may never succeed. `url` starts with `redis://`
 * or `rediss://`; `ca` is the certificate of a private authority in PEM. Throws
 * `Failure('invalid')` if `url` is not such an address.
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
    // two commands fit into the timeout of one call: a script that the server has forgotten is sent
    // a second time
    commandTimeout: budgetsLimits.budgetCallMs / 2 - budgetsLimits.budgetCallMarginMs,
    enableOfflineQueue: false,
    autoResendUnfulfilledCommands: false,
    maxRetriesPerRequest: 0,
    retryStrategy: () => connectionLimits.reconnectMs,
    connectTimeout: connectionLimits.connectMs,
    socketTimeout: connectionLimits.redisSilentMs,
    // a server that is still loading replies with an error, which serves as well
    enableReadyCheck: false,
    disableClientInfo: true,
    protocol: 2,
  });
  const firstTry = Promise.withResolvers<void>();
  for (const event of ['ready', 'error', 'close']) client.once(event, () => firstTry.resolve());
  let reason: unknown = null;
  // without a listener ioredis prints each failed try to connect
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

/** Keeps the code at the start of an error of Redis, and drops the rest, which may contain data. */
function failureOf(cause: unknown): Failure {
  const [code] =
    /^[A-Z]{3,32}(?= )/.exec(cause instanceof Error && cause.name === 'ReplyError' ? cause.message : '') ??
    [];
  return new Failure('unavailable', code === undefined ? 'Redis does not reply' : `Redis refused: ${code}`, {
    cause,
  });
}
