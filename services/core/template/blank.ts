// Tells a part of a mail that is absent from one that is present. A blank html beside a text would
// be the part that mail programs prefer, and the reader would see an empty mail.

/**
 * A character that a reader can see: no white space, no control, no invisible format character, and
 * none that Unicode has programs ignore when they lack a glyph (U+3164, variation selectors). The
 * empty Braille pattern U+2800 is a symbol for Unicode, but has no dots.
 */
const visible = /[^\s\p{Cc}\p{Cf}\p{Default_Ignorable_Code_Point}\u2800]/u;

/**
 * True for a part that is missing or has no visible character. The tags of an html are visible
 * characters here: `<p></p>` is not blank.
 */
export function isBlank(part: string | null | undefined): boolean {
  return part === null || part === undefined || !visible.test(part);
}

/** The part; null when it is blank. */
export function presentPart(part: string | null | undefined): string | null {
  return isBlank(part) ? null : (part ?? null);
}
