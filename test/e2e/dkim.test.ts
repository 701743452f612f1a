// Signed mail, verified by two programs of other projects: `mailauth` and Python's `dkim`.

import { generateKeyPairSync } from 'node:crypto';
import { dkimVerify } from 'mailauth/lib/dkim/verify.js';
import { describe, expect, it } from 'vitest';
import { dkimName, dkimRecord } from '../../services/core/mail/dkim/key.ts';
import { describeWith } from '../support/describe-with.ts';
import { verifyWithPython } from '../support/python-dkim.ts';
import type { ReceivedMail } from '../support/smtp-sink.ts';
import { bytesOf, mailsTo, untilMailTo } from './mails.ts';
import { secret, sender } from './objects.ts';
import type { JsonObject } from './rest-client.ts';
import { onEachSubject } from './stage.ts';

const keys = {
  rsa: pem(generateKeyPairSync('rsa', { modulusLength: 2_048 }).privateKey),
  ed25519: pem(generateKeyPairSync('ed25519').privateKey),
};

function pem(key: { export(options: { type: 'pkcs8'; format: 'pem' }): string | Buffer }): string {
  return String(key.export({ type: 'pkcs8', format: 'pem' }));
}

const keyOf = (selector: string, key: string) => ({ selector, privateKeySecretRef: { name: 'dkim', key } });
const quick = { retry: { delaysSeconds: [1] }, limits: { messagesPerSecond: 0 } };
const objects = [
  secret('dkim', { 'rsa.pem': keys.rsa, 'ed25519.pem': keys.ed25519 }),
  sender('signed', {
    ...quick,
    dkim: { policy: 'Provided', keys: [keyOf('r1', 'rsa.pem'), keyOf('e1', 'ed25519.pem')] },
  }),
  sender('unsigned', { ...quick, dkim: { policy: 'Disabled' } }),
  sender('managed', quick),
];
const records = {
  [dkimName('r1', 'signed.shop.example')]: dkimRecord(keys.rsa),
  [dkimName('e1', 'signed.shop.example')]: dkimRecord(keys.ed25519),
};
/** The sink accepts the mail, and the dispatcher never gets the reply. */
const rules = [{ at: 'dot', to: 'again@example.com', times: 1, drop: 'close' }] as const;

const resolver = async (name: string, type: string): Promise<string[][]> => {
  const text = records[name];
  if (type === 'TXT' && text !== undefined) return [[text]];
  throw Object.assign(new Error('no such name'), { code: 'ENOTFOUND' });
};

/** The `a=` of each valid signature, and the verdict of each invalid one. */
async function verdicts(mail: Uint8Array): Promise<string[]> {
  const { results } = await dkimVerify(Buffer.from(mail), { resolver });
  return results.map(({ algo = '', status }) => (status.result === 'pass' ? algo : status.result)).sort();
}

const both = ['ed25519-sha256', 'rsa-sha256'];
const contents: readonly [string, JsonObject][] = [
  ['a line of text', { text: 'Hello' }],
  ['blank lines at its end', { text: 'Hello\n\n \n\t\n\n' }],
  [
    'dots, blanks and long lines',
    { text: `.\n..\n  a   b\t\tc  \n${'x'.repeat(3_000)}\n${' '.repeat(500)}` },
  ],
  [
    'text and html beyond ASCII',
    { text: 'Grüße aus Köln', html: '<p>Grüße &amp; 你好</p>', subject: 'Grüße 你好' },
  ],
  [
    'an attachment that is streamed',
    {
      text: 'See attached',
      attachments: [{ filename: 'a.bin', content: Buffer.alloc(300_000, 7).toString('base64') }],
    },
  ],
  ['a body that is streamed', { text: `${'All work and no play.  \n'.repeat(10_000)}\n\n` }],
  [
    'headers of its own',
    {
      text: 'Hello',
      reply_to: ['help@signed.shop.example'],
      headers: {
        'X-Order': '17',
        'In-Reply-To': '<a@shop.example>',
        'List-Id': 'Aufträge <orders.shop.example>',
        'List-Unsubscribe': `<mailto:u@shop.example>, <https://shop.example/u?t=${'a'.repeat(200)}>`,
        'List-Unsubscribe-Post': 'List-Unsubscribe=One-Click',
        'Feedback-ID': 'summer:shop:invoice:packetboat',
        'Auto-Submitted': 'auto-generated',
        'Content-Language': 'de-AT',
        'Disposition-Notification-To': 'Jürgen <j@signed.shop.example>',
      },
    },
  ],
];

