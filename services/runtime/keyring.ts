// Reads the keyring from the file or folder of PACKETBOAT_KEYRING_FILE. Embedded mode generates a
// keyring file if there is none.

import { link, open, readdir, readFile, stat, unlink } from 'node:fs/promises';
import { join } from 'node:path';
import { Failure } from '../core/failure.ts';
import { type Keyring, keyPurposes, newKeyring, parseKeyring } from '../core/secrets/keyring.ts';
import type { Random } from '../ports/random.ts';

/**
 * Reads one file, or a folder with one file per purpose. With a folder, Kubernetes can mount a
 * subset of a Secret's keys for each program. Throws `Failure('invalid')` if the path does not
 * exist, cannot be read or holds no keyring.
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
 * Reads the file, and first generates it (mode 0600) if it does not exist. Generation is atomic: of
 * two programs that start at the same time, both use the file of one. Whatever was sealed or hashed
 * with a keyring is lost with the keyring.
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
    // unlike a rename, a link never replaces a file that another program has written
    await link(draft, file);
  } catch (error) {
    if (codeOf(error) !== 'EEXIST') throw error;
  } finally {
    await handle.close();
    await unlink(draft);
  }
  return readKeyring(file);
}

/** Ignores other names in the folder, since Kubernetes keeps symbolic links there. */
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
