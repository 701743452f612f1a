// Transport over SMTP (RFC 5321) to a relay.

import { hostname } from 'node:os';
import type { Route, RouteCredentials } from '../../core/catalog/catalog.ts';
import type { Cidr } from '../../core/network/dialable.ts';
import { aborted } from '../../core/smtp/answers.ts';
import type { Report, Session, Transport } from '../../ports/transport.ts';
import { Connection } from './connection.ts';
import { ConnectionPool, type Turn } from './connection-pool.ts';
import { type Resolve, resolveBySystem } from './dial.ts';
import { neverConnected, openConnection } from './open-route.ts';
import { SmtpSession } from './session.ts';
import { type SmtpLimits, type SmtpSettings, smtpLimits } from './settings.ts';

interface SmtpTransportOptions {
  /** Ranges that may be dialled although they are not public; see `parseCidr`. */
  readonly allowed: readonly Cidr[];
  /** The relay of `PACKETBOAT_RELAY`, which may always be dialled. */
  readonly operatorRelay: { readonly host: string; readonly port: number } | null;
  /** Our name in EHLO; the machine's host name when absent. */
  readonly ehloName?: string;
  /** How host names become addresses; the system's resolver when absent. */
  readonly resolve?: Resolve;
  /**
   * The credentials for a login that begins now, which may differ from those in the route; those in
   * the route when absent. Must not throw.
   */
  readonly credentialsOf?: (route: Route) => RouteCredentials | null;
  readonly limits?: Partial<SmtpLimits>;
}

export function createSmtpTransport(options: SmtpTransportOptions): Transport {
  const settings: SmtpSettings = {
    ehloName: options.ehloName ?? hostname(),
    rules: {
      allowed: options.allowed,
      operatorRelay: options.operatorRelay,
      resolve: options.resolve ?? resolveBySystem,
    },
    limits: { ...smtpLimits, ...options.limits },
    credentialsOf: options.credentialsOf ?? (({ credentials }) => credentials),
    accepted: new WeakMap(),
  };
  const connections = new ConnectionPool(settings.limits);

  return {
    async open(route: Route, { signal }): Promise<Session | Report> {
      let turn: Turn;
      try {
        turn = await connections.take(route, signal);
      } catch {
        return neverConnected(route, aborted('dial')); // `take` rejects only when the signal aborts
      }
      const connection = turn.kept ?? (await openConnection(route, settings, signal));
      if (connection instanceof Connection)
        return new SmtpSession({ route, settings, connections, turn, connection });
      turn.end(null);
      return connection;
    },
    [Symbol.asyncDispose]: () => connections[Symbol.asyncDispose](),
  };
}