describeWith(['dkimverify'], 'DKIM', () => {
  onEachSubject('dkim', { objects, rules }, (stage) => {
    const send = async (recipient: string, more: JsonObject): Promise<ReceivedMail> => {
      await stage.rest.accepted({ recipient, sender: 'signed', subject: 'Hello', ...more });
      return untilMailTo(stage.sink, recipient);
    };

    describe('mail of a sender with two keys has two valid signatures', () => {
      it.each(contents)('with %s', async (title, content) => {
        const bytes = bytesOf(await send(`${title.replaceAll(/[^a-z]+/gi, '-')}@example.com`, content));
        expect(await verdicts(bytes)).toEqual(both);
        expect(await verifyWithPython([bytes], records)).toEqual([[true, true]]);
      });
    });

    it('adding a From or a Subject, or changing a word, invalidates both', async () => {
      const text = bytesOf(await send('forged@example.com', { text: 'Pay 10' })).toString('latin1');
      for (const forged of [
        text.replace('\r\nFrom: ', '\r\nFrom: x@evil.example\r\nFrom: '),
        `Subject: Free\r\n${text}`,
        text.replace('Pay 10', 'Pay 99'),
      ]) {
        expect(forged).not.toBe(text);
        for (const verdict of await verdicts(Buffer.from(forged, 'latin1')))
          expect(both).not.toContain(verdict);
      }
    });

    it('a relay that adds a List-Unsubscribe keeps both; a changed List-Unsubscribe or a second Content-Type breaks both', async () => {
      const added = 'List-Unsubscribe: <https://relay.example/u>\r\nX-Relay: 1\r\n';
      const plain = bytesOf(await send('without-a-list@example.com', { text: 'Hello' }));
      const relayed = Buffer.concat([Buffer.from(added), plain]);
      expect(await verdicts(relayed)).toEqual(both);
      expect(await verifyWithPython([relayed], records)).toEqual([[true, true]]);

      const own = { 'List-Unsubscribe': '<https://shop.example/u>' };
      const text = bytesOf(await send('with-a-list@example.com', { text: 'Hello', headers: own })).toString();
      for (const changed of [
        text.replace('<https://shop.example/u>', '<https://evil.example/u>'),
        text.replace('\r\nSubject: ', '\r\nContent-Type: text/html\r\nSubject: '),
      ]) {
        expect(changed).not.toBe(text);
        for (const verdict of await verdicts(Buffer.from(changed))) expect(both).not.toContain(verdict);
      }
    });

    it('each attempt sends the same bytes, including the signature', async () => {
      await stage.rest.accepted({
        recipient: 'again@example.com',
        sender: 'signed',
        subject: 'Hello',
        text: 'Hello',
      });
      await untilMailTo(stage.sink, 'again@example.com', 2);
      const [first, second] = mailsTo(stage.sink, 'again@example.com').map(bytesOf);
      expect(second).toEqual(first);
      expect(await verdicts(second ?? Buffer.alloc(0))).toEqual(both);
    });

    it.each(['unsigned', 'managed'])(
      'a sender %s, for which nobody makes keys, sends without a signature',
      async (name) => {
        await stage.rest.accepted({
          recipient: `${name}@example.com`,
          sender: name,
          subject: 'Hello',
          text: 'Hello',
        });
        expect(bytesOf(await untilMailTo(stage.sink, `${name}@example.com`)).toString()).not.toContain(
          'DKIM-Signature',
        );
      },
    );
  });
});
