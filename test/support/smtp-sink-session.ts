// One dialogue with one client: RFC 5321 as a server speaks it, with the script asked before each
// reply.

import { isAscii } from 'node:buffer';
import type { ReceivedMail, Sink } from './smtp-sink.ts';
import { type Body, BodyReader, readHead } from './smtp-sink-body.ts';
import type { Rule, SmtpStage } from './smtp-sink-rules.ts';
import type { Wire } from './smtp-sink-wire.ts';

const MAIL_BYTES_MAX = 100 * 1024 * 1024;
const EXTENSIONS = ['PIPELINING', '8BITMIME', 'SMTPUTF8', 'ENHANCEDSTATUSCODES'];

interface Transaction {
  readonly from: string;
  readonly to: string[];
  readonly parameters: readonly string[];
}

export class SinkSession {
  readonly #sink: Sink;
  readonly #wire: Wire;
  readonly #connection: number;
  #isWelcome = false;
  #isTls = false;
  #isGreeted = false;
  #user: string | null = null;
  #mail: Transaction | null = null;

  constructor(sink: Sink, wire: Wire, connection: number) {
    this.#sink = sink;
    this.#wire = wire;
    this.#connection = connection;
  }

  async run(): Promise<void> {
    if (this.#sink.options.tls === 'implicit' && !(await this.#secure())) return;
    this.#isWelcome = isPositive(await this.#answer('greeting', '220 sink.example ESMTP'));
    for (let line = await this.#readCommand(); line !== null; line = await this.#readCommand()) {
      const verb = (line.split(' ', 1)[0] ?? '').toUpperCase();
      await this.#obey(verb, line.slice(verb.length + 1));
    }
  }

  async #obey(verb: string, rest: string): Promise<void> {
    switch (verb) {
      case 'EHLO':
      case 'HELO':
        return this.#ehlo(verb);
      case 'STARTTLS':
        return this.#startTls();
      case 'AUTH':
        return this.#authenticate(rest);
      case 'MAIL':
        return this.#from(rest);
      case 'RCPT':
        return this.#to(rest);
      case 'DATA':
        return this.#data();
      case 'RSET':
        this.#mail = null;
        await this.#answer('rset', '250 2.0.0 forgotten');
        return;
      case 'NOOP':
        return this.#wire.write('250 2.0.0 as you like\r\n');
      case 'QUIT':
        await this.#answer('quit', '221 2.0.0 bye');
        return this.#wire.drop('close');
      default:
        this.#note('unknown command');
        return this.#wire.write('500 5.5.1 unknown command\r\n');
    }
  }

