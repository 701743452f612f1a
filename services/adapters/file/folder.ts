// A folder of YAML files: detects changes by stamps, and reads and parses the files.

import { createReadStream } from 'node:fs';
import { readdir, stat } from 'node:fs/promises';
import { join, relative } from 'node:path';
import { faultOfFile, parseFile, type SourceDocument } from '../../core/documents/documents.ts';
import type { Fault } from '../../core/documents/fault.ts';
import { Failure } from '../../core/failure.ts';
import { catalogLimits } from '../../core/limits/catalog.ts';

/**
 * Stamps by path within the folder, in alphabetical order. A file that changes gets another stamp.
 */
export type Stamps = ReadonlyMap<string, string>;

/**
 * The stamps of the YAML files in a folder and its subfolders, without names that start with a dot.
 * Rejects if the folder cannot be read.
 */
export async function stampsOf(folder: string): Promise<Stamps> {
  const stamps = await Promise.all(
    (await yamlFiles(folder)).map(async (file) => [relative(folder, file), await stampOf(file)] as const),
  );
  return new Map(
    stamps
      .flatMap(([path, stamp]) => (stamp === null ? [] : [[path, stamp] as const]))
      .toSorted(([a], [b]) => (a < b ? -1 : 1)),
  );
}

export const areSame = (a: Stamps, b: Stamps): boolean =>
  a.size === b.size && [...a].every(([path, stamp]) => b.get(path) === stamp);

async function yamlFiles(folder: string): Promise<string[]> {
  const entries = (await readdir(folder, { withFileTypes: true })).filter(
    ({ name }) => !name.startsWith('.'),
  );
  const found = entries.map(async (entry) => {
    const path = join(folder, entry.name);
    // the folder was removed meanwhile, so it has no files
    if (entry.isDirectory()) return yamlFiles(path).catch(() => []);
    return /\.ya?ml$/.test(entry.name) ? [path] : [];
  });
  return (await Promise.all(found)).flat();
}

/** The stamp of a file; null if there is no such file. */
async function stampOf(file: string): Promise<string | null> {
  const found = await stat(file, { bigint: true }).catch(() => null);
  return found?.isFile() ? [found.mtimeNs, found.ctimeNs, found.size, found.ino].join(' ') : null;
}

interface FolderDocuments {
  readonly documents: readonly SourceDocument[];
  readonly faults: readonly Fault[];
  /** False if a file could not be read or parsed: objects of it may be missing from `documents`. */
  readonly isWhole: boolean;
}

/**
 * Reads and parses the files of a folder, in the order of their paths, a few at a time. Throws
 * `Failure('invalid')` if there are more than `catalogLimits.catalogFilesMax`.
 */
export async function documentsOf(folder: string, paths: Iterable<string>): Promise<FolderDocuments> {
  const read = catalogReader();
  const files = await mapFiles(paths, (path) => documentsIn(folder, path, read));
  return {
    documents: files.flatMap(({ documents }) => documents),
    faults: files.flatMap(({ faults }) => faults),
    isWhole: files.every(({ isWhole }) => isWhole),
  };
}

/**
 * Calls `read` for each file, a few at a time, and returns the results in the order of the files.
 * Throws `Failure('invalid')` if there are more than `catalogLimits.catalogFilesMax`.
 */
export async function mapFiles<T>(paths: Iterable<string>, read: (path: string) => Promise<T>): Promise<T[]> {
  const files = [...paths];
  if (files.length > catalogLimits.catalogFilesMax)
    throw new Failure('invalid', `there are more than ${catalogLimits.catalogFilesMax} YAML files`);
  const results = new Array<T>(files.length);
  const rest = files.entries();
  const work = async (): Promise<void> => {
    for (const [i, file] of rest) results[i] = await read(file);
  };
  await Promise.all(Array.from({ length: catalogLimits.catalogFilesReadAtOnce }, work));
  return results;
}

/**
 * Reads a stream up to one chunk above `catalogLimits.catalogFileBytesMax`. `parseFile` then
 * refuses the file, and the rest takes no memory.
 */
export async function boundedBytes(source: AsyncIterable<Uint8Array | string>): Promise<Uint8Array> {
  const chunks: Uint8Array[] = [];
  let bytes = 0;
  for await (const part of source) {
    const chunk = typeof part === 'string' ? Buffer.from(part) : part;
    chunks.push(chunk);
    bytes += chunk.length;
    if (bytes > catalogLimits.catalogFileBytesMax) break;
  }
  return Buffer.concat(chunks);
}

/**
 * Returns a reader for the files of one catalog; each file is read as `boundedBytes` reads. The
 * reader rejects with the system's error, and with `Failure('invalid')` once all files together
 * exceed `catalogLimits.catalogFolderBytesMax`.
 */
export function catalogReader(): (file: string) => Promise<Uint8Array> {
  let left: number = catalogLimits.catalogFolderBytesMax;
  return async (file) => {
    const bytes = await boundedBytes(createReadStream(file));
    left -= bytes.length;
    if (left < 0)
      throw new Failure(
        'invalid',
        `all files together have more than ${catalogLimits.catalogFolderBytesMax} bytes`,
      );
    return bytes;
  };
}

async function documentsIn(
  folder: string,
  path: string,
  read: (file: string) => Promise<Uint8Array>,
): Promise<FolderDocuments> {
  const file = join(folder, path);
  const lost = (message: string): FolderDocuments => ({
    documents: [],
    faults: [faultOfFile(path, message)],
    isWhole: false,
  });
  try {
    const { mode } = await stat(file);
    const { documents, faults } = parseFile(path, await read(file));
    const isOpen = process.platform !== 'win32' && (mode & 0o077) !== 0;
    if (isOpen && documents.some(isSecret)) return lost('must have mode 0600, because it contains a Secret');
    return { documents, faults, isWhole: faults.length === 0 };
  } catch (error) {
    if (error instanceof Failure) return lost(`cannot be read: ${error.message}`);
    return lost(
      `cannot be read (${error instanceof Error && 'code' in error ? String(error.code) : 'unknown'})`,
    );
  }
}

const isSecret = ({ value }: SourceDocument): boolean =>
  typeof value === 'object' && value !== null && 'kind' in value && value.kind === 'Secret';
