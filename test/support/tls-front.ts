// TLS in front of a server that has none of its own here.

import { connect } from 'node:net';
import { createServer, type TLSSocket } from 'node:tls';
import type { Certificate } from './certificates.ts';

export interface TlsFront extends AsyncDisposable {
  /** On 127.0.0.1. */
  readonly port: number;
}

/** Passes on to 127.0.0.1:`port` whatever comes over TLS. */
export async function startTlsFront(port: number, certificate: Certificate): Promise<TlsFront> {
  const open = new Set<TLSSocket>();
  const server = createServer(certificate, (outer) => {
    const inner = connect(port, '127.0.0.1');
    open.add(outer);
    outer.on('close', () => {
      open.delete(outer);
      inner.destroy();
    });
    inner.on('close', () => outer.destroy());
    for (const socket of [outer, inner]) socket.on('error', () => socket.destroy());
    outer.pipe(inner).pipe(outer);
  });
  await new Promise<void>((listening) => server.listen(0, '127.0.0.1', listening));
  const address = server.address();
  return {
    port: typeof address === 'object' && address !== null ? address.port : 0,
    async [Symbol.asyncDispose]() {
      const closed = new Promise((resolve) => server.close(resolve));
      for (const socket of open) socket.destroy();
      await closed;
    },
  };
}
