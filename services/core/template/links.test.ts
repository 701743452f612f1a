import { expect, test } from 'vitest';
import { findUnsafeLink } from './links.ts';

test.each([
  // schemes
  '<a href="https://shop.example/a?b=c:d">',
  "<A HREF = 'HTTP://shop.example'>",
  '<a href=mailto:ana@shop.example>',
  '<a href="tel:+3225550100"><img src="cid:logo">',
  '<a href="&#104;ttps://shop.example">',
  '<a href="#top"><a href="/path:with"><a href="?q=javascript:"><a href="">',
  '<a href="//shop.example/x"><a href="page.html"><a href>',
  // what only looks like an attribute
  '<a href="https://shop.example/?id=1&action=order:show">',
  '<a href="https://shop.example/?id=1&amp;src=app:x&href=y:z">',
  "<a href='https://shop.example/?href=javascript:x'>",
  '<a href=https://shop.example/?action=order:show>',
  '<a href="https://shop.example/?next=%22&action=a:b">',
  '<a title="action=order:show" href="https://shop.example">',
  '<p>Set href=app:settings, src="app:x" or action=a:b in your file.</p>',
  '<pre>&lt;a href="app:x"&gt;</pre>',
  '<p data-href="x:y" data-src="javascript:1">no link</p>',
  '<p>1 < 2, href="app:x"</p>',
  '</a href="javascript:x">',
  '<!-- href=app:x -->',
  // other attributes
  '<input value="javascript:x" name="a:b"><p content="0;url=a:b">',
  '<blockquote cite="mid:1@shop.example">',
  '<meta content="text/html; charset=utf-8" http-equiv="Content-Type"><meta name="x" content="a:b">',
  '<meta http-equiv="refresh" content="5; url=https://shop.example">',
  '<meta http-equiv="refresh" content="5 https://shop.example">',
  '<meta name="opens" content="10, 12:30">',
  '<svg><rect fill="red" stroke="url(#a)"/></svg>',
  '<style>a{background:image-set("a.png" 1x, "b.png" type("image/png"))} b{content:"a:b"}</style>',
  '<html xmlns="http://www.w3.org/1999/xhtml" xmlns:v="urn:schemas-microsoft-com:vml">',
  '<img srcset="https://a.example/w_1,x:2/a.png 1x, https://a.example/b.png 2x">',
  '<img srcset="a.png,b.png 2x,https://a.example/c.png 3x">',
  '<p style="background:url(https://a.example/x.png);mso-x:y;color:red">',
  '<p style="background:url(\'x.png\');filter:progid:DXImageTransform(a)">',
  '<style>@import "https://a.example/x.css"; a{color:red} b:hover{background:url( x.png )}</style>',
  '<style>a{background:url(x.png)}</style><p>url(app:x)</p>',
  '<svg><use xlink:href="#a"/><set attributeName="x" to="1"/><animate values="0;1"/></svg>',
  '<iframe srcdoc="&lt;a href=https://shop.example&gt;"></iframe>',
  '<base href="https://shop.example/"><form action="https://shop.example">',
  '<object data="https://a.example/x"></object><p data="a:b">',
])('allowed: %s', (html) => expect(findUnsafeLink(html, [])).toBeNull());

