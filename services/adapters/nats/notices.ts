// Notices as plain NATS messages without content, outside JetStream: only programs that are
// connected at the moment receive them.

import type { NatsConnection } from 'nats';
import type { Notices } from '../../ports/notices.ts';
import type { Nats } from './connection.ts';

export class NatsNotices implements Notices {
  readonly #nats: Nats;
  readonly #open = new Set<Disposable>();
  #isClosed = false;

  /** The caller owns the connection. */
  constructor(nats: Nats) {
    this.#nats = nats;
  }

  publish(subject: string): void {
    if (this.#isClosed) return;
    try {
      this.#nats.connection().publish(subject);
    } catch {
      // no connection: the notice is lost, and readers look by themselves
    }
  }

  subscribe(prefix: string, listener: (subject: string) => void): Disposable {
    let unsubscribe = (): void => {};
    const following = this.#nats.onConnection((connection) => {
      const subscription = listen(connection, `${prefix}.>`, listener);
      unsubscribe = () => subscription.unsubscribe();
    });
    const open: Disposable = {
      [Symbol.dispose]: () => {
        this.#open.delete(open);
        following[Symbol.dispose]();
        unsubscribe();
      },
    };
    this.#open.add(open);
    return open;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#isClosed = true;
    for (const open of this.#open) open[Symbol.dispose]();
  }
}

const listen = (connection: NatsConnection, subject: string, listener: (subject: string) => void) =>
  connection.subscribe(subject, {
    callback: (error, message) => {
      if (error === null) listener(message.subject);
    },
  });
