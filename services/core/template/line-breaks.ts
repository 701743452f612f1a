// A text whose line breaks are to be shown: the result of the helper `lineBreaks`. How they are
// shown depends on the part of the mail, so the tag that prints the text decides.

/** What the lines are separated by in texts that people type or paste. */
const lineEnd = /\r\n?|[\n\u2028\u2029]/g;

/** Private fields only, so that a template cannot look inside. */
export class LineBreaks {
  readonly #text: string;

  constructor(text: string) {
    this.#text = text;
  }

  /** The text as the caller wrote it, for a text and a subject. */
  get plain(): string {
    return this.#text;
  }

  /** The lines, without their ends. In html a `<br>` stands between two. */
  get lines(): readonly string[] {
    return this.#text.split(lineEnd);
  }
}
