// A Lua script beside this file. It is sent as its digest, and in full only if the server does not
// know it.

import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import type { Redis } from 'ioredis';

export class Script {
  readonly #lua: string;
  readonly #digest: string;

  constructor(file: string) {
    this.#lua = readFileSync(new URL(file, import.meta.url), 'utf8');
    this.#digest = createHash('sha1').update(this.#lua).digest('hex');
  }

  async run(client: Redis, keys: readonly string[], args: readonly (string | number)[]): Promise<unknown> {
    try {
      return await client.evalsha(this.#digest, keys.length, ...keys, ...args);
    } catch (error) {
      if (!(error instanceof Error && error.message.startsWith('NOSCRIPT'))) throw error;
      return await client.eval(this.#lua, keys.length, ...keys, ...args);
    }
  }
}
