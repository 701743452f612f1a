// Reads the start tags of an html with the tokenizer of htmlparser2.
//
// Every `<` in front of a letter begins a tag here, also inside comments, `<title>`, quotes and
// other tags. Parsers disagree on where those end, and Outlook reads some comments as html. So no
// mail program finds a tag that this file misses.

import { Tokenizer, type TokenizerCallbacks } from 'htmlparser2';
import { templateLimits } from '../limits/template.ts';

export interface Attribute {
  /** In lower case, without a namespace: `href` for `xlink:href`. */
  readonly name: string;
  /** Character references are decoded. */
  readonly value: string;
  /** Where the name begins in the html. */
  readonly at: number;
}

export interface Tag {
  /** In lower case, without a namespace. */
  readonly name: string;
  readonly attributes: readonly Attribute[];
  /** Where the tag ends in the html; the length of the html when the tag has no end. */
  readonly end: number;
}

/** What a visit may do with one html. */
interface Visit {
  /** The names of the attributes to read. The others cost no strings. */
  readonly names: ReadonlySet<string>;
  /** Returns true to stop. */
  readonly tag: (tag: Tag) => boolean;
}

/**
 * Calls `visit.tag` for each tag. Returns `nested`, and reads no further, where tags inside tags
 * would let the time grow with the square of the length.
 */
export function visitTags(html: string, { names, tag: visit }: Visit): 'visited' | 'stopped' | 'nested' {
  const reader = new TagReader(html, names);
  const opening = /<[a-z]/gi;
  let charsLeft = html.length + Math.max(html.length, templateLimits.nestedTagsCharsMin);
  for (let found = opening.exec(html); found !== null; found = opening.exec(html)) {
    const tag = reader.read(found.index);
    charsLeft -= tag.end - found.index;
    if (charsLeft < 0) return 'nested';
    if (visit(tag)) return 'stopped';
  }
  return 'visited';
}

const nothing = (): void => undefined;
/** For what cannot happen between the name of a start tag and its end. */
const unused = {
  oncdata: nothing,
  onclosetag: nothing,
  oncomment: nothing,
  ondeclaration: nothing,
  onend: nothing,
  onprocessinginstruction: nothing,
  ontext: nothing,
  ontextentity: nothing,
} satisfies Partial<TokenizerCallbacks>;

/** One tokenizer for all tags of an html. It pauses at the end of each tag. */
class TagReader {
  readonly #html: string;
  readonly #tokenizer: Tokenizer;
  #start = 0;
  /** The html from the tag on. */
  #source = '';
  #name = '';
  #attributes: Attribute[] = [];
  /** The attribute that is being read, when it is one of the wanted names. */
  #attribute: { readonly name: string; readonly at: number; value: string } | null = null;
  #end = 0;

  constructor(html: string, names: ReadonlySet<string>) {
    this.#html = html;
    const end = (at: number): void => {
      this.#end = this.#start + at + 1;
      this.#tokenizer.pause();
    };
    const append = (text: string): void => {
      if (this.#attribute !== null) this.#attribute.value += text;
    };
    this.#tokenizer = new Tokenizer(
      {},
      {
        ...unused,
        onopentagname: (from, to) => {
          this.#name = localName(this.#source.slice(from, to));
        },
        onattribname: (from, to) => {
          const name = localName(this.#source.slice(from, to));
          this.#attribute = names.has(name) ? { name, at: this.#start + from, value: '' } : null;
        },
        onattribdata: (from, to) => {
          if (this.#attribute !== null) append(this.#source.slice(from, to));
        },
        onattribentity: (code) => append(String.fromCodePoint(code)),
        onattribend: () => this.#keep(),
        onopentagend: end,
        onselfclosingtag: end,
      },
    );
  }

  /** A `<` and a letter stand at `start`. */
  read(start: number): Tag {
    this.#start = start;
    this.#source = this.#html.slice(start);
    this.#name = '';
    this.#attributes = [];
    this.#attribute = null;
    this.#end = this.#html.length;
    this.#tokenizer.reset();
    this.#tokenizer.write(this.#source);
    // the html may end inside the tag
    this.#keep();
    return { name: this.#name, attributes: this.#attributes, end: this.#end };
  }

  #keep(): void {
    if (this.#attribute !== null) this.#attributes.push(this.#attribute);
    this.#attribute = null;
  }
}

function localName(name: string): string {
  return name.slice(name.lastIndexOf(':') + 1).toLowerCase();
}
