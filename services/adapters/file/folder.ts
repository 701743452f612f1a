// A folder of YAML files: what is in it now, told apart from what was in it before, and its documents.

import { readdir, readFile, stat } from 'node:fs/promises';
import { join, relative } from 'node:path';
import { parseDocuments, type SourceDocument } from '../../core/documents.ts';
import type { Fault } from '../../core/fault.ts';
import { limits } from '../../core/limits.ts';

/** By path in the folder, in alphabetical order; a stamp changes whenever its file does. */
export type Stamps = ReadonlyMap<string, string>;

/** The YAML files of a folder and of the folders in it. Names that begin with a dot are not looked at. Rejects when the folder cannot be read. */
export async function stampsOf(folder: string): Promise<Stamps> {
  const stamps = await Promise.all((await yamlFiles(folder)).map(async (file) => [relative(folder, file), await stampOf(file)] as const));
  return new Map(
    stamps.flatMap(([path, stamp]) => (stamp === null ? [] : [[path, stamp] as const])).toSorted(([a], [b]) => (a < b ? -1 : 1)),
  );
}

export const areSame = (a: Stamps, b: Stamps): boolean => a.size === b.size && [...a].every(([path, stamp]) => b.get(path) === stamp);

async function yamlFiles(folder: string): Promise<string[]> {
  const entries = (await readdir(folder, { withFileTypes: true })).filter(({ name }) => !name.startsWith('.'));
  const found = entries.map(async (entry) => {
    const path = join(folder, entry.name);
    // gone again between the two looks: nothing in it
    if (entry.isDirectory()) return yamlFiles(path).catch(() => []);
    return /\.ya?ml$/.test(entry.name) ? [path] : [];
  });
  return (await Promise.all(found)).flat();
}

/** Null: no file, or none any more. */
async function stampOf(file: string): Promise<string | null> {
  const found = await stat(file, { bigint: true }).catch(() => null);
  return found?.isFile() ? [found.mtimeNs, found.ctimeNs, found.size, found.ino].join(' ') : null;
}

export interface FolderDocuments {
  readonly documents: readonly SourceDocument[];
  readonly faults: readonly Fault[];
  /** False when a file could not be read, so that nobody knows what stands in it. */
  readonly isWhole: boolean;
}

/** Reads and parses the files of a folder, in the order of their paths. */
export async function documentsOf(folder: string, paths: Iterable<string>): Promise<FolderDocuments> {
  const files = await Promise.all([...paths].map((path) => documentsIn(folder, path)));
  return {
    documents: files.flatMap(({ documents }) => documents),
    faults: files.flatMap(({ faults }) => faults),
    isWhole: files.every(({ isWhole }) => isWhole),
  };
}

async function documentsIn(folder: string, path: string): Promise<FolderDocuments> {
  const file = join(folder, path);
  const lost = (message: string): FolderDocuments => ({ documents: [], faults: [faultOf(path, message)], isWhole: false });
  try {
    const { mode, size } = await stat(file);
    if (size > limits.catalogFileBytesMax) return lost(`must have at most ${limits.catalogFileBytesMax} bytes`);
    const { documents, faults } = parseDocuments(path, await readFile(file, 'utf8'));
    const isOpen = process.platform !== 'win32' && (mode & 0o077) !== 0;
    if (isOpen && documents.some(isSecret)) return lost('must have mode 0600, because it holds a Secret');
    return { documents, faults, isWhole: faults.length === 0 };
  } catch (error) {
    return lost(`cannot be read (${error instanceof Error && 'code' in error ? String(error.code) : 'unknown'})`);
  }
}

const isSecret = ({ value }: SourceDocument): boolean =>
  typeof value === 'object' && value !== null && 'kind' in value && value.kind === 'Secret';

/** A fault of a whole file. */
const faultOf = (file: string, message: string): Fault => ({
  file,
  line: 1,
  kind: '',
  namespace: '',
  name: '',
  reason: 'InvalidSpec',
  path: '',
  message,
});
