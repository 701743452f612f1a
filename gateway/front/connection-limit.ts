// Limits the open connections of one address. An IPv6 /64 counts as one address, since one client
// usually has a whole /64. Further connections get 503 and are closed; if too many connections
// already wait for their 503, they are closed at once. A metric and a log line report them.

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
  /** Connections that get 503 as soon as their request has arrived. */
  readonly #refused = new Set<Socket>();
  #unlogged = 0;
  #logging: NodeJS.Timeout | null = null;

  constructor(options: ConnectionLimitOptions) {
    this.#options = options;
  }

  /** Called for each new connection. */
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

  /** Logs one line now, and one line a minute for later refusals. */
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
