// Recognizes refusals that apply a quota to us: so many mails an hour, so many connections, so much
// credit. They say nothing about the message or its recipient. Many servers use 5xx for them, so
// the first digit does not count.

/** The parts of a reply that decide. */
interface QuotaReply {
  readonly code: number | null;
  readonly enhanced: string | null;
  readonly text: string;
}

/**
 * True when the server will take the same mail later, once our use is below its quota. A full
 * mailbox (x.2.2) is the recipient's matter, whatever the text says.
 */
export function isOurQuota({ code, enhanced, text }: QuotaReply): boolean {
  if (code === null || code < 400) return false;
  const [, subject, detail] = (enhanced ?? '').split('.');
  if (subject === '2' && detail === '2') return false;
  // RFC 3463: mail system congestion. Gmail replies 550 5.4.5 when a daily limit is reached.
  if (subject === '4' && detail === '5') return true;
  return !ofRecipient.some((pattern) => pattern.test(text)) && ofOurs.some((pattern) => pattern.test(text));
}

const ofOurs: readonly RegExp[] = [
  /\brate[- ]?limit/i,
  /\btoo many (?:messages|e-?mails|mails)\b/i,
  /\btoo many (?:concurrent |simultaneous )?(?:smtp )?(?:connections|sessions)\b/i,
  /\bconnections? limit\b/i,
  /\bsender thread limit\b/i,
  /\b(?:daily|hourly|monthly)\b.{0,40}\b(?:limit|quota)\b/i,
  /\b(?:send|sending|messaging|relay|submission) (?:rate|limits?|quota)\b/i,
  /\b(?:e-?mails|mails|messages|recipients) per (?:second|minute|hour|day)\b/i,
  /\bthrottl(?:ed|ing)\b/i,
  /\bmaximum credits exceeded\b/i,
];

/** The same words about the mail of one recipient: such a refusal is counted. */
const ofRecipient: readonly RegExp[] = [
  /\b(?:is|are) receiving (?:mail|e-?mails?|messages)\b/i,
  /\b(?:user|recipient|mailbox|account) has (?:exceeded|too many|received)\b/i,
  /\bmailbox (?:received|exceeds|exceeded)\b/i,
  /\b(?:to|for) (?:this|the|that) (?:recipient|mailbox|user)\b/i,
  /\brecipient (?:mailbox|thread limit)\b/i,
];
