// Signatures as Python's `dkim` judges them, by DNS records that the test gives it.

import { execFile } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { requireFile } from './need.ts';

/**
 * Needs `dkimverify` (see `need.ts`). For each mail one verdict for each of its signatures: true,
 * false, or what is wrong with it.
 */
export function verifyWithPython(
  mails: readonly Uint8Array[],
  records: Readonly<Record<string, string>>,
): Promise<(boolean | string)[][]> {
  const script = join(import.meta.dirname, 'verify-dkim.py');
  // of several Pythons the one that has the library
  const [, interpreter = 'python3'] =
    /^#!\s*(\S+)/.exec(readFileSync(requireFile('dkimverify'), 'utf8')) ?? [];
  return new Promise((resolve, reject) => {
    const child = execFile(
      interpreter,
      [script],
      { timeout: 60_000, maxBuffer: 1024 * 1024 },
      (error, stdout, stderr) => {
        if (error !== null)
          reject(new Error(`python3 could not judge the mails: ${stderr}`, { cause: error }));
        else resolve(JSON.parse(stdout));
      },
    );
    child.stdin?.end(
      JSON.stringify({ mails: mails.map((mail) => Buffer.from(mail).toString('base64')), records }),
    );
  });
}
