// Reads the bytes after DATA up to the final dot: takes the stuffed dots out, and notes what a careful sender never does (RFC 5321 2.3.8, 4.5.2,
// 4.5.3.1.6). Only CRLF.CRLF ends a mail. Remembers a digest and the head, and the bytes only when asked to.

import { isAscii } from 'node:buffer';
import { createHash } from 'node:crypto';

const CR = 0x0d;
const LF = 0x0a;
const DOT = 0x2e;
const NOTHING = Buffer.alloc(0);
const LINE_OCTETS_MAX = 998;
const HEAD_BYTES_MAX = 64 * 1024;

export interface Body {
  readonly bytes: number;
  /** Hex, over the mail without stuffed dots. */
  readonly sha256: string;
  /** Up to the empty line. */
  readonly head: string;
  readonly isAscii: boolean;
  readonly anomalies: readonly string[];
  readonly raw: Buffer | null;
}

export class BodyReader {
  readonly #hash = createHash('sha256');
  readonly #anomalies = new Set<string>();
  readonly #kept: Buffer[] = [];
  readonly #keepsRaw: boolean;
  #held: Buffer = NOTHING;
  /**
   * Octets of the current line that have been passed on already: a line is only held while it is
   * short.
   */
  #lineOctets = 0;
  #afterCrlf = true;
  #isAscii = true;
  #headIsOpen = true;
  #headIsComplete = false;
  #bytes = 0;

  constructor(keepsRaw: boolean) {
    this.#keepsRaw = keepsRaw;
  }

  get bytes(): number {
    return this.#bytes + this.#held.length;
  }

  /** Null while the mail goes on; when it has ended, what came after it. */
  feed(chunk: Buffer): Buffer | null {
    const data = this.#held.length === 0 ? chunk : Buffer.concat([this.#held, chunk]);
    let start = 0;
    // Lines are kept in runs, from one stuffed dot to the next: a large mail is mostly one run per
    // chunk.
    let run = 0;
    const judge = (part: Buffer, ending: number) => {
      if (!this.#startsWithStuffing(part, ending)) return;
      this.#keep(data.subarray(run, start));
      run = start + 1;
    };
    for (let lf = data.indexOf(LF); lf !== -1; lf = data.indexOf(LF, start)) {
      const line = data.subarray(start, lf + 1);
      if (this.#endsMail(line)) {
        this.#keep(data.subarray(run, start));
        this.#held = NOTHING;
        return data.subarray(lf + 1);
      }
      const endsInCrlf = line.length > 1 && line[line.length - 2] === CR;
      judge(line, endsInCrlf ? 2 : 1);
      this.#endLine(endsInCrlf);
      start = lf + 1;
    }
    // The last octet stays behind, for it may be the CR of a CRLF.
    if (data.length - start > LINE_OCTETS_MAX + 2) {
      judge(data.subarray(start, -1), 0);
      start = data.length - 1;
    }
    this.#keep(data.subarray(run, start));
    this.#held = data.subarray(start);
    return null;
  }

  end(): Body {
    const raw = Buffer.concat(this.#kept);
    const blankLine = raw.indexOf('\r\n\r\n');
    return {
      bytes: this.#bytes,
      sha256: this.#hash.digest('hex'),
      head: raw.toString('utf8', 0, blankLine === -1 ? Math.min(raw.length, HEAD_BYTES_MAX) : blankLine + 2),
      isAscii: this.#isAscii,
      anomalies: [...this.#anomalies],
      raw: this.#keepsRaw ? raw : null,
    };
  }

  #endsMail(line: Buffer): boolean {
    return (
      this.#lineOctets === 0 && this.#afterCrlf && line.length === 3 && line[0] === DOT && line[1] === CR
    );
  }

  /**
   * Judges a whole line, or a part of one that is too long to be held; `ending` octets of it end
   * the line.
   */
  #startsWithStuffing(part: Buffer, ending: number): boolean {
    const content = part.subarray(0, part.length - ending);
    const isStuffed = this.#lineOctets === 0 && content[0] === DOT;
    if (isStuffed && content[1] !== DOT)
      this.#anomalies.add('dot at the start of a line without another before it');
    if (content.includes(CR)) this.#anomalies.add('bare CR in the body');
    this.#lineOctets += content.length - (isStuffed ? 1 : 0);
    if (this.#lineOctets > LINE_OCTETS_MAX) this.#anomalies.add('line above 998 octets');
    return isStuffed;
  }

  #endLine(inCrlf: boolean): void {
    if (!inCrlf) this.#anomalies.add('bare LF in the body');
    if (this.#lineOctets === 0) this.#headIsOpen = false;
    this.#lineOctets = 0;
    this.#afterCrlf = inCrlf;
  }

  #keep(bytes: Buffer): void {
    this.#bytes += bytes.length;
    this.#hash.update(bytes);
    this.#isAscii &&= isAscii(bytes);
    if (!this.#keepsRaw && (this.#headIsComplete || this.#bytes > 2 * HEAD_BYTES_MAX)) return;
    this.#kept.push(bytes);
    this.#headIsComplete = !this.#headIsOpen;
  }
}

/** Values of the named headers (lower-case), unfolded, in order of appearance. */
export function readHead(head: string, names: readonly string[]): Record<string, string[]> {
  const found: Record<string, string[]> = Object.fromEntries(names.map((name) => [name, []]));
  for (const line of head.replace(/\r\n[ \t]/g, ' ').split('\r\n')) {
    const colon = line.indexOf(':');
    found[line.slice(0, colon).toLowerCase()]?.push(line.slice(colon + 1).trim());
  }
  return found;
}
