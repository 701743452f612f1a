// How many connections one address may have open; an IPv6 /64 counts as one address, since one
// client is usually given all of it. Further connections are answered 503, as long as few enough
// wait for that answer, and closed; the operator sees a metric and a line in the log.

import type { Socket } from 'node:net';
import { doorLimits } from '../../services/core/limits/door.ts';
import { addressBlock } from '../../services/core/network/address-block.ts';

export interface ConnectionLimitOptions {
  readonly perAddress: number;
  /** Connections of proxies are not limited, since they carry the requests of many callers. */
  readonly isProxy: (address: string) => boolean;
  readonly metrics: { connectionRefused(answer: '503' | 'none'): void };
  readonly log: { warn(fields: object, message: string): void };
}

export class ConnectionLimit implements Disposable {
  readonly #options: ConnectionLimitOptions;
  readonly #open = new Map<string, number>();
  /** Connections that get a 503 once their request has arrived. */
  readonly #refused = new Set<Socket>();
  #unlogged = 0;
  #logging: NodeJS.Timeout | null = null;

  constructor(options: ConnectionLimitOptions) {
    this.#options = options;
  }

  /** Of each new connection. */
  take(socket: Socket): void {
    const { remoteAddress = '' } = socket;
    const address = addressBlock(remoteAddress);
    if (address === null || this.#options.isProxy(remoteAddress)) return;
    const count = (this.#open.get(address) ?? 0) + 1;
    if (count > this.#options.perAddress) {
      this.#refuse(socket);
      return;
    }
    this.#open.set(address, count);
    socket.once('close', () => {
      const left = (this.#open.get(address) ?? 1) - 1;
      if (left > 0) this.#open.set(address, left);
      else this.#open.delete(address);
    });
  }

  isRefused(socket: Socket): boolean {
    return this.#refused.has(socket);
  }

  [Symbol.dispose](): void {
    if (this.#logging !== null) clearTimeout(this.#logging);
  }

  #refuse(socket: Socket): void {
    const isAnswered = this.#refused.size < doorLimits.refusedConnectionsMax;
    this.#options.metrics.connectionRefused(isAnswered ? '503' : 'none');
    this.#unlogged++;
    if (this.#logging === null) this.#tell();
    if (!isAnswered) {
      socket.destroy();
      return;
    }
    this.#refused.add(socket);
    const timer = setTimeout(() => socket.destroy(), doorLimits.refusedConnectionMs);
    socket.once('close', () => {
      clearTimeout(timer);
      this.#refused.delete(socket);
    });
  }

  /** One line now, and one a minute for what comes after it. */
  #tell(): void {
    const { log, perAddress } = this.#options;
    log.warn(
      { connections: this.#unlogged, perAddress },
      'connections were refused: one address has as many connections as PACKETBOAT_CONNECTIONS_PER_ADDRESS allows',
    );
    this.#unlogged = 0;
    this.#logging = setTimeout(() => {
      this.#logging = null;
      if (this.#unlogged > 0) this.#tell();
    }, doorLimits.refusedConnectionsLogEveryMs).unref();
  }
}