test.each([
  ['href', '<a href="javascript:alert(1)">'],
  ['href', '<a HREF=JavaScript:alert(1)>'],
  ['href', "<a href\n=\n'javascript:alert(1)'>"],
  ['href', '<a href="vbscript:x">'],
  ['href', '<a href="file:///etc/passwd">'],
  ['href', '<a href="app:x">'],
  ['href', '<a href=":x">'],
  ['href', '<a href="1x:y">'],
  // characters that URL parsers drop
  ['href', '<a href=" javascript:alert(1)">'],
  ['href', '<a href="\u0001javascript:alert(1)">'],
  ['href', '<a href="\u00a0\u200b\ufeffjavascript:alert(1)">'],
  ['href', '<a href="java\tscr\nipt:alert(1)">'],
  ['href', '<a href="javascript\r:alert(1)">'],
  ['href', '<a href="java\0script:alert(1)">'],
  // character references
  ['href', '<a href="java&#9;script:alert(1)">'],
  ['href', '<a href="java&Tab;script&colon;alert(1)">'],
  ['href', '<a href="&#106;avascript:alert(1)">'],
  ['href', '<a href="&#x6A&#x61vascript:alert(1)">'],
  ['href', '<a href="&#0000106avascript&NewLine;:alert(1)">'],
  ['href', '<a href="javascript&#58;alert(1)">'],
  ['href', '<a href="javascript&#x3A;alert(1)">'],
  // where parsers disagree on what is a tag
  ['href', '<!-- <a title=" --> <a href="javascript:x">'],
  ['href', '<!--> <a title=" --> " href="javascript:x">'],
  ['href', '<!--[if mso]><a href="javascript:x">x</a><![endif]-->'],
  ['href', '<title><a title="</title><a href="javascript:x">'],
  ['href', '<textarea><a href="javascript:x"></textarea>'],
  ['href', '<style><a href="javascript:x"></style>'],
  ['href', '<noscript><a href="javascript:x"></noscript>'],
  ['href', '<![CDATA[<a href="javascript:x">]]>'],
  ['href', '<plaintext><a href="javascript:x">'],
  ['href', '<a title="<a href=" href=javascript:x>'],
  ['href', '<p title="<a href=javascript:x>">'],
  ['href', '<a/href="javascript:x">'],
  ['href', '<a title=">" href="javascript:x">'],
  ['href', '<a title="x"href="javascript:x">'],
  ['href', "<a title='\"' href='javascript:x'>"],
  ['href', '<a title=x"y href=javascript:x>'],
  ['href', '<a href="https://fine.example" href="javascript:x">'],
  ['href', '<a href="https://fine.example"><a href="javascript:x">'],
  ['href', '<a\fhref="javascript:x"'],
  ['href', '<a href="javascript:x'],
  ['href', '<a href=javascript:x'],
  ['href', '<x-y:z href="javascript:x">'],
  // other attributes
  ['href', '<base href="javascript:x">'],
  ['href', '<svg><use xlink:href="javascript:x"/></svg>'],
  ['src', '<img src="data:text/html;base64,PHNjcmlwdD4=">'],
  ['src', '<img src=vbscript:x>'],
  ['src', '<v:fill o:src="javascript:x">'],
  ['action', '<form action="javascript:x">'],
  ['formaction', '<button formaction="javascript:x">'],
  ['background', '<table background="javascript:x">'],
  ['poster', '<video poster="javascript:x">'],
  ['ping', '<a ping="https://a.example javascript:x">'],
  ['data', '<object data="data:text/html,x">'],
  ['content', '<meta http-equiv=refresh content="0;url=javascript:x">'],
  ['content', `<META content=" 5 ; URL = 'javascript:x'" http-equiv=refresh>`],
  ['content', '<meta http-equiv=refresh content="0,javascript:x">'],
  ['content', '<meta http-equiv=refresh content="0 url=javascript:x">'],
  ['content', '<meta content="0 javascript:x" HTTP-EQUIV=" Refresh ">'],
  ['srcset', '<img srcset="https://a.example/x.png 1x, javascript:x 2x">'],
  ['srcset', '<img srcset="a.png 1x,javascript:x 2x">'],
  ['srcset', '<img srcset="a.png 2X,javascript:x">'],
  ['srcset', '<img srcset="a.png -1x,javascript:x">'],
  ['srcset', '<img srcset="a.png (a),javascript:x">'],
  ['imagesrcset', '<link imagesrcset="data:image/png;base64,x 1x">'],
  ['srcdoc', '<iframe srcdoc="<a href=&quot;javascript:x&quot;>">', 'href'],
  ['srcdoc', '<iframe srcdoc="&lt;a href=javascript:x&gt;">', 'href'],
  ['to', '<svg><a><set attributeName="href" to="javascript:x"/></a></svg>'],
  ['values', '<svg><animate attributeName="href" values="#a;javascript:x"/></svg>'],
  // styles
  ['style', '<p style="background:url(javascript:x)">'],
  ['style', '<p style="background:URL( \'javascript:x\' )">'],
  ['style', '<p style="background:url(&quot;javascript:x&quot;)">'],
  ['style', '<p style="background:u\\72l(\\6a avascript\\3a x)">'],
  ['style', '<p style="background:image-set(\'data:image/png,x\' 1x)">'],
  ['style', '<p style="background:image-set(url(a.png) 1x, \'javascript:x\' 2x)">'],
  ['style', '<p style="background:image-set(/* */ \'javascript:x\' 1x)">'],
  ['style', '<p style="background:url(\'java\\\nscript:x\')">'],
  ['style', '<p style="background:url(\'java\\\r\nscript:x\')">'],
  ['style', '<p style="background:url(\\6a\r\navascript:x)">'],
  ['fill', '<svg><rect fill="url(javascript:x)"/></svg>'],
  ['clip-path', '<svg><rect clip-path="url(javascript:x)"/></svg>'],
  ['style', '<style>a{background:url(data:image/png;base64,x)}</style>'],
  ['style', '<style>@import "javascript:x";</style>'],
  ['style', '<STYLE>@import url(javascript:x)'],
])('refused in %s: %s', (place, html, shown = place) => {
  expect(findUnsafeLink(html, [])?.message).toMatch(new RegExp(`^the link in ${shown} of the rendered html`));
});

