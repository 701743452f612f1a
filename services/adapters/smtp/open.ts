// From a route to a connection that is ready for MAIL: dial, TLS, greeting, EHLO, AUTH.

import type { Socket } from 'node:net';
import type { Route } from '../../core/catalog/catalog.ts';
import type { Answer } from '../../core/delivery/reply.ts';
import type { Report } from '../../ports/transport.ts';
import { aborted, fault } from './answers.ts';
import { Connection } from './connection.ts';
import { faultOf } from './connection-faults.ts';
import { DialError, dial } from './dial.ts';
import type { SmtpSettings } from './settings.ts';
import { encrypt, isVerified } from './tls.ts';

export async function openConnection(route: Route, settings: SmtpSettings, signal: AbortSignal): Promise<Connection | Report> {
  if (route.credentials !== null && !isVerified(route)) {
    return neverConnected(route, fault('auth', 'auth', 'credentials need a route with tls StartTLS or Implicit'));
  }
  const opened = await tryOpen(route, settings, signal, true);
  const wasTls = !(opened instanceof Connection) && (opened.stage === 'starttls' || opened.stage === 'tls');
  // Opportunistic: a server that offers TLS and cannot do it still gets its mail.
  return wasTls && route.tls === 'Opportunistic' ? tryOpen(route, settings, signal, false) : opened;
}

async function tryOpen(route: Route, settings: SmtpSettings, signal: AbortSignal, withTls: boolean): Promise<Connection | Report> {
  const startedAt = performance.now();
  const socket = await connected(route, settings, signal);
  if ('kind' in socket) return neverConnected(route, socket);
  const connection = new Connection({ route, socket, settings, withTls, startedAt });
  const trouble = await connection.introduce(signal);
  if (trouble === null) return connection;
  connection.close();
  return connection.report(trouble);
}

async function connected(route: Route, { rules, limits }: SmtpSettings, signal: AbortSignal): Promise<Socket | Answer> {
  let socket: Socket | null = null;
  try {
    socket = await dial(route.host, route.port, rules, limits.smtpConnectMs, signal);
    return route.tls === 'Implicit' ? await encrypt(socket, route, limits.smtpGreetingMs, signal) : socket;
  } catch (error) {
    socket?.destroy();
    if (signal.aborted) return aborted('dial');
    if (error instanceof DialError) return fault('dial', error.reason, error.message);
    return fault('tls', 'tls', `no TLS: ${faultOf(error)}`);
  }
}

/** The report of a route that no connection came about on. */
export function neverConnected(route: Route, answer: Answer): Report {
  const timings = { open: null, envelope: null, body: null, dot: null };
  return { ...answer, host: route.host, source: null, tls: null, timings, transcript: null };
}
