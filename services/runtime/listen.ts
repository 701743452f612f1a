// Listening, with an error that says which setting to change.

import { once } from 'node:events';
import type { Server } from 'node:net';
import { Failure } from '../core/failure.ts';

/** Where to listen. */
export interface ListenAddress {
  readonly host: string;
  /** 0: the system chooses a free port. */
  readonly port: number;
}

/**
 * `setting`: the variable that the address came from. Throws `Failure('invalid')` when it cannot be
 * had.
 */
export async function listen(server: Server, { host, port }: ListenAddress, setting: string): Promise<void> {
  try {
    await once(server.listen(port, host), 'listening');
  } catch (error) {
    throw cannotListen({ host, port }, setting, error);
  }
}

export function cannotListen({ host, port }: ListenAddress, setting: string, error: unknown): Failure {
  // gRPC's error has no code, only a message that holds it
  const [code = 'unknown'] = /E[A-Z]{4,}/.exec(String(error)) ?? [];
  const reason =
    code === 'EADDRINUSE'
      ? 'another process listens there'
      : code === 'EACCES'
        ? 'the system does not allow it'
        : `it cannot be listened on (${code})`;
  return new Failure(
    'invalid',
    `${host}:${port} cannot be used: ${reason}. Set ${setting} to another address.`,
    { cause: error },
  );
}
