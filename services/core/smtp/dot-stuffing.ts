// Encodes a body for DATA (RFC 5321 4.5.2, 2.3.8): a dot at the beginning of a line is doubled, and
// a bare CR or LF becomes CRLF. Some servers read a bare CR or LF as the end of a line, and would
// then read commands in the text of a mail.

const CR = 13;
const LF = 10;
const DOT = 46;

/** Call `push` for each chunk of the body, cut anywhere, then `end` once. */
export class DotStuffer {
  /** The byte before the next one; the body starts at the beginning of a line. */
  #last = LF;

  /** Returns the chunk itself when nothing in it changes. */
  push(chunk: Uint8Array): Uint8Array {
    if (chunk.length === 0) return chunk;
    const added = this.#countAdded(chunk);
    const out = added === 0 ? chunk : this.#stuffed(chunk, added);
    this.#last = chunk[chunk.length - 1] as number;
    return out;
  }

  /** Returns the end of the last line, the dot and its CRLF. */
  end(): string {
    if (this.#last === LF) return '.\r\n';
    return this.#last === CR ? '\n.\r\n' : '\r\n.\r\n';
  }

  #countAdded(chunk: Uint8Array): number {
    let added = 0;
    let last = this.#last;
    for (let i = 0; i < chunk.length; i++) {
      const byte = chunk[i] as number;
      if (byte === LF) {
        if (last !== CR) added++;
      } else {
        if (last === CR) added++;
        if (byte === DOT && (last === LF || last === CR)) added++;
      }
      last = byte;
    }
    return added;
  }

  #stuffed(chunk: Uint8Array, added: number): Uint8Array {
    const out = new Uint8Array(chunk.length + added);
    let last = this.#last;
    let end = 0;
    for (let i = 0; i < chunk.length; i++) {
      const byte = chunk[i] as number;
      if (byte === LF) {
        if (last !== CR) out[end++] = CR;
      } else {
        if (last === CR) out[end++] = LF;
        if (byte === DOT && (last === LF || last === CR)) out[end++] = DOT;
      }
      out[end++] = byte;
      last = byte;
    }
    return out;
  }
}
