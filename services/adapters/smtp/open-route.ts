// Opens a connection that is ready for MAIL to the host of a route: dial, TLS, greeting, EHLO and
// AUTH, one address of the host after the other (RFC 5321 5.1).

import type { Socket } from 'node:net';
import type { Route } from '../../core/catalog/catalog.ts';
import type { Answer } from '../../core/delivery/reply.ts';
import { aborted, fault } from '../../core/smtp/answers.ts';
import { betterRefusal, isMechanismRefused, type Mechanism } from '../../core/smtp/login.ts';
import type { Report } from '../../ports/transport.ts';
import { Connection } from './connection.ts';
import { faultOf } from './connection-faults.ts';
import { connectTo, DialError, dialable } from './dial.ts';
import { Handshake } from './handshake.ts';
import type { SmtpSettings } from './settings.ts';
import { encrypt, isVerified } from './tls.ts';

/** An address to try. */
interface Try {
  readonly route: Route;
  readonly address: string;
  readonly settings: SmtpSettings;
  readonly connectMs: number;
  /** For each of greeting, EHLO and TLS. */
  readonly greetingMs: number;
  readonly signal: AbortSignal;
}

export async function openConnection(
  route: Route,
  settings: SmtpSettings,
  signal: AbortSignal,
): Promise<Connection | Report> {
  if (route.credentials !== null && !isVerified(route)) {
    return neverConnected(
      route,
      fault('auth', 'auth', 'credentials need a route with tls StartTLS or Implicit'),
    );
  }
  const { rules, limits } = settings;
  const startedAt = performance.now();
  let addresses: readonly string[];
  try {
    addresses = (await dialable(route.host, route.port, rules, limits.smtpConnectMs, signal)).slice(
      0,
      limits.smtpAddressesMax,
    );
  } catch (error) {
    return neverConnected(route, dialFailed(error, signal));
  }
  let connectMs = limits.smtpConnectMs - (performance.now() - startedAt);
  let report = neverConnected(route, aborted('dial'));
  for (const [i, address] of addresses.entries()) {
    const triedAt = performance.now();
    // Each address gets its share of the time that is left, so that a dead first address leaves
    // time for the others.
    const share = addresses.length - i;
    const opened = await tryAddress({
      route,
      address,
      settings,
      connectMs: Math.max(1, connectMs / share),
      greetingMs: limits.smtpGreetingMs / share,
      signal,
    });
    if (opened instanceof Connection) return opened;
    report = opened;
    if (signal.aborted || !isOfAddress(opened)) return opened;
    if (opened.stage === 'dial') connectMs -= performance.now() - triedAt;
  }
  return report;
}

/**
 * True when another address of the host may succeed. All addresses refuse the same login, and too
 * many tries lock the account.
 */
const isOfAddress = ({ stage }: Report): boolean => stage !== 'auth' && stage !== 'mail';

async function tryAddress(given: Try): Promise<Connection | Report> {
  const opened = await tryOpen(given, true);
  const wasTls = !(opened instanceof Connection) && (opened.stage === 'starttls' || opened.stage === 'tls');
  // Opportunistic: a server that offers TLS and fails at it gets its mail in the clear.
  return wasTls && given.route.tls === 'Opportunistic' ? tryOpen(given, false) : opened;
}

/** Where the server refuses the mechanism of a login, the next one is tried on a new connection. */
async function tryOpen(given: Try, withTls: boolean): Promise<Connection | Report> {
  const first = await openOnce(given, withTls, null);
  if (first instanceof Connection) return first;
  if (first.refused === null || given.signal.aborted) return first.report;
  const second = await openOnce(given, withTls, first.refused);
  return second instanceof Connection ? second : betterRefusal(first.report, second.report);
}

interface NotOpened {
  readonly report: Report;
  /** The mechanism that the server refused, when it offers another one; else null. */
  readonly refused: Mechanism | null;
}

async function openOnce(
  given: Try,
  withTls: boolean,
  refused: Mechanism | null,
): Promise<Connection | NotOpened> {
  const { route, settings, greetingMs, signal } = given;
  const startedAt = performance.now();
  const socket = await connected(given);
  if ('kind' in socket) return { report: neverConnected(route, socket), refused: null };
  const opening = new Handshake({ route, socket, settings, withTls });
  const opened = await opening.introduce(greetingMs, signal, refused);
  if (!('kind' in opened)) {
    const openMs = performance.now() - startedAt;
    return new Connection({ route, limits: settings.limits, opened, source: opening.source, openMs });
  }
  const { source, tls, tried, untried } = opening; // a closed socket no longer knows its protocol
  opening.close();
  const transcript = opening.transcript.toString();
  return {
    report: { ...neverConnected(route, opened), source, tls, transcript },
    refused: untried !== null && isMechanismRefused(opened) ? tried : null,
  };
}

async function connected({ route, address, connectMs, greetingMs, signal }: Try): Promise<Socket | Answer> {
  let socket: Socket | null = null;
  try {
    socket = await connectTo(address, route.port, connectMs, signal);
    return route.tls === 'Implicit' ? await encrypt(socket, route, greetingMs, signal) : socket;
  } catch (error) {
    socket?.destroy();
    return dialFailed(error, signal);
  }
}

function dialFailed(error: unknown, signal: AbortSignal): Answer {
  if (signal.aborted) return aborted('dial');
  if (error instanceof DialError) return fault('dial', error.reason, error.message);
  return fault('tls', 'tls', `no TLS: ${faultOf(error)}`);
}

/** The report of an attempt that never had a connection. */
export function neverConnected(route: Route, answer: Answer): Report {
  const timings = { open: null, envelope: null, body: null, dot: null };
  return { ...answer, host: route.host, source: null, tls: null, timings, transcript: null };
}
