// A program's connection to NATS. A lost connection is replaced by a fresh one, for ever. The
// client's own reconnecting is off, because it buffers publishes without bound and sends them late.
// Here a publish without a connection fails at once, and the store makes up for it.

import { setTimeout as sleep } from 'node:timers/promises';
import { type ConnectionOptions, connect, type NatsConnection } from 'nats';
import { Failure } from '../../core/failure.ts';
import { connectionLimits } from '../../core/limits/connection.ts';

export interface Nats extends AsyncDisposable {
  /** The current connection. Throws `Failure('unavailable')` without one. */
  connection(): NatsConnection;
  /**
   * Calls `listener` with each connection, including the current one, until disposed. Subscriptions
   * end with their connection.
   */
  onConnection(listener: (connection: NatsConnection) => void): Disposable;
  /** Resolves when the first try to connect has succeeded or failed. */
  readonly tried: Promise<void>;
  /**
   * Resolves if the server replies. Otherwise rejects with the reason, once the first try to
   * connect has ended.
   */
  check(): Promise<void>;
}

/**
 * Starts to connect and returns at once; connecting may never succeed. `url` is one address or
 * several with commas between them, `nats://` or `tls://`, with `user:password@` or `token@`. `ca`
 * is the certificate of a private authority in PEM. Throws `Failure('invalid')` if an address
 * cannot be parsed.
 */
export function openNats(
  url: string,
  options: { readonly name?: string; readonly ca?: string | undefined } = {},
): Nats {
  const settings = settingsOf(url, options.name ?? 'packetboat', options.ca);
  const listeners = new Set<(connection: NatsConnection) => void>();
  const stop = new AbortController();
  let present: NatsConnection | null = null;
  let reason: unknown = null;
  const firstTry = Promise.withResolvers<void>();

  async function keepConnected(): Promise<void> {
    while (!stop.signal.aborted) {
      try {
        const connection = await connect(settings);
        if (stop.signal.aborted) return await connection.close();
        present = connection;
        for (const listener of listeners) listener(connection);
        firstTry.resolve();
        reason = await connection.closed();
      } catch (error) {
        reason = error;
      }
      present = null;
      firstTry.resolve();
      await sleep(connectionLimits.reconnectMs, undefined, { signal: stop.signal }).catch(() => {});
    }
  }
  const kept = keepConnected();

  function connection(): NatsConnection {
    if (present === null || present.isClosed())
      throw new Failure('unavailable', 'no connection to NATS', { cause: reason });
    return present;
  }

  return {
    connection,
    tried: firstTry.promise,
    onConnection(listener) {
      listeners.add(listener);
      if (present !== null && !present.isClosed()) listener(present);
      return { [Symbol.dispose]: () => void listeners.delete(listener) };
    },
    async check() {
      await firstTry.promise;
      await within(connectionLimits.natsCallMs, connection().flush());
    },
    async [Symbol.asyncDispose]() {
      stop.abort();
      if (present !== null) {
        // the last acks should reach the server
        await within(connectionLimits.natsCallMs, present.flush()).catch(() => {});
        await present.close();
      }
      await kept;
    },
  };
}

async function within<T>(ms: number, promise: Promise<T>): Promise<T> {
  const timer = new AbortController();
  try {
    const late = sleep(ms, undefined, { signal: timer.signal }).then(() => {
      throw new Failure('unavailable', `NATS did not reply within ${ms} ms`);
    });
    return await Promise.race([promise, late]);
  } finally {
    timer.abort();
  }
}

/** The client ignores credentials in addresses, so they are parsed here. */
function settingsOf(text: string, name: string, ca: string | undefined): ConnectionOptions {
  const urls = text.split(',').map((part) => {
    const url = URL.parse(part.trim());
    if (url === null || !/^(nats|tls):$/.test(url.protocol) || url.hostname === '')
      throw new Failure('invalid', 'not an address of a NATS server');
    return url;
  });
  const [first] = urls;
  if (ca !== undefined && first?.protocol !== 'tls:')
    throw new Failure('invalid', 'NATS has a private authority, but its address does not begin with tls://');
  const user = decodeURIComponent(first?.username ?? '');
  const pass = decodeURIComponent(first?.password ?? '');
  return {
    name,
    servers: urls.map((url) => url.host),
    ...(user === '' ? {} : pass === '' ? { token: user } : { user, pass }),
    ...(first?.protocol === 'tls:' ? { tls: ca === undefined ? {} : { ca } } : {}),
    reconnect: false,
    timeout: connectionLimits.connectMs,
    pingInterval: connectionLimits.natsPingMs,
    maxPingOut: connectionLimits.natsPingsLostMax,
    // each would cost a stack trace per request
    noAsyncTraces: true,
  };
}
