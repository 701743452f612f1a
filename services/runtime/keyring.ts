// Where the keyring comes from: the file that PACKETBOAT_KEYRING_FILE names, or in embedded mode a
// file of our own making.

import { link, open, readdir, readFile, stat, unlink } from 'node:fs/promises';
import { join } from 'node:path';
import { Failure } from '../core/failure.ts';
import { type Keyring, keyPurposes, newKeyring, parseKeyring } from '../core/secrets/keyring.ts';
import type { Random } from '../ports/random.ts';

/**
 * From one file, or from a folder with a file for each purpose, named after it, so that a program
 * can be given some of a Secret's keys and no others. Throws `Failure('invalid')`: it is not there,
 * not readable, or no keyring.
 */
export async function readKeyring(file: string): Promise<Keyring> {
  try {
    return (await stat(file)).isDirectory()
      ? await readFolder(file)
      : parseKeyring(await readFile(file, 'utf8'));
  } catch (error) {
    if (error instanceof Failure) throw new Failure('invalid', `${file}: ${error.message}`);
    throw new Failure('invalid', `${file}: ${codeOf(error)}`);
  }
}

/**
 * Reads the file, and makes it first when there is none: mode 0600, whole or not at all, and only
 * one of two programs that start at once makes it. What was sealed or hidden with a keyring is lost
 * with it.
 */
export async function readOrMakeKeyring(file: string, random: Random): Promise<Keyring> {
  try {
    return parseKeyring(await readFile(file, 'utf8'));
  } catch (error) {
    if (codeOf(error) !== 'ENOENT') return readKeyring(file);
  }
  const draft = `${file}.${process.pid}.${Buffer.from(random.bytes(6)).toString('hex')}`;
  const handle = await open(draft, 'wx', 0o600);
  try {
    await handle.writeFile(newKeyring((count) => random.bytes(count)));
    await handle.sync();
    // a link, unlike a rename, never replaces the file of another
    await link(draft, file);
  } catch (error) {
    if (codeOf(error) !== 'EEXIST') throw error;
  } finally {
    await handle.close();
    await unlink(draft);
  }
  return readKeyring(file);
}

/** What else is in the folder is not ours to judge: Kubernetes keeps its own links there. */
async function readFolder(folder: string): Promise<Keyring> {
  const names = await readdir(folder);
  const found = keyPurposes.filter((purpose) => names.includes(purpose));
  if (found.length === 0)
    throw new Failure('invalid', `the folder has none of the files ${keyPurposes.join(', ')}`);
  const read = await Promise.all(
    found.map(async (purpose) =>
      parseKeyring(`${purpose}:\n${indented(await readFile(join(folder, purpose), 'utf8'))}`),
    ),
  );
  return Object.assign({}, ...read);
}

const indented = (text: string): string => text.replace(/^(?=.)/gm, '  ');

function codeOf(error: unknown): string {
  return error instanceof Error && 'code' in error ? String(error.code) : 'unreadable';
}
