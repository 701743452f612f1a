import { expect, test } from 'vitest';
import { findUnsafeLink } from './links.ts';

test.each([
  '<a href="https://shop.example/a?b=c:d">',
  "<A HREF = 'HTTP://shop.example'>",
  '<a href=mailto:ana@shop.example>',
  '<a href="tel:+3225550100"><img src="cid:logo">',
  '<a href="#top"><a href="/path:with"><a href="?q=javascript:"><a href="">',
  '<a href="//shop.example/x"><a href="page.html">',
  '<a href="&#104;ttps://shop.example">',
  '<p data-href="x:y" data-src="javascript:1">no link</p>',
  '<p>Our href is short.</p>',
])('fine: %s', (html) => expect(findUnsafeLink(html)).toBeNull());

test.each([
  '<a href="javascript:alert(1)">',
  '<a HREF=JavaScript:alert(1)>',
  "<a href\n=\n'javascript:alert(1)'>",
  '<a href=" javascript:alert(1)">',
  '<a href="\u0001javascript:alert(1)">',
  '<a href="java\tscr\nipt:alert(1)">',
  '<a href="java&#9;script:alert(1)">',
  '<a href="java&Tab;script&colon;alert(1)">',
  '<a href="&#106;avascript:alert(1)">',
  '<a href="&#x6A&#x61vascript:alert(1)">',
  '<a href="&#0000106avascript&NewLine;:alert(1)">',
  '<img src="data:text/html;base64,PHNjcmlwdD4=">',
  '<img src=vbscript:x>',
  '<a href="file:///etc/passwd">',
  '<svg><use xlink:href="javascript:x"/></svg>',
  '<form action="javascript:x"><button formaction="javascript:x">',
  '<!-- <a title=" --> <a href="javascript:x">',
  '<a title="<a href=" href=javascript:x>',
  '<a/href="javascript:x">',
  '<a title=">" href="javascript:x">',
  '<a href="https://fine.example"><a href="javascript:x">',
])('refused: %s', (html) => expect(findUnsafeLink(html)).not.toBeNull());

test('says where', () =>
  expect(findUnsafeLink('<p>\n<img\n  src="javascript:x">')).toEqual({ attribute: 'src', line: 3 }));

test.each([
  'href=',
  'href=&',
  'href="\t',
  'href=&#9;',
  'href = ',
  'src=a',
  '<a href="',
  'href=&#x0000000000000000000000000000000000000',
])('2 MiB of %j have no unsafe link', (piece) => {
  // Time that grows with the square of the length would be an hour here, which the timeout of the
  // test shows.
  expect(findUnsafeLink(piece.repeat(2 ** 21 / piece.length))).toBeNull();
});
