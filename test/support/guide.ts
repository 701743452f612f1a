// The blocks of a guide, for tests that do what it says.

import { execFile } from 'node:child_process';
import { readFileSync } from 'node:fs';

export interface Block {
  /** The nearest heading above. */
  readonly heading: string;
  readonly language: string;
  readonly text: string;
}

export class Guide {
  readonly blocks: readonly Block[];
  readonly #taken = new Set<Block>();

  constructor(path: string) {
    let heading = '';
    this.blocks = [...readFileSync(path, 'utf8').matchAll(/^#+ (.+)$|^```(\w+)\n([\s\S]*?)^```$/gm)].flatMap(
      ([, title, language, text]) => {
        if (title !== undefined) heading = title;
        return language === undefined || text === undefined ? [] : [{ heading, language, text }];
      },
    );
  }

  /** The next one below this heading that was not taken yet. */
  take(heading: string, language: string): string {
    const block = this.blocks.find(
      (one) => one.heading === heading && one.language === language && !this.#taken.has(one),
    );
    if (block === undefined) throw new Error(`the guide has no more ${language} below "${heading}"`);
    this.#taken.add(block);
    return block.text;
  }

  /** Commands that no test has run. */
  get left(): readonly Block[] {
    return this.blocks.filter((block) => block.language === 'sh' && !this.#taken.has(block));
  }
}

const SHELL_MS = 180_000;

/**
 * As somebody at a terminal would, but stops at the first command that fails. Answers what was
 * printed; throws with all of it.
 */
export function shell(
  text: string,
  options: { readonly cwd: string; readonly env: Readonly<Record<string, string | undefined>> },
): Promise<string> {
  return new Promise((resolve, reject) => {
    execFile(
      'bash',
      ['--norc', '-euo', 'pipefail', '-c', text],
      { ...options, timeout: SHELL_MS },
      (error, stdout, stderr) => {
        if (error === null) resolve(stdout);
        else reject(new Error(`${text}\nended with ${error.code}: ${stdout}${stderr}`));
      },
    );
  });
}
