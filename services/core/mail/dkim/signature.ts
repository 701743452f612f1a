// The DKIM-Signature field (RFC 6376 section 3.5): the fields that it covers and the text that a
// key signs. This file does not sign, because an RSA signature takes long enough to belong on
// another thread.

import type { DkimAlgorithm } from '../../catalog/catalog.ts';
import { namedHeaders } from '../headers.ts';
import { fieldsOf, relaxedField } from './canonical.ts';

/** Fields listed in `h=` once more than they occur, so that nobody can add another (S17). */
const OVERSIGNED = [
  'from',
  'to',
  'cc',
  'subject',
  'date',
  'message-id',
  'reply-to',
  'content-type',
  'mime-version',
];
/**
 * Fields listed as often as they occur. A relay may add a field that is absent, for example
 * List-Unsubscribe, and the signature stays valid. Fields that begin with `X-` are not signed,
 * because relays rewrite and remove them.
 */
const SIGNED = [
  ...OVERSIGNED,
  'content-transfer-encoding',
  ...Object.keys(namedHeaders).map((name) => name.toLowerCase()),
];
const LINE_CHARS = 72;

export interface ToSign {
  /** The header of the mail, with folded lines. */
  readonly header: string;
  /** The hash of the canonical body, in base64. */
  readonly bodyHash: string;
  /** A-label. */
  readonly domain: string;
  readonly selector: string;
  readonly algorithm: DkimAlgorithm;
  /**
   * The Date of the mail, in milliseconds since 1970. It becomes `t=`. There is no `x=`: the
   * signature of a mail that waits for days, here or at a relay, must not expire.
   */
  readonly time: number;
}

interface Unsigned {
  /** The text that the key signs. */
  readonly data: string;
  /** The whole field except for the signature at its end. */
  readonly field: string;
}

export function unsigned({ header, bodyHash, domain, selector, algorithm, time }: ToSign): Unsigned {
  const byName = Map.groupBy(fieldsOf(header), (field) =>
    field.slice(0, field.indexOf(':')).trim().toLowerCase(),
  );
  const names = SIGNED.flatMap((name) => {
    const count = (byName.get(name)?.length ?? 0) + (OVERSIGNED.includes(name) ? 1 : 0);
    return Array.from({ length: count }, () => name);
  });
  const field = [
    `DKIM-Signature: v=1; a=${algorithm}; c=relaxed/relaxed;`,
    ` d=${domain};`,
    ` s=${selector}; t=${Math.floor(time / 1_000)};`,
    ` h=${folded(names.map((name, i) => (i === names.length - 1 ? name : `${name}:`)))};`,
    ` bh=${bodyHash};`,
    ' b=',
  ].join('\r\n');
  // of several fields with one name, verifiers take the last first
  const left = new Map([...byName].map(([name, fields]) => [name, [...fields]]));
  const signed = names.flatMap((name) => left.get(name)?.pop() ?? []);
  return { field, data: [...signed, field].map(relaxedField).join('\r\n') };
}

/** The field with its signature, ending in CRLF. It goes before all other fields. */
export function signedField({ field }: Unsigned, signature: Uint8Array): string {
  const base64 = Buffer.from(signature).toString('base64');
  return `${field}${base64.match(new RegExp(`.{1,${LINE_CHARS}}`, 'g'))?.join('\r\n ') ?? ''}\r\n`;
}

function folded(words: readonly string[]): string {
  const lines = [''];
  for (const word of words) {
    const line = lines.at(-1) ?? '';
    if (line.length + word.length > LINE_CHARS && line !== '') lines.push(word);
    else lines[lines.length - 1] = line + word;
  }
  return lines.join('\r\n  ');
}
