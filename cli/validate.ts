// `packetboat validate`: validates files with the functions of the operator, before the files are
// applied. It queries neither DNS nor a cluster, so it does not see objects of the cluster.

import { stat } from 'node:fs/promises';
import { join } from 'node:path';
import { boundedBytes, catalogReader, mapFiles, stampsOf } from '../services/adapters/file/folder.ts';
import { type ParsedFile, parseFile } from '../services/core/documents/documents.ts';
import type { Fault, FaultReason } from '../services/core/documents/fault.ts';
import { Failure } from '../services/core/failure.ts';
import { compileFolder } from '../services/core/objects/compile-folder.ts';
import { describeUse } from '../services/core/template/warnings.ts';
import { codeOf, describeFault, type Printer, toConsole } from './catalog-apply.ts';

export interface ValidateOptions {
  /** A folder, a file, or `-` for standard input. */
  readonly path: string;
  /** A reference to an object that is not in the files is not a fault, but is printed. */
  readonly isPartial?: boolean;
}

/** What could not be checked because a referenced object is not in the files. */
const unchecked: Partial<Record<FaultReason, string>> = {
  SecretNotFound: 'the values of the Secret were not checked',
  ConfigMapNotFound: 'the html in the ConfigMap was not checked',
  SenderNotFound: 'the Sender was not checked; the template was',
  LayoutNotFound: 'the template was checked without this layout',
};

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
  const found = [...read.faults, ...compiled.faults];
  const isMissing = ({ isElsewhere }: Fault): boolean => isPartial && isElsewhere === true;
  const faults = found.filter((fault) => !isMissing(fault));
  for (const fault of faults) complain(describeFault(fault));
  const missing = found.filter(isMissing);
  for (const fault of missing)
    say(`not checked: ${describeFault(fault)}: ${unchecked[fault.reason] ?? 'the object was not checked'}`);

  const templates = isPartial ? [...compiled.templates, ...compiled.incompleteTemplates] : compiled.templates;
  const warnings = templates.flatMap((template) =>
    describeUse(template).warnings.map(
      (warning) =>
        `warning: Template ${template.tenant}/${template.identifier}: ${warning.path} ${warning.message}`,
    ),
  );
  for (const warning of warnings) say(warning);

  const counts = [
    counted(read.documents.length, 'object'),
    counted(faults.length, 'fault'),
    counted(warnings.length, 'warning'),
    ...(isPartial ? [`${counted(missing.length, 'reference')} not checked`] : []),
  ];
  say(counts.join(', '));
  return faults.length === 0 ? 0 : 1;
}

const counted = (count: number, what: string): string => `${count} ${what}${count === 1 ? '' : 's'}`;

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
