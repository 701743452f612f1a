// `packetboat catalog apply` on a real MongoDB and NATS: what it writes, what it prints, and
// what it does not change.

import { cp, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { applyCatalog } from '../../cli/catalog-apply.ts';
import { printCatalog } from '../../cli/catalog-list.ts';
import { retireEntry } from '../../cli/catalog-retire.ts';
import { MemoryNotices } from '../../services/adapters/memory/notices.ts';
import { openCatalog } from '../../services/adapters/mongo/catalog.ts';
import { openCatalogWriter } from '../../services/adapters/mongo/catalog-writer.ts';
import { type Mongo, openMongo } from '../../services/adapters/mongo/connection.ts';
import { openNats } from '../../services/adapters/nats/connection.ts';
import { NatsNotices } from '../../services/adapters/nats/notices.ts';
import { SystemRandom } from '../../services/adapters/system/random.ts';
import { keysFor } from '../../services/core/secrets/keyring.ts';
import type { Config } from '../../services/runtime/config.ts';
import { readKeyring, readOrMakeKeyring } from '../../services/runtime/keyring.ts';
import { readConfig } from '../../services/runtime/read-config.ts';
import { compiledSender } from '../contract/sample-catalog.ts';
import { uniqueName } from '../support/backend.ts';
import { borrow, describeWith } from '../support/describe-with.ts';
import { exampleCatalogDir } from '../support/installation.ts';
import { inDatabase } from '../support/start-cluster.ts';

describeWith(['mongo', 'nats'], 'packetboat catalog apply', () => {
  let folder: string;
  let config: Config<'catalog'>;
  let mongo: Mongo;

  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'packetboat-apply-'));
    await cp(exampleCatalogDir, join(folder, 'catalog'), { recursive: true });
    await readOrMakeKeyring(join(folder, 'keyring.json'), new SystemRandom());
    const MONGODB_URL = inDatabase((await borrow('mongo')).url, uniqueName('apply'));
    const NATS_URL = (await borrow('nats')).url;
    config = readConfig('catalog', {
      MONGODB_URL,
      NATS_URL,
      PACKETBOAT_KEYRING_FILE: join(folder, 'keyring.json'),
    });
    mongo = await openMongo(MONGODB_URL);
  });

  afterEach(async () => {
    await mongo.db.dropDatabase();
    await mongo[Symbol.asyncDispose]();
    await rm(folder, { recursive: true, force: true });
  });

  async function apply() {
    const said: string[] = [];
    const complaints: string[] = [];
    const printer = {
      say: (line: string) => void said.push(line),
      complain: (line: string) => void complaints.push(line),
    };
    const code = await applyCatalog(join(folder, 'catalog'), config, printer);
    return { code, said, complaints };
  }

  const change = async (file: string, from: string, to: string): Promise<void> => {
    const path = join(folder, 'catalog', file);
    await writeFile(path, (await readFile(path, 'utf8')).replace(from, to));
  };

  test('writes all objects of a folder; a second run changes nothing', async () => {
    const first = await apply();
    expect(first).toMatchObject({ code: 0, complaints: [] });
    expect(first.said).toContain('created template/default/otp-code@1');
    const second = await apply();
    expect(second.code).toBe(0);
    expect(second.said.every((line) => line.startsWith('unchanged '))).toBe(true);
    expect(second.said).toHaveLength(first.said.length);
  });

  test('writes a change as a new revision, and hides deleted objects', async () => {
    await apply();
    await change('otp-code.yaml', 'subject: ', 'subject: New ');
    await rm(join(folder, 'catalog', 'invoice.yaml'));
    const { code, said } = await apply();
    expect(code).toBe(0);
    expect(said).toContain('updated template/default/otp-code@2');
    expect(said).toContain('removed 1 that are no longer in the folder');
  });

  test('reports file and line of a fault, writes the valid objects, and keeps the last valid revision of the others', async () => {
    await apply();
    await change('otp-code.yaml', 'defaultLocale:', 'noSuchField: true\n  defaultLocale:');
    await change('email-key.yaml', 'subject: ', 'subject: New ');
    const { code, said, complaints } = await apply();
    expect(code).toBe(1);
    expect(complaints).toEqual([
      expect.stringMatching(
        /^otp-code\.yaml:\d+:\d+: Template default\/otp-code: spec\.noSuchField: .*\(InvalidSpec\)$/,
      ),
    ]);
    expect(said).toContain('updated template/default/email_key@2');
    expect(said.join()).not.toMatch(/otp-code|removed/);
  });

  test('a service that reads the catalog sees the change at once', async () => {
    await apply();
    await using nats = openNats(config.natsUrl);
    await using notices = new NatsNotices(nats);
    await using catalog = await openCatalog(mongo, { notices, keys: null, report: () => {} });
    const changed = Promise.withResolvers<void>();
    using _listening = catalog.onChange(() => {
      if (catalog.current().template('default', 'otp-code')?.revision === 2) changed.resolve();
    });
    await nats.check();
    await change('otp-code.yaml', 'subject: ', 'subject: New ');
    await apply();
    await changed.promise;
  });

  test('catalog list shows each entry with its revision, its source and whether it drains', async () => {
    await apply();
    await change('otp-code.yaml', 'subject: ', 'subject: New ');
    await apply();
    await using notices = new MemoryNotices();
    const keys = keysFor(await readKeyring(join(folder, 'keyring.json')), 'catalog');
    await using writer = await openCatalogWriter(mongo, { notices, random: new SystemRandom(), keys });
    const source = { kind: 'operator', name: 'prod', fence: { term: 1, generation: 1 } } as const;
    await writer.put(source, { kind: 'sender', sender: compiledSender() });
    await writer.retire(source, 'sender/shop/billing');
    const lines: string[] = [];
    await printCatalog(config, { say: (line) => void lines.push(line) });
    expect(lines[0]).toMatch(/^STATE +REVISION +CHANGED +SOURCE +KEY$/);
    expect(lines).toContainEqual(
      expect.stringMatching(/^live +2 +\S+Z +folder\/apply +template\/default\/otp-code$/),
    );
    expect(lines).toContainEqual(
      expect.stringMatching(/^draining +1 +\S+Z +operator\/prod +sender\/shop\/billing$/),
    );
    expect(lines.join()).not.toMatch(/template\/default\/otp-code@/);
  });

  test('catalog retire retires an entry of any source once, and reports an unknown key', async () => {
    await apply();
    const retire = async (key: string) => {
      const said: string[] = [];
      const complaints: string[] = [];
      const printer = {
        say: (line: string) => void said.push(line),
        complain: (line: string) => void complaints.push(line),
      };
      const code = await retireEntry(key, config, printer);
      return { code, said, complaints };
    };
    const key = 'sender/default/billing';
    expect(await retire(key)).toEqual({ code: 0, said: [`retired ${key}`], complaints: [] });
    expect(await retire(key)).toEqual({ code: 0, said: [`already draining ${key}`], complaints: [] });
    expect(await retire('template/default/otp-code')).toMatchObject({ code: 0 });
    const unknown = 'The catalog has no entry template/default/otp-code: see packetboat catalog list.';
    expect(await retire('template/default/otp-code')).toEqual({ code: 1, said: [], complaints: [unknown] });
    await using catalog = await openCatalog(mongo, {
      ...{ notices: new MemoryNotices(), keys: null },
      report: (error) => expect.fail(String(error)),
    });
    expect(catalog.current().sender('default', 'billing')?.retiring).toBe(true);
    expect(catalog.current().template('default', 'otp-code')).toBeNull();
  });

  test('reports a folder that cannot be read', async () => {
    await rm(join(folder, 'catalog'), { recursive: true });
    await expect(apply()).rejects.toThrow(/^The folder .*catalog cannot be read \(ENOENT\)\.$/);
  });
});
