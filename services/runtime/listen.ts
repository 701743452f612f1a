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
 * `setting`: the name of the variable that holds the address. Throws `Failure('invalid')` if the
 * server cannot listen on the address.
 */
export async function listen(server: Server, { host, port }: ListenAddress, setting: string): Promise<void> {
  try {
    await once(server.listen(port, host), 'listening');
  } catch (error) {
    throw cannotListen({ host, port }, setting, error);
  }
}

export function cannotListen({ host, port }: ListenAddress, setting: string, error: unknown): Failure {
  // gRPC's error has no code property; only its message contains the code
  const [code = 'unknown'] = /E[A-Z]{4,}/.exec(String(error)) ?? [];
  const reason =
    code === 'EADDRINUSE'
      ? 'another process uses the address'
      : code === 'EACCES'
        ? 'the system does not permit this'
        : `the system reports ${code}`;
  return new Failure(
    'invalid',
    `The program cannot listen on ${host}:${port}: ${reason}. Set ${setting} to another address.`,
    { cause: error },
  );
}
