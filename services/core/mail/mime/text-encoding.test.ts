import { describe, expect, it } from 'vitest';
import { encodeText } from './text-encoding.ts';

const cyrillic = 'Здравствуйте! Ваш заказ уже в пути.\n';

describe('a text is sent', () => {
  it.each([
    ['as it is when it is plain', 'Hello\n\n\tthere\n', '7bit', 'Hello\r\n\r\n\tthere\r\n'],
    ['as it is when it is empty', '', '7bit', ''],
    ['as it is up to 78 characters a line', `${'a'.repeat(78)}\nb`, '7bit', `${'a'.repeat(78)}\r\nb`],
    ['quoted with a longer line', 'a'.repeat(79), 'quoted-printable', `${'a'.repeat(75)}=\r\naaaa`],
    ['quoted with a space at the end of a line', 'a \nb', 'quoted-printable', 'a=20\r\nb'],
    ['quoted with a tab at the very end', 'a\t', 'quoted-printable', 'a=09'],
    [
      'quoted with some letters beyond ASCII',
      'Viele Grüße aus München\n',
      'quoted-printable',
      'Viele Gr=C3=BC=C3=9Fe aus M=C3=BCnchen\r\n',
    ],
    [
      'in base 64 when most letters are beyond ASCII',
      'Привет\n',
      'base64',
      Buffer.from('Привет\r\n').toString('base64'),
    ],
    ['quoted when a control is in it', `${'a'.repeat(20)}\0`, 'quoted-printable', `${'a'.repeat(20)}=00`],
    [
      'with a replacement for half a surrogate pair',
      `${'a'.repeat(40)}\ud800`,
      'quoted-printable',
      `${'a'.repeat(40)}=EF=BF=BD`,
    ],
  ])('%s', (_, text, encoding, content) => expect(encodeText(text)).toEqual({ encoding, content }));

  it('in base 64 without growing by more than a half', () => {
    const long = encodeText(cyrillic.repeat(20));
    expect(long.encoding).toBe('base64');
    expect(long.content.length).toBeLessThan(Buffer.byteLength(cyrillic) * 20 * 1.5);
    expect(Buffer.from(long.content, 'base64').toString()).toBe(cyrillic.repeat(20).replaceAll('\n', '\r\n'));
  });
});
