// The canonicalisation relaxed/relaxed (RFC 6376 section 3.4), which keeps a signature valid when a
// relay folds a header or trims a line.

import { createHash } from 'node:crypto';

/** One header field in canonical form, without its final CRLF. */
export function relaxedField(field: string): string {
  const colon = field.indexOf(':');
  const value = field.slice(colon + 1).replaceAll('\r\n', '');
  return `${field.slice(0, colon).trim().toLowerCase()}:${value.replaceAll(/[ \t]+/g, ' ').trim()}`;
}

/**
 * Splits a header block into its fields, in order. Each keeps its folded lines and lacks its final
 * CRLF.
 */
export function fieldsOf(header: string): readonly string[] {
  return header.split(/\r\n(?![ \t])/).filter((field) => field !== '');
}

/** The SHA-256 of a body that arrives in chunks of any size. It buffers at most one line. */
export class BodyHash {
  readonly #hash = createHash('sha256');
  /** The start of a line whose end has not arrived. */
  #line = '';
  /** Empty lines so far, which count only if a non-empty line follows. */
  #empty = 0;

  push(chunk: Uint8Array): void {
    const text =
      this.#line + Buffer.from(chunk.buffer, chunk.byteOffset, chunk.byteLength).toString('latin1');
    const end = text.lastIndexOf('\r\n') + 2;
    // without a line end `end` is 1, and nothing is cut off
    this.#line = end < 2 ? text : text.slice(end);
    if (end >= 2) this.#lines(text.slice(0, end));
  }

  /** The hash in base64. Call it once, at the end. */
  digest(): string {
    if (this.#line !== '') this.#lines(`${this.#line}\r\n`);
    return this.#hash.digest('base64');
  }

  /** Adds whole lines, each with its CRLF. */
  #lines(text: string): void {
    const canonical = text.replaceAll(/[ \t]+/g, ' ').replaceAll(' \r\n', '\r\n');
    let last = canonical.length - 1;
    while (last >= 0 && (canonical.charCodeAt(last) === 10 || canonical.charCodeAt(last) === 13)) last -= 1;
    if (last < 0) {
      this.#empty += canonical.length / 2;
      return;
    }
    const end = last + 3;
    this.#hash.update('\r\n'.repeat(this.#empty) + canonical.slice(0, end), 'latin1');
    this.#empty = (canonical.length - end) / 2;
  }
}
