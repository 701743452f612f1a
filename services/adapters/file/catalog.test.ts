import { chmod, mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { catalogContract } from '../../../test/contract/catalog.ts';
import { senderYaml, templateYaml } from '../../../test/contract/sample-catalog.ts';
import type { Fault } from '../../core/documents/fault.ts';
import type { Catalog } from '../../ports/catalog.ts';
import { SystemRandom } from '../system/random.ts';
import { openCatalog } from './catalog.ts';

/** A catalog over a new folder, with functions to write files into the folder. */
async function setUp() {
  const root = await mkdtemp(join(tmpdir(), 'packetboat-catalog-'));
  const folder = join(root, 'catalog');
  await mkdir(folder);
  const faults: Fault[] = [];
  const troubles: unknown[] = [];
  const opened: Catalog[] = [];
  const open = async () => {
    for (const catalog of opened.splice(0)) await catalog[Symbol.asyncDispose]();
    const catalog = await openCatalog({
      folder,
      state: join(root, 'state'),
      keys: [{ id: 'k1', secret: new Uint8Array(32).fill(1) }],
      random: new SystemRandom(),
      now: Date.now,
      report: (fault) => faults.push(fault),
      reportTrouble: (error) => troubles.push(error),
    });
    opened.push(catalog);
    return catalog;
  };
  return {
    root,
    folder,
    faults,
    troubles,
    open,
    write: (name: string, ...objects: readonly string[]) =>
      writeFile(join(folder, name), objects.join('---\n'), { mode: 0o600 }),
    async [Symbol.asyncDispose]() {
      for (const catalog of opened) await catalog[Symbol.asyncDispose]();
      await rm(root, { recursive: true });
    },
  };
}

catalogContract('folder', async () => {
  const setup = await setUp();
  return {
    catalog: await setup.open(),
    publish: (...objects) => setup.write('catalog.yaml', ...objects),
    reopen: setup.open,
    [Symbol.asyncDispose]: () => setup[Symbol.asyncDispose](),
  };
});

describe('a catalog folder', () => {
  let setup: Awaited<ReturnType<typeof setUp>>;
  beforeEach(async () => {
    setup = await setUp();
  });
  afterEach(() => setup[Symbol.asyncDispose]());

  const subjectOf = (catalog: Catalog) =>
    catalog.current().template('shop', 'invoice')?.content.live[0]?.subject ?? null;
  const broken = templateYaml({ subject: '{{#if}}' });

  it('reads all YAML files in the folder and its subfolders, except hidden ones', async () => {
    await mkdir(join(setup.folder, 'shop'));
    await mkdir(join(setup.folder, '.git'));
    await setup.write('shop/templates.yml', templateYaml());
    await setup.write('.git/templates.yaml', templateYaml({ identifier: 'hidden' }));
    await setup.write('README.md', '# no object');
    const catalog = await setup.open();
    expect(catalog.current().templates('shop')).toHaveLength(1);
    await setup.write('shop/senders.yaml', senderYaml());
    await expect.poll(() => catalog.current().senders('shop').length).toBe(1);
    expect(setup.faults).toEqual([]);
  });

  it('keeps the last good revision of an invalid object, and reports each fault once with its position', async () => {
    await setup.write('a.yaml', senderYaml(), templateYaml({ subject: 'good' }));
    const catalog = await setup.open();
    await setup.write('a.yaml', senderYaml(), broken);
    await expect.poll(() => setup.faults.length).toBe(1);
    expect(setup.faults[0]).toMatchObject({
      file: 'a.yaml',
      kind: 'Template',
      namespace: 'shop',
      name: 'invoice',
      reason: 'SyntaxError',
    });
    expect(setup.faults[0]?.line).toBeGreaterThan(10);
    expect(subjectOf(catalog)).toBe('good');
    await setup.write('a.yaml', senderYaml({ from: 'Shop' }), broken);
    await expect.poll(() => catalog.current().sender('shop', 'billing')?.from.name).toBe('Shop');
    expect(setup.faults).toHaveLength(1);
    await setup.write('a.yaml', senderYaml(), templateYaml({ subject: 'better' }));
    await expect.poll(() => subjectOf(catalog)).toBe('better');
  });

  it('keeps all objects while a file is invalid YAML, also over a restart', async () => {
    await setup.write('a.yaml', senderYaml({ password: 'open sesame' }), templateYaml({ subject: 'good' }));
    await setup.write('b.yaml', templateYaml({ identifier: 'other', subject: 'one' }));
    let catalog = await setup.open();
    await setup.write('a.yaml', 'kind: [');
    await setup.write('b.yaml', templateYaml({ identifier: 'other', subject: 'two' }));
    await expect.poll(() => catalog.current().template('shop', 'other')?.revision).toBe(2);
    expect(setup.faults).toEqual([expect.objectContaining({ file: 'a.yaml', line: 1 })]);
    for (const next of [catalog, await setup.open()]) {
      catalog = next;
      expect(subjectOf(catalog)).toBe('good');
      expect(catalog.current().sender('shop', 'billing')?.routes[0]?.credentials?.password).toBe(
        'open sesame',
      );
    }
    await rm(join(setup.folder, 'a.yaml'));
    await expect.poll(() => catalog.current().sender('shop', 'billing')?.retiring).toBe(true);
    expect(catalog.current().template('shop', 'invoice')).toBeNull();
  });

  it('a sender without a file drains until it is erased', async () => {
    await setup.write('a.yaml', senderYaml());
    const catalog = await setup.open();
    await rm(join(setup.folder, 'a.yaml'));
    await expect.poll(() => catalog.current().sender('shop', 'billing')?.retiring).toBe(true);
    const [draining] = await catalog.drainingSenders.draining();
    if (draining === undefined) return expect.fail('one sender drains');
    expect(await catalog.drainingSenders.erase(draining)).toBe(true);
    expect(catalog.current().sender('shop', 'billing')).toBeNull();
  });

  it('keeps the last good revision over a restart with an invalid object', async () => {
    await setup.write('a.yaml', templateYaml({ subject: 'good' }));
    await setup.open();
    await setup.write('a.yaml', broken);
    expect(subjectOf(await setup.open())).toBe('good');
  });

  it('refuses a Secret in a file that others can read', async () => {
    await setup.write('a.yaml', senderYaml({ password: 'open sesame' }));
    await chmod(join(setup.folder, 'a.yaml'), 0o644);
    const catalog = await setup.open();
    expect(catalog.current().senders('shop')).toEqual([]);
    expect(setup.faults).toEqual([
      expect.objectContaining({ file: 'a.yaml', message: expect.stringContaining('0600') }),
    ]);
    await chmod(join(setup.folder, 'a.yaml'), 0o600);
    await expect.poll(() => catalog.current().senders('shop').length).toBe(1);
  });

  it('stores no login in plain text', async () => {
    await setup.write('a.yaml', senderYaml({ password: 'open sesame' }), templateYaml());
    await setup.open();
    const state = join(setup.root, 'state');
    const files = (await readdir(state, { recursive: true })).filter((name) => name.endsWith('.json'));
    // two objects and a revision
    expect(files).toHaveLength(3);
    for (const file of files) expect(await readFile(join(state, file), 'utf8')).not.toContain('sesame');
  });

  it('reports that the folder is missing, and continues when the folder is back', async () => {
    await setup.write('a.yaml', templateYaml({ subject: 'one' }));
    const catalog = await setup.open();
    await rm(setup.folder, { recursive: true });
    await expect.poll(() => setup.troubles.length).toBe(1);
    expect(subjectOf(catalog)).toBe('one');
    await mkdir(setup.folder);
    await setup.write('a.yaml', templateYaml({ subject: 'two' }));
    await expect.poll(() => subjectOf(catalog)).toBe('two');
  });

  it('requires the folder at start', async () => {
    await rm(setup.folder, { recursive: true });
    await expect(setup.open()).rejects.toMatchObject({ kind: 'invalid' });
  });
});
