// Notices as plain NATS messages without content: whoever listens at that moment hears them.
// JetStream has no part in it.

import type { NatsConnection } from 'nats';
import type { Notices } from '../../ports/notices.ts';
import type { Nats } from './connection.ts';

export class NatsNotices implements Notices {
  readonly #nats: Nats;
  readonly #open = new Set<Disposable>();
  #isClosed = false;

  /** The connection stays its owner's. */
  constructor(nats: Nats) {
    this.#nats = nats;
  }

  publish(subject: string): void {
    if (this.#isClosed) return;
    try {
      this.#nats.connection().publish(subject);
    } catch {
      // no connection: a hint is lost
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
