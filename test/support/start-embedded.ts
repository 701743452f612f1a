// Everything in one process, as `make dev` runs it, in a folder of its own.

import { freePort } from './free-port.ts';
import {
  exampleCatalogDir,
  type Installation,
  type InstallationOptions,
  newKey,
  startRole,
} from './installation.ts';

export async function startEmbedded({
  relay,
  env,
  catalogDir = exampleCatalogDir,
}: InstallationOptions = {}): Promise<Installation> {
  const [http, grpc, operations] = [await freePort(), await freePort(), await freePort()];
  const key = newKey();
  const told = {
    PACKETBOAT_HTTP_ADDR: `127.0.0.1:${http}`,
    PACKETBOAT_GRPC_ADDR: `127.0.0.1:${grpc}`,
    PACKETBOAT_BOOTSTRAP_KEY: key,
    PACKETBOAT_CATALOG_DIR: catalogDir,
    PACKETBOAT_RELAY: relay,
    ...env,
  };
  const program = await startRole('dev', told, operations);
  const url = `http://127.0.0.1:${http}`;
  return {
    url,
    urls: [url],
    grpcAddress: `127.0.0.1:${grpc}`,
    key,
    programs: [program],
    env: told,
    [Symbol.asyncDispose]: () => program[Symbol.asyncDispose](),
  };
}
