// Makes the first key of another tenant as users do: by a start with
// `PACKETBOAT_BOOTSTRAP_TENANT` and another key.

import { join } from 'node:path';
import { freePort } from '../support/free-port.ts';
import { newKey, startRole } from '../support/installation.ts';
import type { E2eStage } from './stage.ts';

/** Returns the key. */
export async function firstKeyOf(tenant: string, stage: E2eStage): Promise<string> {
  const key = newKey();
  await startWith(tenant, key, stage);
  return key;
}

/** Starts once with this key, and returns what the start printed. */
export async function startWith(
  tenant: string,
  key: string,
  { subject, packetboat: { env, programs } }: E2eStage,
): Promise<string> {
  const more = { ...env, PACKETBOAT_BOOTSTRAP_TENANT: tenant, PACKETBOAT_BOOTSTRAP_KEY: key };
  if (subject === 'cluster') {
    await using ingest = await startRole(
      'ingest',
      { ...more, PACKETBOAT_GRPC_ADDR: `127.0.0.1:${await freePort()}` },
      await freePort(),
    );
    await ingest.stop();
    return ingest.output();
  }
  // a second process may not use the folder
  const [program] = programs;
  if (program === undefined) throw new Error('nothing runs');
  await program.stop();
  try {
    await using dev = await startRole(
      'dev',
      { ...more, PACKETBOAT_DATA_DIR: join(program.folder, '.packetboat') },
      await freePort(),
    );
    await dev.stop();
    return dev.output();
  } finally {
    await program.restart();
  }
}
