// Finds the links of an html: whatever in its attributes and styles names something that a mail
// program opens or fetches.

import { type Attribute, type Tag, visitTags } from './html-tags.ts';
import { schemeOf } from './schemes.ts';

export interface Link {
  /** The name of the attribute in lower case; `style` also for a `<style>` element. */
  readonly place: string;
  /** In lower case; null for a link without a scheme. */
  readonly scheme: string | null;
  /** Where the attribute, or the content of the `<style>` element, begins in the html. */
  readonly at: number;
}

type UrlsOf = (value: string, tag: Tag) => readonly string[];

const url: UrlsOf = (value) => [value];
/**
 * `srcset` has URLs and sizes (`a.png 2x, b.png 3x`), `ping` has URLs. A browser skips a size that
 * it does not know (`2X`, `(a)`) and reads on after its comma.
 */
const urls: UrlsOf = (value) => value.split(/\s+/).map((word) => word.replace(/^[^:/]*,/, ''));
/**
 * `<meta http-equiv="refresh" content="0; url=https://shop.example">`. A space may stand in place
 * of the semicolon, and `url=` may be absent.
 */
const refresh: UrlsOf = (value, tag) => {
  if (tag.name !== 'meta' || !tag.attributes.some(isRefresh)) return [];
  const [, target] = /^[\s\d.]+(?:[;,]\s*|(?<=\s))(?:url\s*=\s*)?["']?(.*)/is.exec(value) ?? [];
  return target === undefined ? [] : [target];
};
const isRefresh = ({ name, value }: Attribute): boolean =>
  name === 'http-equiv' && value.trim().toLowerCase() === 'refresh';
/** An animation in SVG can set the `href` of a link. */
const animation: UrlsOf = (value, tag) => (/^(?:set|animate)/.test(tag.name) ? value.split(';') : []);

/** The links in the value of each attribute that can have some. */
const attributes: ReadonlyMap<string, UrlsOf> = new Map([
  ['action', url],
  ['background', url],
  ['by', animation],
  ['clip-path', cssUrls],
  ['codebase', url],
  ['content', refresh],
  ['data', (value, tag) => (tag.name === 'object' ? [value] : [])],
  ['cursor', cssUrls],
  ['dynsrc', url],
  ['fill', cssUrls],
  ['filter', cssUrls],
  ['formaction', url],
  ['from', animation],
  ['href', url],
  ['imagesrcset', urls],
  ['lowsrc', url],
  ['marker-end', cssUrls],
  ['marker-mid', cssUrls],
  ['marker-start', cssUrls],
  ['mask', cssUrls],
  ['ping', urls],
  ['poster', url],
  ['src', url],
  ['srcset', urls],
  ['stroke', cssUrls],
  ['style', cssUrls],
  ['to', animation],
  ['values', animation],
]);
const names: ReadonlySet<string> = new Set([...attributes.keys(), 'http-equiv', 'srcdoc']);

/**
 * The first link that is `wanted`; null when there is none. Returns `nested` when the html has so
 * many tags inside tags that not all can be read. Takes time in proportion to the length.
 */
export function findLink(html: string, wanted: (link: Link) => boolean): Link | 'nested' | null {
  let found: Link | 'nested' | null = null;
  let styleEnd = 0;
  const find = (place: string, at: number, targets: readonly string[]): void => {
    for (const target of targets) {
      const link = { place, at, scheme: schemeOf(target) };
      if (found === null && wanted(link)) found = link;
    }
  };
  const readAttribute = ({ name, value, at }: Attribute, tag: Tag): void => {
    find(name, at, attributes.get(name)?.(value, tag) ?? []);
    // the value is a document of its own
    if (name === 'srcdoc') found ??= findLink(value, (link) => wanted({ ...link, at }));
  };
  const end = visitTags(html, {
    names,
    tag: (tag) => {
      for (const attribute of tag.attributes) readAttribute(attribute, tag);
      // a `<style>` inside the content of another was read with the other
      if (tag.name === 'style' && tag.end >= styleEnd) {
        styleEnd = endOfStyle(html, tag.end);
        find('style', tag.end, cssUrls(html.slice(tag.end, styleEnd)));
      }
      return found !== null;
    },
  });
  return end === 'nested' ? 'nested' : found;
}

function endOfStyle(html: string, start: number): number {
  const closing = /<\/style/gi;
  closing.lastIndex = start;
  return closing.exec(html)?.index ?? html.length;
}

/**
 * What follows `url(`, `@import` and each quote from `image-set(` to the end of the rule. Escapes
 * such as `\6a` are decoded; a backslash before a line break is removed together with the break.
 */
function cssUrls(css: string): readonly string[] {
  if (!/[(@\\]/.test(css)) return [];
  const plain = css.replace(cssEscape, decodeCssEscape);
  const urls: string[] = [];
  let isInSet = false;
  for (const { index, 0: start } of plain.matchAll(cssUrlStart)) {
    if (start === '}') isInSet = false;
    else if (start.toLowerCase() === 'image-set(') isInSet = true;
    else if (isInSet || start.length > 1) urls.push(plain.slice(index + start.length));
  }
  return urls;
}

/** The bound keeps many `@import` without a quote from taking the square of their length. */
const cssUrlStart = /url\(["'\s]*|image-set\(|@import[^;"'()]{0,200}["']|["'}]/gi;
const cssEscape = /\\(?:([0-9a-f]{1,6})(?:\r\n|\s)?|(\r\n|[\s\S]))/gi;

function decodeCssEscape(_: string, hex: string | undefined, plain: string | undefined): string {
  if (hex === undefined) return plain === undefined || /[\r\n\f]/.test(plain) ? '' : plain;
  const code = Number.parseInt(hex, 16);
  return code <= 0x10ffff ? String.fromCodePoint(code) : '\ufffd';
}
