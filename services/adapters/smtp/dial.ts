// Opens a TCP connection to the host of a route, if its address is allowed (S7). Each dial resolves
// the name once, checks the addresses and connects to a checked address, so a name that changes
// between check and connection has no effect.

import { lookup } from 'node:dns/promises';
import { once } from 'node:events';
import { connect, isIP, type Socket } from 'node:net';
import { type Cidr, isDialable } from '../../core/network/dialable.ts';

/** Resolves to the addresses of a host name, best first. Rejects when it has none. */
export type Resolve = (host: string) => Promise<readonly string[]>;

export interface DialRules {
  /** Ranges that may be dialled although they are not public (`PACKETBOAT_ALLOW_CIDRS`). */
  readonly allowed: readonly Cidr[];
  /** The relay of `PACKETBOAT_RELAY`, which may always be dialled. */
  readonly operatorRelay: { readonly host: string; readonly port: number } | null;
  readonly resolve: Resolve;
}

export class DialError extends Error {
  readonly reason: 'dns' | 'address_refused' | 'connect';

  constructor(reason: 'dns' | 'address_refused' | 'connect', message: string, cause?: unknown) {
    super(message, { cause });
    this.name = 'DialError';
    this.reason = reason;
  }
}

/** The system's resolver, in its own order (RFC 6724). */
export const resolveBySystem: Resolve = async (host) =>
  (await lookup(host, { all: true })).map(({ address }) => address);

/**
 * Resolves to the addresses of the host that may be dialled, best first. The caller connects at
 * once: the next dial needs a new check. Rejects with `DialError` when there are none, or with the
 * signal's reason.
 */
export async function dialable(
  host: string,
  port: number,
  rules: DialRules,
  timeoutMs: number,
  signal: AbortSignal,
): Promise<readonly string[]> {
  const addresses = await addressesOf(host, rules.resolve, timeoutMs, signal);
  const isOperators = rules.operatorRelay?.host === host && rules.operatorRelay.port === port;
  const allowed = addresses.filter((address) => isOperators || isDialable(address, rules.allowed));
  if (allowed.length === 0) {
    throw new DialError(
      'address_refused',
      'the host has no public address, and PACKETBOAT_ALLOW_CIDRS does not allow those that it has',
    );
  }
  return allowed;
}

/**
 * Connects to an address from `dialable`. Rejects with `DialError`, or with the signal's reason.
 */
export async function connectTo(
  address: string,
  port: number,
  timeoutMs: number,
  signal: AbortSignal,
): Promise<Socket> {
  const socket = connect({ host: address, port });
  // Without a listener an error ends the process. The next owner of the socket adds its own.
  socket.on('error', () => {});
  try {
    await once(socket, 'connect', {
      signal: AbortSignal.any([signal, AbortSignal.timeout(Math.ceil(timeoutMs))]),
    });
    return socket;
  } catch (error) {
    socket.destroy();
    signal.throwIfAborted();
    throw new DialError('connect', `no connection: ${codeOf(error)}`, error);
  }
}

async function addressesOf(
  host: string,
  resolve: Resolve,
  timeoutMs: number,
  signal: AbortSignal,
): Promise<readonly string[]> {
  if (isIP(host) !== 0) return [host];
  const stop = AbortSignal.any([signal, AbortSignal.timeout(timeoutMs)]);
  const stopped = Promise.withResolvers<never>();
  const giveUp = (): void => stopped.reject(stop.reason);
  stop.addEventListener('abort', giveUp, { once: true });
  try {
    stop.throwIfAborted();
    // getaddrinfo cannot be cancelled; it ends by itself.
    return await Promise.race([resolve(host), stopped.promise]);
  } catch (error) {
    signal.throwIfAborted();
    throw new DialError('dns', `the host name does not resolve: ${codeOf(error)}`, error);
  } finally {
    stop.removeEventListener('abort', giveUp);
  }
}

/** A word without an address: `ECONNREFUSED`, `ENOTFOUND`, `TimeoutError`. */
function codeOf(error: unknown): string {
  if (!(error instanceof Error)) return 'unknown error';
  if ('cause' in error && error.cause instanceof Error && error.name === 'AbortError')
    return codeOf(error.cause);
  return 'code' in error && typeof error.code === 'string' ? error.code : error.name;
}
