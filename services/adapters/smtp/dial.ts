// Opens a TCP connection to a route's host, or refuses to: the connector of S7. Every address is
// judged at every dial, and the address that was judged is the one that is connected to, so a name
// that changes between the two gains nothing.

import { lookup } from 'node:dns/promises';
import { once } from 'node:events';
import { connect, isIP, type Socket } from 'node:net';
import { type Cidr, isDialable } from '../../core/network/dialable.ts';

/** Resolves a host name to its addresses, best first; rejects when there are none. */
export type Resolve = (host: string) => Promise<readonly string[]>;

export interface DialRules {
  /** Ranges that may be dialled although they are not public (`PACKETBOAT_ALLOW_CIDRS`). */
  readonly allowed: readonly Cidr[];
  /** The operator's own relay (`PACKETBOAT_RELAY`): always allowed. */
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
 * The host's addresses that may be dialled, best first. Each is to be used at once: a name is
 * judged at each dial. Throws `DialError` when there are none, or the signal's reason.
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

/** Connects to an address that `dialable` gave. Throws `DialError`, or the signal's reason. */
export async function connectTo(
  address: string,
  port: number,
  timeoutMs: number,
  signal: AbortSignal,
): Promise<Socket> {
  const socket = connect({ host: address, port });
  socket.on('error', () => {}); // the next owner adds its own listener; until then, and after giving up, an error has no reader
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
    // getaddrinfo cannot be cancelled; its result is ignored.
    return await Promise.race([resolve(host), stopped.promise]);
  } catch (error) {
    signal.throwIfAborted();
    throw new DialError('dns', `the host name does not resolve: ${codeOf(error)}`, error);
  } finally {
    stop.removeEventListener('abort', giveUp);
  }
}

/** `ECONNREFUSED`, `ENOTFOUND`, `TimeoutError`: words that hold no address. */
function codeOf(error: unknown): string {
  if (!(error instanceof Error)) return 'unknown error';
  if ('cause' in error && error.cause instanceof Error && error.name === 'AbortError')
    return codeOf(error.cause);
  return 'code' in error && typeof error.code === 'string' ? error.code : error.name;
}
