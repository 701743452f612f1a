// Whether a Python virtual environment still works where it is.

import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';

/** Of a script's beginning: a path of 4,096 bytes, and the lines that lead a shell to it. */
const HEAD_CHARS = 8_192;

/**
 * False when the folder was moved or copied, because each script in it names the interpreter by its
 * absolute path, and when the system's Python that the environment was made with is gone.
 */
export async function isUsable(environment: string): Promise<boolean> {
  const interpreter = join(environment, 'bin/python');
  if (!existsSync(interpreter)) return false;
  const pip = await readFile(join(environment, 'bin/pip'), 'utf8').catch(() => '');
  return pip.slice(0, HEAD_CHARS).includes(interpreter);
}
