// A server for the fuzz of the conversation: it reads as RFC 5321 says, and answers by a tape, on
// which 0 is what a good server does. It drops, falls silent, answers twice, early, cut off or
// nonsense, and it remembers what it was given.

/**
 * Numbers that decide, below `Tape.max`. At its end everything is 0, which is what goes well, so a
 * short tape ends well.
 */
export class Tape {
  static readonly max = 1_023;
  readonly #numbers: ArrayLike<number>;
  #at = 0;

  constructor(numbers: ArrayLike<number>) {
    this.#numbers = numbers;
  }

  /** One of so many that are all as good. */
  below(count: number): number {
    return this.#next() % count;
  }

  /** 0 to 255; 0 in three of four cases, or no transaction would get far. */
  trouble(): number {
    const number = this.#next();
    return number < 256 ? number : 0;
  }

  #next(): number {
    return this.#numbers[this.#at++] ?? 0;
  }
}

/** A body whose dot came. */
export interface Received {
  readonly body: string;
  /** Whom the server had said yes to. */
  readonly recipients: number;
  /** The server has taken responsibility, whatever it managed to say. */
  isTaken: boolean;
}

type Verb = 'RSET' | 'MAIL' | 'RCPT' | 'DATA' | 'QUIT' | 'dot';

const VERBS: ReadonlySet<string> = new Set<Verb>(['RSET', 'MAIL', 'RCPT', 'DATA', 'QUIT']);

export class ModelServer {
  /** What it has said and the client has not heard. */
  out = '';
  /** It says no more, and reads no more. */
  isGone = false;
  readonly received: Received[] = [];
  /**
   * It said something between its 354 and its answer to the dot, which the client may take for that
   * answer.
   */
  isUntimely = false;
  /** It left a command without an answer, and went on. */
  hasSkipped = false;

  readonly #tape: Tape;
  #line = '';
  #body: string[] | null = null;
  #recipients = 0;

  constructor(tape: Tape) {
    this.#tape = tape;
  }

  receive(text: string): void {
    const lines = (this.#line + text).split('\r\n');
    this.#line = lines.pop() ?? '';
    for (const line of lines) {
      if (this.isGone) return;
      if (this.#body === null) this.#command(line);
      else if (line === '.') this.#endBody(this.#body);
      else this.#bodyLine(this.#body, line);
    }
  }

  #command(line: string): void {
    const verb = line.split(' ', 1)[0] as Verb;
    if (!VERBS.has(verb)) {
      this.#say(500); // a body, after a 354 that was not meant
      return;
    }
    const code = this.#answer(verb, verb === 'DATA' ? 354 : 250);
    if (verb === 'RSET' || verb === 'MAIL') this.#recipients = 0;
    if (verb === 'RCPT' && code !== null && code < 300) this.#recipients += 1;
    if (verb === 'DATA' && code === 354) this.#body = [];
  }

  #bodyLine(body: string[], line: string): void {
    body.push(line.startsWith('.') ? line.slice(1) : line);
    switch (this.#tape.trouble()) {
      case 253:
        this.isUntimely = true;
        this.#say(552);
        break;
      case 254:
        this.isUntimely = true;
        this.#say(250);
        break;
      case 255:
        this.isGone = true;
        break;
      default:
    }
  }

  #endBody(body: string[]): void {
    const mail: Received = { body: body.join('\n'), recipients: this.#recipients, isTaken: false };
    this.received.push(mail);
    this.#body = null;
    const code = this.#answer('dot', 250);
    // Where it managed to say nothing that counts, the server alone knows.
    mail.isTaken = code === null ? this.#tape.below(2) === 0 : code < 300;
    this.#recipients = 0;
  }

  /** The code that went out as its answer; null when none did. */
  #answer(verb: Verb, usual: number): number | null {
    const what = this.#tape.trouble();
    if (what < 160) return this.#say(usual);
    if (what < 176) return this.#say(450);
    if (what < 192) return this.#say(550);
    if (what < 198) return this.#leave(() => this.#say(421));
    if (what < 206) return this.#leave(() => null);
    if (what < 214) return this.#leave(() => this.#say(usual));
    if (what < 219) {
      this.hasSkipped = true;
      return null;
    }
    if (what < 225) {
      this.isUntimely ||= verb === 'dot';
      this.#extra();
      return this.#say(usual);
    }
    if (what < 235) {
      const code = this.#say(usual);
      this.isUntimely ||= verb === 'DATA';
      this.#extra();
      return code;
    }
    if (what < 240) return this.#nonsense();
    if (what < 246) return this.#leave(() => this.#cutOff());
    if (what < 250) return this.#manyLines(usual);
    return this.#say(usual === 354 ? 250 : 354);
  }

  #say(code: number): number {
    this.out += `${code} ${code < 400 ? 'fine' : 'no'}\r\n`;
    return code;
  }

  /** Of an unsolicited reply. */
  #extra(): void {
    this.#say([250, 354, 421, 550][this.#tape.below(4)] as number);
  }

  #nonsense(): null {
    this.out += ['hello\r\n', '.\r\n', '250-yes\r\n550 no\r\n', '2500 fine\r\n'][this.#tape.below(4)];
    return null;
  }

  #cutOff(): number | null {
    const which = this.#tape.below(4);
    this.out += ['25', '250 fi', '55', '550 n'][which];
    return which === 3 ? 550 : null;
  }

  #manyLines(code: number): number {
    this.out += `${code}-one\r\n${code}-two\r\n${code} three\r\n`;
    return code;
  }

  #leave<Code>(last: () => Code): Code {
    const code = last();
    this.isGone = true;
    return code;
  }
}
