// Serves gRPC: our services, the standard health service and reflection, with the limits and
// keepalives of `core/limits`.

import { readFile } from 'node:fs/promises';
import {
  experimental,
  type Server as GrpcServer,
  logVerbosity,
  Server,
  ServerCredentials,
  type ServiceDefinition,
  setLogVerbosity,
  type UntypedServiceImplementation,
} from '@grpc/grpc-js';
import { ReflectionService } from '@grpc/reflection';
import { HealthImplementation } from 'grpc-health-check';
import protobuf from 'protobufjs';
import { ingestLimits } from '../core/limits/ingest.ts';
import { runningLimits } from '../core/limits/running.ts';
import type { Health } from './health.ts';
import { cannotListen, type ListenAddress } from './listen.ts';
import type { TlsIdentity } from './tls.ts';

/**
 * Reads the FileDescriptorSet of all proto files, which `make proto` generates. Reflection serves
 * only the public files.
 */
export const readDescriptors = (): Promise<Uint8Array> =>
  readFile(new URL('../../proto/gen/descriptors.binpb', import.meta.url));

export interface GrpcService {
  readonly definition: ServiceDefinition;
  readonly implementation: UntypedServiceImplementation;
}

export interface GrpcServing extends AsyncDisposable {
  readonly port: number;
}

interface GrpcServerOptions {
  readonly services: readonly GrpcService[];
  readonly health: Health;
  readonly descriptors: Uint8Array;
  /** Only callers with a certificate of its authority can connect. Null: no encryption. */
  readonly tls?: TlsIdentity | null;
}

/**
 * Resolves once the server listens. Disposing stops accepting calls, waits up to
 * `runningLimits.drainMs` for calls in progress, and then cancels them. Throws `Failure('invalid')`
 * if the server cannot listen on the address.
 */
export async function serveGrpc(
  address: ListenAddress,
  { services, health, descriptors, tls = null }: GrpcServerOptions,
): Promise<GrpcServing> {
  // the library would log invalid metadata verbatim to standard error, API keys included; callers
  // receive their errors all the same
  setLogVerbosity(logVerbosity.NONE);
  const server = new Server({
    'grpc.max_receive_message_length': ingestLimits.grpcMessageBytesMax,
    'grpc.max_send_message_length': ingestLimits.grpcMessageBytesMax,
    'grpc.keepalive_time_ms': runningLimits.grpcKeepaliveMs,
    'grpc.keepalive_timeout_ms': runningLimits.grpcKeepaliveTimeoutMs,
    'grpc.max_connection_age_ms': runningLimits.grpcConnectionAgeMs,
    'grpc.max_connection_age_grace_ms': ingestLimits.uploadMs,
  });
  for (const { definition, implementation } of services) server.addService(definition, implementation);

  const statuses = new HealthImplementation();
  statuses.addToServer(server);
  health.onChange(() => statuses.setStatus('', health.isReady ? 'SERVING' : 'NOT_SERVING'));
  reflectionOf(descriptors).addToServer(server);

  const port = await bind(server, address, tls);
  return {
    port,
    async [Symbol.asyncDispose]() {
      const cutOff = setTimeout(() => server.forceShutdown(), runningLimits.drainMs);
      await new Promise<void>((closed) => server.tryShutdown(() => closed()));
      clearTimeout(cutOff);
    },
  };
}

async function bind(server: GrpcServer, address: ListenAddress, tls: TlsIdentity | null): Promise<number> {
  const host = address.host.includes(':') ? `[${address.host}]` : address.host;
  const credentials =
    tls === null
      ? ServerCredentials.createInsecure()
      : experimental.createCertificateProviderServerCredentials(tls, tls, true);
  try {
    return await new Promise<number>((bound, failed) =>
      server.bindAsync(`${host}:${address.port}`, credentials, (error, port) =>
        error === null ? bound(port) : failed(error),
      ),
    );
  } catch (error) {
    server.forceShutdown();
    throw cannotListen(address, 'PACKETBOAT_GRPC_ADDR', error);
  }
}

/**
 * Reflection hides the protocol between gateways and ingest, since no other program may depend on
 * it.
 */
const INTERNAL_PACKAGE = /^packetboat\.internal\./;

/**
 * Built from raw descriptors: from loaded files, the library does not find
 * `google.protobuf.Struct`.
 */
function reflectionOf(descriptors: Uint8Array): ReflectionService {
  const files = bytesFieldsOf(descriptors, FILE).map((bytes) => Buffer.from(bytes));
  const fileDescriptorProtos = files.filter((file) => !INTERNAL_PACKAGE.test(packageOf(file)));
  // the service reads only this property of a package definition
  return new ReflectionService({ files: { fileDescriptorProtos } } as unknown as ConstructorParameters<
    typeof ReflectionService
  >[0]);
}

/**
 * Numbers of fields in `google/protobuf/descriptor.proto`: of a FileDescriptorSet `file`, of a
 * FileDescriptorProto `package`.
 */
const FILE = 1;
const PACKAGE = 2;

const packageOf = (file: Uint8Array): string => Buffer.concat(bytesFieldsOf(file, PACKAGE)).toString('utf8');

/** The values of one field of a message, in order. */
function bytesFieldsOf(message: Uint8Array, field: number): Uint8Array[] {
  const values: Uint8Array[] = [];
  const reader = protobuf.Reader.create(message);
  while (reader.pos < reader.len) {
    const tag = reader.uint32();
    if (tag >>> 3 === field) values.push(reader.bytes());
    else reader.skipType(tag & 7);
  }
  return values;
}
