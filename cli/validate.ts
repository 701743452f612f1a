// `packetboat validate`: validates files with the functions of the operator, before the files are
// applied. It queries neither DNS nor a cluster, so it does not see objects of the cluster.

import { stat } from 'node:fs/promises';
import { join } from 'node:path';
import { boundedBytes, catalogReader, mapFiles, stampsOf } from '../services/adapters/file/folder.ts';
import { type ParsedFile, parseFile } from '../services/core/documents/documents.ts';
import { Failure } from '../services/core/failure.ts';
import { compileFolder } from '../services/core/objects/compile.ts';
import { describeUse } from '../services/core/template/warnings.ts';
import { codeOf, describeFault, type Printer, toConsole } from './catalog-apply.ts';

export interface ValidateOptions {
  /** A folder, a file, or `-` for standard input. */
  readonly path: string;
  /** Ignores references to objects that are not in the files. */
  readonly isPartial?: boolean;
}

const missingReferences = new Set([
  'SecretNotFound',
  'ConfigMapNotFound',
  'SenderNotFound',
  'LayoutNotFound',
]);

/**
 * Resolves to the exit code: 0 without faults, even with warnings. Throws a `Failure` if the path
 * cannot be read.
 */
export async function validate(
  { path, isPartial = false }: ValidateOptions,
  input: NodeJS.ReadableStream,
  { say, complain }: Printer = toConsole,
): Promise<0 | 1> {
  const read = await readPath(path, input);
  const compiled = compileFolder(read.documents);
  const faults = [...read.faults, ...compiled.faults].filter(
    ({ reason }) => !isPartial || !missingReferences.has(reason),
  );
  for (const fault of faults) complain(describeFault(fault));
  let warned = 0;
  for (const template of compiled.templates) {
    const { warnings } = describeUse(template);
    warned += warnings.length;
    for (const warning of warnings)
      say(`warning: Template ${template.tenant}/${template.identifier}: ${warning.path} ${warning.message}`);
  }
  const counts = [
    [read.documents.length, 'object'],
    [faults.length, 'fault'],
    [warned, 'warning'],
  ] as const;
  say(counts.map(([count, what]) => `${count} ${what}${count === 1 ? '' : 's'}`).join(', '));
  return faults.length === 0 ? 0 : 1;
}

/**
 * Validation accepts files with any permissions: only files that configure sending must be private.
 */
async function readPath(path: string, input: NodeJS.ReadableStream): Promise<ParsedFile> {
  if (path === '-') return parseFile('-', await boundedBytes(input));
  try {
    const isFolder = (await stat(path)).isDirectory();
    const files = isFolder ? [...(await stampsOf(path)).keys()].map((file) => join(path, file)) : [path];
    const readFile = catalogReader();
    const read = await mapFiles(files, async (file) => parseFile(file, await readFile(file)));
    return {
      documents: read.flatMap(({ documents }) => documents),
      faults: read.flatMap(({ faults }) => faults),
    };
  } catch (cause) {
    if (cause instanceof Failure) throw new Failure(cause.kind, `${path} cannot be read: ${cause.message}.`);
    throw new Failure('invalid', `${path} cannot be read${codeOf(cause)}.`, { cause });
  }
}
