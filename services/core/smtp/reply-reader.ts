// Divides the bytes of a server into whole replies (RFC 5321 4.2), however the network splits or
// joins them. Keeps no more of a reply than a transcript may hold.

import { smtpOutLimits } from '../limits/smtp-out.ts';

/** A code and its separator. */
const CODE_CHARS = 4;
const ZERO = 48;

/** One whole reply. */
export interface HeardReply {
  /** The code of all lines; null when there is none, or when the lines contradict each other. */
  readonly code: number | null;
  /** The lines, separated by LF, cut to `smtpOutLimits.transcriptBytesMax` characters. */
  readonly raw: string;
}

export class ReplyReader {
  /** The beginning of an unfinished line. */
  #line = '';
  /** The lines of an unfinished reply. */
  #lines: string[] = [];
  #code: number | null = null;
  /** Characters of the unfinished reply, and of its kept lines. */
  #length = 0;
  #kept = 0;

  /**
   * The unfinished reply has more than `smtpOutLimits.smtpReplyBytesMax`: the connection must be
   * closed.
   */
  get isTooLong(): boolean {
    return this.#length > smtpOutLimits.smtpReplyBytesMax;
  }

  /**
   * Takes bytes as latin1, one character each. Returns the replies that are complete now, in order.
   */
  push(text: string): HeardReply[] {
    const replies: HeardReply[] = [];
    for (let start = 0; start < text.length && !this.isTooLong; ) {
      const lf = text.indexOf('\n', start);
      const end = lf < 0 ? text.length : lf;
      this.#append(text, start, end);
      if (lf < 0) break;
      start = lf + 1;
      const reply = this.#endLine();
      if (reply !== null) replies.push(reply);
    }
    return replies;
  }

  /**
   * The connection has ended. Returns an unfinished refusal. An unfinished acceptance does not
   * count, because a later line could have contradicted it.
   */
  end(): HeardReply | null {
    const isContradiction = this.#lines.length > 0 && this.#code === null;
    const raw = [...this.#lines, this.#line].filter((line) => line !== '').join('\n');
    return !isContradiction && /^[45]\d\d[ -]/.test(raw)
      ? { code: Number(raw.slice(0, 3)), raw: decoded(raw) }
      : null;
  }

  #append(text: string, start: number, end: number): void {
    this.#length += end - start;
    // The code of each line is needed, even when the line itself is not kept any more.
    const room = Math.max(smtpOutLimits.transcriptBytesMax - this.#kept, CODE_CHARS) - this.#line.length;
    if (room <= 0) return;
    const piece = text.slice(start, Math.min(end, start + room));
    this.#line = this.#line === '' ? piece : this.#line + piece;
  }

  #endLine(): HeardReply | null {
    this.#length += 1;
    const line = this.#line.endsWith('\r') ? this.#line.slice(0, -1) : this.#line;
    this.#line = '';
    const isFirst = this.#lines.length === 0;
    if (isFirst && line.trim() === '') return this.#whole(null); // some servers write an empty line between replies
    const code = codeOf(line);
    if (isFirst) this.#code = code;
    else if (code !== null && classOf(code) !== classOf(this.#code)) this.#code = null;
    if (this.#kept < smtpOutLimits.transcriptBytesMax) this.#lines.push(line);
    this.#kept += line.length + 1;
    // A line without a code inside a reply is text with a line break.
    const goesOn = code === null ? !isFirst : line[3] === '-';
    return goesOn ? null : this.#whole({ code: this.#code, raw: decoded(this.#lines.join('\n')) });
  }

  #whole(reply: HeardReply | null): HeardReply | null {
    if (this.#lines.length > 0) this.#lines = [];
    this.#length = 0;
    this.#kept = 0;
    return reply;
  }
}

const classOf = (code: number | null): number => Math.floor((code ?? 0) / 100);

/** The code of `250 `, `250-` or `250`; null for any other beginning. */
function codeOf(line: string): number | null {
  const [first, second, third] = [
    line.charCodeAt(0) - ZERO,
    line.charCodeAt(1) - ZERO,
    line.charCodeAt(2) - ZERO,
  ];
  if (!(first >= 2 && first <= 5 && second >= 0 && second <= 9 && third >= 0 && third <= 9)) return null;
  const separator = line[3];
  return separator === undefined || separator === ' ' || separator === '-'
    ? first * 100 + second * 10 + third
    : null;
}

/** Replies have no charset: UTF-8 where the bytes are UTF-8, latin1 otherwise. */
function decoded(raw: string): string {
  if (!/[\x80-\xff]/.test(raw)) return raw;
  const utf8 = Buffer.from(raw, 'latin1').toString('utf8');
  return utf8.includes('\ufffd') ? raw : utf8;
}
