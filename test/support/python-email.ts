// Mails as Python's `email` reads them (policy `default`), many in one process.

import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { requireFile } from './need.ts';

export type ReadMailbox = readonly [name: string, address: string];

export interface PythonMail {
  readonly subject: string;
  readonly messageIds: readonly string[];
  readonly dates: readonly number[];
  readonly from: readonly ReadMailbox[];
  readonly to: readonly ReadMailbox[];
  readonly cc: readonly ReadMailbox[];
  readonly replyTo: readonly ReadMailbox[];
  readonly headers: Readonly<Record<string, string>>;
  readonly html: string | null;
  readonly text: string | null;
  readonly attachments: readonly {
    readonly filename: string | null;
    readonly contentType: string;
    readonly contentId: string | null;
    /** Empty without a Content-Disposition. */
    readonly disposition: string;
    /** Base 64. */
    readonly content: string;
  }[];
  /** Content types, containers first. */
  readonly structure: readonly string[];
  /** What the parser had to forgive. */
  readonly defects: readonly string[];
}

/** Needs `python3` (see `need.ts`). Fails with what Python wrote to stderr. */
export function readWithPython(mails: readonly Uint8Array[]): Promise<PythonMail[]> {
  const script = join(import.meta.dirname, 'read-mail.py');
  return new Promise((resolve, reject) => {
    const child = execFile(
      requireFile('python3'),
      [script],
      { timeout: 30_000, maxBuffer: 64 * 1024 * 1024 },
      (error, stdout, stderr) => {
        if (error !== null)
          reject(new Error(`python3 could not read the mails: ${stderr}`, { cause: error }));
        else resolve(JSON.parse(stdout));
      },
    );
    child.stdin?.end(mails.map((mail) => Buffer.from(mail).toString('base64')).join('\n'));
  });
}
