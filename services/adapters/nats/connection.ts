// One connection to NATS for all that a program does with it. It is made anew whenever it is lost,
// for ever, as a fresh connection: the client's own reconnecting keeps what is published meanwhile
// in memory, without bound, and sends it late. Here, what is lost is lost at once, and the store
// knows better.

import { setTimeout as sleep } from 'node:timers/promises';
import { type ConnectionOptions, connect, type NatsConnection } from 'nats';
import { Failure } from '../../core/failure.ts';
import { connectionLimits } from '../../core/limits/connection.ts';

export interface Nats extends AsyncDisposable {
  /** The connection of now; throws `unavailable` while there is none. */
  connection(): NatsConnection;
  /**
   * Calls back with each connection made, the present one too, until disposed. What is subscribed
   * to goes with the connection.
   */
  onConnection(listener: (connection: NatsConnection) => void): Disposable;
  /** Resolves when the first try to connect has ended, whichever way. */
  readonly tried: Promise<void>;
  /** Resolves when the server answers; rejects with the reason, once the first try has ended. */
  check(): Promise<void>;
}

/**
 * Starts connecting and returns; it need not succeed ever. `url`: one address or several with
 * commas between, `nats://` or `tls://`, with `user:password@` or `token@`; `ca`: PEM of a private
 * authority. Throws `invalid` when it cannot be read.
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
        // what was acked last should still reach a server that answers
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
      throw new Failure('unavailable', `NATS gave no answer in ${ms} ms`);
    });
    return await Promise.race([promise, late]);
  } finally {
    timer.abort();
  }
}

/** The client reads no credentials out of addresses. */
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
    maxPingOut: 2,
    // they cost a stack trace a request
    noAsyncTraces: true,
  };
}
