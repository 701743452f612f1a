// Translates a route's TLS policy into options of nodemailer and node:tls. `StartTLS` and
// `Implicit` verify chain and name. `Opportunistic` accepts any certificate, because the
// alternative is no encryption (RFC 7435).

import { once } from 'node:events';
import { isIP, type Socket } from 'node:net';
import { type ConnectionOptions, connect, TLSSocket } from 'node:tls';
import type { Route } from '../../core/catalog/catalog.ts';
import type { TlsUsed } from '../../ports/transport.ts';

export const isVerified = (route: Route): boolean => route.tls === 'StartTLS' || route.tls === 'Implicit';

/** `encrypt: false`: stay in the clear, because an `Opportunistic` handshake has failed. */
export function startTlsOptions(route: Route, encrypt: boolean) {
  return {
    // Without requireTLS nobody would notice that a middleman removed STARTTLS from the offers.
    requireTLS: route.tls === 'StartTLS',
    ignoreTLS: !encrypt || route.tls === 'None' || route.tls === 'Implicit',
    opportunisticTLS: route.tls === 'Opportunistic',
    tls: certificateRules(route),
  };
}

/**
 * The handshake of `Implicit`, before SMTP starts. Rejects with the TLS error; the caller closes
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
  secured.on('error', () => {}); // an error after the handshake was aborted must not end the process
  await once(secured, 'secureConnect', { signal: AbortSignal.any([signal, AbortSignal.timeout(timeoutMs)]) });
  return secured;
}

/** The TLS of this socket; null when it is in the clear. */
export function tlsOf(socket: unknown): TlsUsed | null {
  const version = socket instanceof TLSSocket ? socket.getProtocol() : null;
  return socket instanceof TLSSocket && version !== null ? { version, verified: socket.authorized } : null;
}

function certificateRules(route: Route): ConnectionOptions {
  return { rejectUnauthorized: isVerified(route), ...(route.ca === null ? {} : { ca: route.ca }) };
}
