// Serves gRPC: services of ours, the standard health service and reflection, with the limits and
// signs of life of `core/limits`.

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
 * A FileDescriptorSet of all files, made by `make proto`; reflection gives out those that are
 * public.
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
  /** With it only callers with a certificate of its authority are heard; null: plain. */
  readonly tls?: TlsIdentity | null;
}

/**
 * Listens once it resolves. Disposing stops taking calls, waits up to `runningLimits.drainMs` for
 * those under way, then cuts them off. Throws `Failure('invalid')` when the address cannot be had.
 */
export async function serveGrpc(
  address: ListenAddress,
  { services, health, descriptors, tls = null }: GrpcServerOptions,
): Promise<GrpcServing> {
  // the library writes metadata that it cannot read to stderr as it came, a key among it; what
  // fails is told to the caller
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
 * What gateways and ingest say to each other is nobody else's to build on: neither listed nor
 * described.
 */
const INTERNAL_PACKAGE = /^packetboat\.internal\./;

/** From raw descriptors: given loaded files, the library does not find `google.protobuf.Struct`. */
function reflectionOf(descriptors: Uint8Array): ReflectionService {
  const files = bytesFieldsOf(descriptors, FILE).map((bytes) => Buffer.from(bytes));
  const fileDescriptorProtos = files.filter((file) => !INTERNAL_PACKAGE.test(packageOf(file)));
  // the service reads this one property of whatever a package holds
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

/** The values of one field of a message, in the order that they have there. */
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