  async #ehlo(verb: string): Promise<void> {
    this.#mail = null;
    const { extensions = EXTENSIONS, tls = 'none', auth, mailBytesMax = MAIL_BYTES_MAX } = this.#sink.options;
    const offered = [...extensions, `SIZE ${mailBytesMax}`];
    if (tls === 'starttls' && !this.#isTls) offered.push('STARTTLS');
    if (auth && (this.#isTls || auth.isOfferedInClear)) offered.push('AUTH PLAIN LOGIN');
    const lines = verb === 'EHLO' ? ['sink.example', ...offered] : ['sink.example'];
    const offers = lines
      .map((line, index) => `250${index === lines.length - 1 ? ' ' : '-'}${line}`)
      .join('\r\n');
    this.#isGreeted = isPositive(
      await this.#answer('ehlo', this.#isWelcome ? offers : '503 5.5.1 refused already'),
    );
  }

  async #startTls(): Promise<void> {
    const { tls = 'none' } = this.#sink.options;
    if (this.#isTls || (tls !== 'starttls' && tls !== 'stripped'))
      return this.#wire.write('502 5.5.1 not here\r\n');
    if (!isPositive(await this.#answer('starttls', '220 2.0.0 go ahead'))) return;
    // What came in clear text behind the command would be taken for something said under TLS
    // (CVE-2011-0411).
    if (this.#wire.discard() > 0) this.#note('something sent in clear text behind STARTTLS');
    this.#isGreeted = false;
    await this.#secure();
  }

  async #secure(): Promise<boolean> {
    const context = this.#sink.secureContext;
    if (context === null) throw new Error('TLS needs a certificate');
    this.#isTls = await this.#wire.startTls(context);
    return this.#isTls;
  }

  async #authenticate(rest: string): Promise<void> {
    const { auth } = this.#sink.options;
    if (!this.#isTls) this.#note('credentials in clear text');
    const [method = '', initial = ''] = rest.split(' ');
    let given: string[];
    switch (method.toUpperCase()) {
      case 'PLAIN':
        given = decode(initial || (await this.#ask('')))
          .split('\0')
          .slice(1);
        break;
      case 'LOGIN':
        given = [decode(initial || (await this.#ask('Username:'))), decode(await this.#ask('Password:'))];
        break;
      default:
        return this.#wire.write('504 5.5.4 PLAIN or LOGIN\r\n');
    }
    const isRight = auth !== undefined && given[0] === auth.user && given[1] === auth.password;
    const code = await this.#answer('auth', isRight ? '235 2.7.0 welcome' : '535 5.7.8 wrong');
    if (isPositive(code)) this.#user = given[0] ?? '';
  }

  async #ask(question: string): Promise<string> {
    this.#wire.write(`334 ${Buffer.from(question).toString('base64')}\r\n`);
    return (await this.#readCommand()) ?? '';
  }

  async #from(rest: string): Promise<void> {
    const path = /^FROM:<([^<>]*)>((?: \S+)*)$/i.exec(rest);
    if (path === null) {
      this.#note('malformed MAIL');
      return this.#wire.write('501 5.5.4 malformed\r\n');
    }
    const [, from = '', given = ''] = path;
    const parameters = given.split(' ').filter(Boolean);
    this.#checkAscii(from, parameters);
    let usual = '250 2.1.0 sender fine';
    if (!this.#isGreeted || this.#mail !== null) usual = '503 5.5.1 out of order';
    else if (this.#sink.options.auth && this.#user === null) usual = '530 5.7.0 authenticate first';
    else if (announcedBytes(parameters) > this.#bytesMax) usual = '552 5.3.4 too large';
    if (isPositive(await this.#answer('mail', usual, { from, to: [] })))
      this.#mail = { from, to: [], parameters };
  }

  async #to(rest: string): Promise<void> {
    const path = /^TO:<([^<>]+)>((?: \S+)*)$/i.exec(rest);
    if (path === null) {
      this.#note('malformed RCPT');
      return this.#wire.write('501 5.5.4 malformed\r\n');
    }
    const recipient = path[1] ?? '';
    if (this.#mail === null) return this.#wire.write('503 5.5.1 MAIL first\r\n');
    this.#checkAscii(recipient, this.#mail.parameters);
    const code = await this.#answer('rcpt', '250 2.1.5 recipient fine', {
      from: this.#mail.from,
      to: [recipient],
    });
    if (isPositive(code)) this.#mail.to.push(recipient);
  }

  async #data(): Promise<void> {
    const mail = this.#mail;
    if (mail === null || mail.to.length === 0) return this.#wire.write('503 5.5.1 RCPT first\r\n');
    if ((await this.#answer('data', '354 go ahead', mail)) !== 354) return;
    const body = await this.#readBody(mail);
    if (body === null) return;
    for (const what of body.anomalies) this.#note(what);
    if (!body.isAscii && !mail.parameters.some((given) => /^BODY=8BITMIME$/i.test(given)))
      this.#note('8-bit body without BODY=8BITMIME');
    this.#mail = null;

    const rule = this.#next('dot', mail);
    const usual = body.bytes > this.#bytesMax ? '552 5.3.4 too large' : '250 2.0.0 taken';
    const isTaken = isPositive(codeOf(rule?.reply ?? usual));
    // The mail is recorded before anything is answered: what is lost after this is the answer,
    // never the mail.
    const received = isTaken ? this.#record(mail, body) : null;
    if (!isTaken) this.#sink.refused += 1;
    this.#sink.changed();
    const code = await this.#perform('dot', rule, usual);
    if (received !== null) received.answered = code;
  }

  async #readBody(mail: Transaction): Promise<Body | null> {
    const reader = new BodyReader(this.#sink.options.keep !== 'digest');
    const rule = this.#next('body', mail);
    const bytesPerSecond = rule?.bytesPerSecond;
    let isDue = rule !== null;
    for (;;) {
      const chunk = await this.#wire.read(
        bytesPerSecond === undefined ? undefined : Math.max(1, Math.floor(bytesPerSecond / 10)),
      );
      if (chunk === null) return null;
      const rest = reader.feed(chunk);
      if (bytesPerSecond !== undefined) await this.#wire.wait((chunk.length / bytesPerSecond) * 1000);
      if (rule !== null && isDue && reader.bytes >= (rule.afterBytes ?? 0)) {
        isDue = false;
        await this.#perform('body', rule, null);
        if (!this.#wire.isOpen) return null;
      }
      if (rest === null) continue;
      this.#wire.unread(rest);
      return reader.end();
    }
  }

  #record(mail: Transaction, body: Body): ReceivedMail {
    const headers = readHead(body.head, ['message-id', ...(this.#sink.options.headers ?? [])]);
    const received = {
      connection: this.#connection,
      ...mail,
      messageId: headers['message-id']?.[0] ?? null,
      headers,
      bytes: body.bytes,
      sha256: body.sha256,
      isTls: this.#isTls,
      user: this.#user,
      answered: null,
      raw: body.raw,
    };
    this.#sink.mails.push(received);
    return received;
  }

  async #answer(
    stage: SmtpStage,
    usual: string,
    about: { from: string; to: readonly string[] } = { from: '', to: [] },
  ): Promise<number | null> {
    return this.#perform(stage, this.#next(stage, about), usual);
  }

  #next(stage: SmtpStage, { from, to }: { from: string; to: readonly string[] }): Rule | null {
    this.#sink.reached[stage] += 1;
    this.#sink.changed();
    return this.#sink.script.next(stage, { connection: this.#connection, from, to });
  }

  /** Does what the rule says. Returns the code that was sent, or null when none was. */
  async #perform(stage: SmtpStage, rule: Rule | null, usual: string | null): Promise<number | null> {
    if (rule?.delayMs) await this.#wire.wait(rule.delayMs);
    if (rule?.hang) {
      this.#sink.hanging[stage] += 1;
      this.#sink.changed();
      await this.#wire.waitFor(this.#sink.released);
      this.#sink.hanging[stage] -= 1;
    }
    const reply = rule?.reply ?? (rule?.drop ? null : usual);
    const isHeard = reply !== null && this.#wire.isOpen;
    if (isHeard && rule?.split) await this.#wire.writeSplit(`${reply}\r\n`);
    else if (isHeard) this.#wire.write(`${reply}\r\n`);
    if (rule?.drop) this.#wire.drop(rule.drop);
    this.#sink.changed();
    return isHeard ? codeOf(reply) : null;
  }

  async #readCommand(): Promise<string | null> {
    const line = await this.#wire.readLine();
    if (line === null) return null;
    if (!line.endsWith('\r\n')) this.#note('bare LF after a command');
    const command = line.replace(/\r?\n$/, '');
    if (command.includes('\r')) this.#note('bare CR in a command');
    return command;
  }

  #checkAscii(address: string, parameters: readonly string[]): void {
    const isAllowed = parameters.some((given) => given.toUpperCase() === 'SMTPUTF8');
    if (!isAllowed && !isAscii(Buffer.from(address))) this.#note('non-ASCII address without SMTPUTF8');
  }

  #note(what: string): void {
    this.#sink.anomalies.push({ connection: this.#connection, what });
  }

  get #bytesMax(): number {
    return this.#sink.options.mailBytesMax ?? MAIL_BYTES_MAX;
  }
}

const codeOf = (reply: string): number => Number(reply.slice(0, 3));
const isPositive = (code: number | null): boolean => code !== null && code >= 200 && code < 400;
const decode = (base64: string): string => Buffer.from(base64, 'base64').toString('utf8');

function announcedBytes(parameters: readonly string[]): number {
  return Number(parameters.find((given) => /^SIZE=\d+$/i.test(given))?.slice('SIZE='.length) ?? 0);
}
