// Translates a route's TLS policy for nodemailer and node:tls. `StartTLS` and `Implicit` verify
// chain and name; `Opportunistic` accepts any certificate, because the alternative is no encryption
// at all (RFC 7435).

import { once } from 'node:events';
import { isIP, type Socket } from 'node:net';
import { type ConnectionOptions, connect, TLSSocket } from 'node:tls';
import type { Route } from '../../core/catalog/catalog.ts';
import type { TlsUsed } from '../../ports/transport.ts';

export const isVerified = (route: Route): boolean => route.tls === 'StartTLS' || route.tls === 'Implicit';

/**
 * `encrypt: false` says to stay in the clear after all: an `Opportunistic` handshake has failed.
 */
export function startTlsOptions(route: Route, encrypt: boolean) {
  return {
    // Without requireTLS a stripped STARTTLS would go unnoticed.
    requireTLS: route.tls === 'StartTLS',
    ignoreTLS: !encrypt || route.tls === 'None' || route.tls === 'Implicit',
    opportunisticTLS: route.tls === 'Opportunistic',
    tls: certificateRules(route),
  };
}

/**
 * The handshake of `Implicit`, before a word of SMTP. Rejects with the TLS error; the caller closes
 * the socket.
 */
export async function encrypt(
  socket: Socket,
  route: Route,
  timeoutMs: number,
  signal: AbortSignal,
): Promise<TLSSocket> {
  const servername = isIP(route.host) === 0 ? { servername: route.host } : {};
  const secured = connect({ socket, host: route.host, ...servername, ...certificateRules(route) });
  secured.on('error', () => {}); // an error after the handshake was given up has no reader
  await once(secured, 'secureConnect', { signal: AbortSignal.any([signal, AbortSignal.timeout(timeoutMs)]) });
  return secured;
}

/** What protects this socket; null when it is in the clear. */
export function tlsOf(socket: unknown): TlsUsed | null {
  const version = socket instanceof TLSSocket ? socket.getProtocol() : null;
  return socket instanceof TLSSocket && version !== null ? { version, verified: socket.authorized } : null;
}

function certificateRules(route: Route): ConnectionOptions {
  return { rejectUnauthorized: isVerified(route), ...(route.ca === null ? {} : { ca: route.ca }) };
}
