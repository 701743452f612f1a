// The mail that every row sends: html, text and subject, 2.9 KB once composed. A receipt as shops
// send them, in plain ASCII, with nothing in it to render: not all of the peers could.

/** Of the sender in `catalog/sender.yaml`. */
export const FROM = 'orders@bench.example';
export const RECIPIENT_DOMAIN = 'rcpt.example';
export const SUBJECT = 'Your order 2026-1178 is on its way';

const items = [
  'Wool blanket, grey',
  'Enamel mug, blue',
  'Storm lantern',
  'Deck brush',
  'Signal flags, set of 26',
  'Tide table 2027',
  'Rope, 20 m',
];

export const TEXT = `Hello,

thank you for your order 2026-1178. We handed it to the carrier this morning.

${items.map((item, i) => `${i + 1} x ${item.padEnd(26)} ${(12.5 * (i + 1)).toFixed(2)} EUR`).join('\n')}

Shipping address: 7 Quay Street, 20457 Hamburg
Track your parcel: https://shop.example/parcels/2026-1178

Questions? Just answer this mail.
Harbour Shop
`;

const CELL = 'style="padding:8px 12px;border-bottom:1px solid #ddd"';

export const HTML = `<!doctype html>
<html lang="en"><body style="margin:0;font-family:Arial,sans-serif;color:#222">
<h1 style="font-size:20px">Your order is on its way</h1>
<p>Thank you for your order <b>2026-1178</b>. We handed it to the carrier this morning.</p>
<table cellspacing="0" style="border-collapse:collapse">
${items.map((item, i) => `<tr><td ${CELL}>${i + 1} x ${item}</td><td ${CELL}>${(12.5 * (i + 1)).toFixed(2)} EUR</td></tr>`).join('\n')}
</table>
<p>Shipping address: 7 Quay Street, 20457 Hamburg</p>
<p><a href="https://shop.example/parcels/2026-1178">Track your parcel</a></p>
<p>Questions? Just answer this mail.<br>Harbour Shop</p>
</body></html>
`;

/**
 * Ids are counted in the recipients: every system leaves those alone, and the sink records them.
 */
export const recipientOf = (id: string): string => `${id}@${RECIPIENT_DOMAIN}`;

/** `r1-0`, `r1-1` … */
export const idsOf = ({ prefix, count }: MailBatch): string[] =>
  Array.from({ length: count }, (_, i) => `${prefix}-${i}`);

/** Some messages to hand over. */
export interface MailBatch {
  readonly prefix: string;
  readonly count: number;
}

/**
 * The request that hands it over: the same JSON for Packetboat and for the API in front of BullMQ.
 */
export const requestBody = (id: string): string =>
  JSON.stringify({ from: FROM, to: [recipientOf(id)], subject: SUBJECT, html: HTML, text: TEXT });
