// A TCP proxy before MongoDB, for tests: while it is told to, it reports a failed write concern in
// each reply to a write, as a server does when no majority confirms the write in time. The write
// itself has happened.

import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Socket } from 'node:net';
import { BSON, type Document } from 'mongodb';

const OP_MSG = 2_013;
const HEADER_BYTES = 16;
/** The flags of OP_MSG, and the kind of its first section. */
const PREFIX_BYTES = HEADER_BYTES + 5;
const WRITES = new Set(['insert', 'update', 'delete', 'findAndModify']);
const FAILED = { code: 64, codeName: 'WriteConcernFailed', errmsg: 'waiting for replication timed out' };

export interface WriteConcernFront extends AsyncDisposable {
  /** The server's URL with the proxy's address. */
  readonly url: string;
  isFailing: boolean;
  /** The replies that were changed. */
  readonly failed: number;
}

export async function startWriteConcernFront(serverUrl: string): Promise<WriteConcernFront> {
  const target = Number(new URL(serverUrl).port);
  const sockets = new Set<Socket>();
  const front = { isFailing: false, failed: 0 };
  const server = createServer((client) => {
    const upstream = connect(target, '127.0.0.1');
    const writes = new Set<number>();
    for (const socket of [client, upstream]) {
      sockets.add(socket);
      socket.on('error', () => {});
      socket.on('close', () => {
        sockets.delete(socket);
        client.destroy();
        upstream.destroy();
      });
    }
    eachMessage(client, (message) => {
      if (WRITES.has(Object.keys(documentOf(message) ?? {})[0] ?? '')) writes.add(message.readInt32LE(4));
      upstream.write(message);
    });
    eachMessage(upstream, (message) => {
      const isReplyToWrite = writes.delete(message.readInt32LE(8));
      const reply = documentOf(message);
      if (!isReplyToWrite || !front.isFailing || reply === null) return client.write(message);
      front.failed++;
      return client.write(withDocument(message, { ...reply, writeConcernError: FAILED }));
    });
  });
  await once(server.listen(0, '127.0.0.1'), 'listening');
  const { port } = server.address() as AddressInfo;
  return Object.assign(front, {
    url: serverUrl.replace(/:\d+/, `:${port}`),
    async [Symbol.asyncDispose]() {
      for (const socket of sockets) socket.destroy();
      await new Promise((resolve) => server.close(resolve));
    },
  });
}

/** Calls `handle` with each whole message of the wire protocol. */
function eachMessage(socket: Socket, handle: (message: Buffer) => void): void {
  let pending: Buffer = Buffer.alloc(0);
  socket.on('data', (chunk: Buffer) => {
    pending = Buffer.concat([pending, chunk]);
    while (pending.length >= HEADER_BYTES && pending.length >= pending.readInt32LE(0)) {
      const size = pending.readInt32LE(0);
      handle(pending.subarray(0, size));
      pending = pending.subarray(size);
    }
  });
}

/** Null for the messages of older forms, which open a connection. */
function documentOf(message: Buffer): Document | null {
  if (message.readInt32LE(12) !== OP_MSG) return null;
  const size = message.readInt32LE(PREFIX_BYTES);
  return BSON.deserialize(message.subarray(PREFIX_BYTES, PREFIX_BYTES + size), { promoteValues: false });
}

function withDocument(message: Buffer, document: Document): Buffer {
  const changed = Buffer.concat([message.subarray(0, PREFIX_BYTES), BSON.serialize(document)]);
  changed.writeInt32LE(changed.length, 0);
  return changed;
}
