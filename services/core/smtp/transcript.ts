// The dialogue of a transaction, for people who ask why it failed: each command and each reply,
// without the data of a login and without the body.

export class Transcript {
  readonly #bytesMax: number;
  #lines: string[] = [];
  #chars = 0;

  constructor(bytesMax: number) {
    this.#bytesMax = bytesMax;
  }

  /** One or more commands as written, with or without their CRLF. */
  client(commands: string): void {
    this.#write('C: ', commands);
  }

  /** A whole reply, its lines separated by LF. */
  server(reply: string): void {
    this.#write('S: ', reply);
  }

  clear(): void {
    this.#lines = [];
    this.#chars = 0;
  }

  /** At most `bytesMax` bytes of UTF-8, lines separated by LF. */
  toString(): string {
    const text = this.#lines
      .map((entry) => marked(entry.slice(0, MARK_CHARS), entry.slice(MARK_CHARS)))
      .join('\n');
    const bytes = Buffer.from(text);
    if (bytes.length <= this.#bytesMax) return text;
    return bytes.toString('utf8', 0, this.#bytesMax).replace(/\ufffd$/, ''); // the cut may have split a character
  }

  /** Formats nothing yet: most transcripts are never read. */
  #write(mark: string, text: string): void {
    if (this.#chars >= this.#bytesMax) return;
    this.#lines.push(mark + text);
    this.#chars += text.length;
  }
}

const MARK_CHARS = 3;

const marked = (mark: string, text: string): string =>
  text
    .replace(/\r?\n$/, '')
    .split(/\r?\n/)
    .map((line) => mark + line)
    .join('\n');
