import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { catalogWriterContract } from '../../../test/contract/catalog-writer.ts';
import { compiledSender, compiledTemplate } from '../../../test/contract/sample-catalog.ts';
import type { Key, Keys } from '../../core/secrets/keyring.ts';
import type { CatalogSource, CatalogWriter } from '../../ports/catalog-writer.ts';
import { MemoryNotices } from '../memory/notices.ts';
import { SystemRandom } from '../system/random.ts';
import { CatalogState } from './catalog-state.ts';
import { createCatalogWriter } from './catalog-writer.ts';
import { drainingSendersOf } from './draining-senders.ts';

const april: Key = { id: 'april', secret: new Uint8Array(32).fill(4) };
const may: Key = { id: 'may', secret: new Uint8Array(32).fill(5) };

const openFolder = () => mkdtemp(join(tmpdir(), 'packetboat-state-'));
const writerOf = (state: CatalogState, keys: Keys, notices = new MemoryNotices()): CatalogWriter =>
  createCatalogWriter(state, { keys, notices, random: new SystemRandom(), now: Date.now });

catalogWriterContract('file', async () => {
  const folder = await openFolder();
  const state = await CatalogState.open(folder, [april]);
  const notices = new MemoryNotices();
  const heard: string[] = [];
  notices.subscribe('catalog.changed', (subject) => heard.push(subject));
  return {
    writer: writerOf(state, [april], notices),
    // a writer of the same process, because a state has no other
    other: writerOf(state, [april], notices),
    notices: heard,
    read: async () => (await CatalogState.open(folder, [april])).snapshot(0),
    revision: async (tenant, identifier, revision) =>
      (await CatalogState.open(folder, [april])).revision(tenant, identifier, revision),
    [Symbol.asyncDispose]: () => rm(folder, { recursive: true }),
  };
});

describe('CatalogWriter of a folder', () => {
  const source: CatalogSource = { kind: 'folder', name: 'test', fence: { term: 2, generation: 1 } };
  const login = { kind: 'sender', sender: compiledSender({ password: 'open sesame' }) } as const;
  let folder: string;
  beforeEach(async () => {
    folder = await openFolder();
  });
  afterEach(() => rm(folder, { recursive: true }));

  /** Opens the state again, as after a restart. */
  async function reopen(keys: Keys = [april]) {
    const state = await CatalogState.open(folder, keys);
    return { state, writer: writerOf(state, keys) };
  }
  async function contents(): Promise<string> {
    const files = (await readdir(folder, { recursive: true })).filter((name) => name.endsWith('.json'));
    return (await Promise.all(files.map((file) => readFile(join(folder, file), 'utf8')))).join('\n');
  }

  it('keeps revision numbers, fences and owners over a restart', async () => {
    const { writer } = await reopen();
    await writer.put(source, { kind: 'template', template: compiledTemplate({ subject: 'one' }) });
    await writer.put(
      { ...source, fence: { term: 3, generation: 1 } },
      { kind: 'template', template: compiledTemplate({ subject: 'one' }) },
    );
    const two = { kind: 'template', template: compiledTemplate({ subject: 'two' }) } as const;
    const { writer: later } = await reopen();
    expect(await later.put(source, two)).toEqual({ kind: 'fenced', revision: 1 });
    expect(await later.put({ ...source, kind: 'operator' }, two)).toEqual({ kind: 'foreign', revision: 1 });
    expect(await later.put({ ...source, fence: { term: 3, generation: 2 } }, two)).toEqual({
      kind: 'updated',
      revision: 2,
    });
  });

  it('keeps logins sealed, those of a draining sender too, and erases them with it', async () => {
    const { state, writer } = await reopen();
    await writer.put(source, login);
    expect(await contents()).not.toContain('sesame');
    expect(await contents()).toContain('routes/relay/credentials');
    await writer.prune(source, new Set());
    expect(await contents()).toContain('routes/relay/credentials');
    const draining = drainingSendersOf(state, () => {});
    for (const sender of await draining.draining()) await draining.erase(sender);
    expect(await contents()).not.toContain('routes/relay/credentials');
  });

  it('seals again with the active key of a rotation', async () => {
    await (await reopen()).writer.put(source, login);
    const { writer } = await reopen([may, april]);
    expect(await writer.put(source, login)).toEqual({ kind: 'updated', revision: 1 });
    expect(await writer.put(source, login)).toEqual({ kind: 'unchanged', revision: 1 });
    const { state } = await reopen([may]);
    expect(state.snapshot(0).sender('shop', 'billing')?.routes[0]?.credentials?.password).toBe('open sesame');
  });

  it('hides a sender whose logins another keyring sealed, until it is written again', async () => {
    await (await reopen()).writer.put(source, login);
    const { state, writer } = await reopen([may]);
    expect(state.snapshot(0).sender('shop', 'billing')).toBeNull();
    expect(await writer.put(source, login)).toEqual({ kind: 'updated', revision: 1 });
    expect(state.snapshot(0).sender('shop', 'billing')).not.toBeNull();
  });

  it('skips the number of a writer that died before its object pointed to it', async () => {
    const { state, writer } = await reopen();
    const template = compiledTemplate({ subject: 'one' });
    await state.keepRevision({ ...template, revision: 1, hash: 'of another content' });
    await state.keepRevision({ ...template, revision: 2 });
    expect(await writer.put(source, { kind: 'template', template })).toEqual({
      kind: 'created',
      revision: 2,
    });
    expect(await state.revision('shop', 'invoice', 1)).toMatchObject({ hash: 'of another content' });
  });

  it('continues after a failed write', async () => {
    const { writer } = await reopen();
    await rm(join(folder, 'objects'), { recursive: true });
    await writeFile(join(folder, 'objects'), 'no folder');
    await expect(writer.put(source, login)).rejects.toThrow('ENOTDIR');
    await rm(join(folder, 'objects'));
    const { writer: later } = await reopen();
    expect(await later.put(source, login)).toEqual({ kind: 'created', revision: 1 });
    expect(await writer.put(source, login)).toEqual({ kind: 'created', revision: 1 });
  });
});