test.each([
  ['javascript:x', [], 'has the scheme javascript, which is never allowed'],
  ['data:x', ['sms'], 'has the scheme data, which is never allowed'],
  [
    'secret:x',
    [],
    'has a scheme other than https, http, mailto, tel and cid; spec.allowedSchemes can allow others',
  ],
  [
    'secret:x',
    ['geo', 'sms'],
    'has a scheme other than https, http, mailto, tel, cid, geo and sms; spec.allowedSchemes can allow others',
  ],
])('%s with %j allowed: the message and the line, not the scheme of a caller', (link, schemes, message) =>
  expect(findUnsafeLink(`<p>\n<img\n  src="${link}">`, schemes)).toEqual({
    message: `the link in src of the rendered html ${message}`,
    line: 3,
  }),
);

test.each([
  ['<a href="sms:+3225550100">', ['sms'], true],
  ['<a href="SMS:+3225550100">', ['sms'], true],
  ['<a href="s&#109;s:+3225550100">', ['sms'], true],
  ['<a href="com.shop-app+x://orders/1">', ['com.shop-app+x'], true],
  ['<a href="https://shop.example">', ['sms'], true],
  ['<a href="webcal://shop.example">', ['sms'], false],
  ['<a href="smsx:1">', ['sms'], false],
  // even where a stored revision lists them
  ['<a href="javascript:x">', ['javascript'], false],
  ['<img src="data:x">', ['data'], false],
  ['<a href="file:x">', ['file'], false],
  ['<a href="vbscript:x">', ['vbscript'], false],
])('%s with %j allowed: %s', (html, schemes, isAllowed) =>
  expect(findUnsafeLink(html, schemes) === null).toBe(isAllowed),
);

test.each([
  'href=',
  'href=&',
  'href="\t',
  'href = ',
  '<a href=x>',
  '<a href="https://shop.example">x</a>',
  '<p title="<b>">',
  '<style>',
  '<style>url(',
  '<style>@import',
  '<!--',
  '<a style="url(\t">',
  '<a href=&#x0000000000000000000000000000000000000>',
])('2 MiB of %j are read', (piece) => {
  // Time that grew with the square of the length would be an hour here, and the timeout of the test
  // would end it.
  expect(findUnsafeLink(piece.repeat(2 ** 21 / piece.length), [])).toBeNull();
});

test.each(['<a href="', '<a', '<a href=', '<a title="<a title=\'', '<a <b '])(
  '2 MiB of %j are tags inside tags, which are refused',
  (piece) => {
    expect(findUnsafeLink(piece.repeat(2 ** 21 / piece.length), [])).toEqual({
      message:
        'the rendered html has too many tags inside tags to check its links; is a quote or a > missing?',
      line: null,
    });
  },
);

test.each([
  ['href="', '\t'],
  ['href="', '\u00a0'],
  ['href="', 'a'],
  ['srcset="', 'a,'],
  ['srcset="', 'a '],
  ['srcset="', ','],
  ['content="', '1'],
  ['content="0;', ' '],
  ['style="', 'url('],
  ['style="', "image-set('"],
  ['http-equiv=refresh content="', '0 '],
  ['style="', '@import'],
  ['style="', '\\'],
  ['style="', 'url(\t'],
  ['ping="', ' '],
])('2 MiB of %s%j are read', (start, piece) =>
  expect(findUnsafeLink(`<meta ${start}${piece.repeat(2 ** 21 / piece.length)}">`, [])).toBeNull(),
);
