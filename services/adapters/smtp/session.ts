// A turn on a route: one transaction after the other, each on the current connection or on a new
// one.

import assert from 'node:assert';
import type { Route } from '../../core/catalog/catalog.ts';
import type { Report, Session, Transaction } from '../../ports/transport.ts';
import { Connection, type Sent } from './connection.ts';
import type { ConnectionPool, Turn } from './connection-pool.ts';
import { openConnection } from './open-route.ts';
import type { SmtpSettings } from './settings.ts';

export class SmtpSession implements Session {
  readonly kind = 'session';
  readonly #route: Route;
  readonly #settings: SmtpSettings;
  readonly #connections: ConnectionPool;
  readonly #turn: Turn;
  #connection: Connection | null;

  constructor(from: {
    route: Route;
    settings: SmtpSettings;
    connections: ConnectionPool;
    turn: Turn;
    connection: Connection;
  }) {
    this.#route = from.route;
    this.#settings = from.settings;
    this.#connections = from.connections;
    this.#turn = from.turn;
    this.#connection = from.connection;
  }

  async send(transaction: Transaction): Promise<Report> {
    // The parser of addresses refuses control characters. With one, an address could add commands.
    for (const address of [transaction.mailFrom ?? '', transaction.rcptTo])
      assert(!/\p{Cc}/u.test(address), 'an address holds a control character');

    const atHand = this.#connection;
    if (atHand?.isAlive) {
      const sent = await this.#sendOver(atHand, transaction);
      if (!sent.isWornOut) return sent.report;
    }
    const opened = await openConnection(this.#route, this.#settings, transaction.signal);
    return opened instanceof Connection ? (await this.#sendOver(opened, transaction)).report : opened;
  }

  async #sendOver(connection: Connection, transaction: Transaction): Promise<Sent> {
    this.#connection = connection;
    const sent = await connection.send(transaction);
    if (connection.isAlive && connection.served >= this.#settings.limits.messagesPerConnectionMax) {
      this.#connection = null;
      this.#connections.retire(connection);
    }
    return sent;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#turn.end(this.#connection);
    this.#connection = null;
  }
}
