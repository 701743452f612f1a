// Replies of real servers, as their operators document them, and what each means for a delivery.
// Addresses, hosts and ids are replaced by those of RFC 2606 and RFC 5737.

import { expect, test } from 'vitest';
import { type Category, classifyAnswer, parseReply, type Stage } from './reply.ts';

/** `retry` counts an attempt, `wait` counts none, `pause` pauses the route. */
type Consequence = 'bounce' | 'retry' | 'wait' | 'pause';
type Row = readonly [provider: string, Stage, reply: string, Consequence, Category];

const rows: readonly Row[] = [
  // Gmail and Google Workspace: recipients
  [
    'Gmail',
    'rcpt',
    "550-5.1.1 The email account that you tried to reach does not exist. Please try\n550-5.1.1 double-checking the recipient's email address for typos or\n550 5.1.1 unnecessary spaces. For more information, go to https://support.example/ - gsmtp",
    'bounce',
    'mailbox',
  ],
  [
    'Gmail',
    'rcpt',
    '550-5.2.1 The email account that you tried to reach is inactive. For more\n550 5.2.1 information, go to https://support.example/ - gsmtp',
    'bounce',
    'mailbox',
  ],
  [
    'Gmail',
    'rcpt',
    "452-4.2.2 The recipient's inbox is out of storage space. Please direct the\n452 4.2.2 recipient to https://support.example/ - gsmtp",
    'retry',
    'mailbox_full',
  ],
  [
    'Gmail',
    'rcpt',
    '552-5.2.2 The email account that you tried to reach is over quota and inactive.\n552 5.2.2 Please direct the recipient to https://support.example/ - gsmtp',
    'bounce',
    'mailbox_full',
  ],
  [
    'Gmail',
    'rcpt',
    '450-4.2.1 The user you are trying to contact is receiving mail at a rate that\n450-4.2.1 prevents additional messages from being delivered. Please resend your\n450 4.2.1 message at a later time. - gsmtp',
    'retry',
    'mailbox',
  ],
  [
    'Gmail',
    'rcpt',
    '452 4.5.3 Your message has too many recipients. For more information regarding our sending limits, go to https://support.example/ - gsmtp',
    'wait',
    'busy',
  ],
  // Gmail: quotas and reputation
  [
    'Gmail',
    'data',
    '550-5.4.5 Daily user sending limit exceeded. For more information on Gmail\n550-5.4.5 sending limits go to\n550 5.4.5 https://support.example/ - gsmtp',
    'wait',
    'busy',
  ],
  [
    'Gmail',
    'mail',
    '550 5.4.5 Daily SMTP relay limit exceeded for customer. For more information on SMTP relay sending limits, go to https://support.example/ - gsmtp',
    'wait',
    'busy',
  ],
  [
    'Gmail',
    'mail',
    '450 4.2.1 Peak SMTP relay limit exceeded for customer. This is a temporary error. - gsmtp',
    'wait',
    'busy',
  ],
  ['Gmail', 'greeting', '421 4.4.5 Server busy, try again later. - gsmtp', 'wait', 'busy'],
  [
    'Gmail',
    'dot',
    '421-4.7.28 Gmail has detected an unusual rate of email originating from your SPF\n421-4.7.28 domain [sender.example]. To protect our users from spam, email sent from\n421-4.7.28 your domain has been temporarily rate limited.\n421 4.7.28 https://support.example/ - gsmtp',
    'wait',
    'busy',
  ],
  [
    'Gmail',
    'dot',
    '421-4.7.0 [192.0.2.1 15] Our system has detected that this message is\n421-4.7.0 suspicious due to the very low reputation of the sending domain.\n421 4.7.0 To best protect our users from spam, the message has been blocked. - gsmtp',
    'retry',
    'busy',
  ],
  [
    'Gmail',
    'dot',
    '550-5.7.26 Your email has been blocked because the sender is unauthenticated.\n550-5.7.26 Gmail requires all senders to authenticate with either SPF or DKIM.\n550 5.7.26 - gsmtp',
    'bounce',
    'policy',
  ],
  [
    'Gmail',
    'dot',
    '552-5.7.0 This message was blocked because its content presents a potential\n552 5.7.0 security issue. - gsmtp',
    'bounce',
    'policy',
  ],
  [
    'Gmail',
    'dot',
    '552-5.3.4 Your message exceeded our message size limits. Please visit\n552 5.3.4 https://support.example/ to view our size guidelines. - gsmtp',
    'bounce',
    'too_large',
  ],
  ['Gmail', 'dot', '451 4.3.0 Mail server temporarily rejected message. - gsmtp', 'retry', 'busy'],
  // Gmail: login
  [
    'Gmail',
    'auth',
    '535-5.7.8 Username and Password not accepted. For more information, go to\n535 5.7.8  https://support.example/ - gsmtp',
    'pause',
    'auth',
  ],
  ['Gmail', 'auth', '454 4.7.0 Too many login attempts, please try again later. - gsmtp', 'pause', 'auth'],
  [
    'Gmail',
    'mail',
    '530-5.7.0 Authentication Required. For more information, go to\n530 5.7.0  https://support.example/ - gsmtp',
    'pause',
    'auth',
  ],

  // Exchange Online
  [
    'Exchange Online',
    'rcpt',
    '550 5.1.10 RESOLVER.ADR.RecipientNotFound; Recipient ana@recipient.example not found by SMTP address lookup',
    'bounce',
    'mailbox',
  ],
  [
    'Exchange Online',
    'rcpt',
    '550 5.4.1 Recipient address rejected: Access denied. [mail.recipient.example]',
    'bounce',
    'refused',
  ],
  [
    'Exchange Online',
    'rcpt',
    '550 5.7.64 TenantAttribution; Relay Access Denied [mail.recipient.example]',
    'retry',
    'relay_denied',
  ],
  ['Exchange Online', 'dot', '432 4.3.2 STOREDRV.Deliver; recipient thread limit exceeded', 'retry', 'busy'],
  ['Exchange Online', 'dot', '432 4.3.2 STOREDRV.ClientSubmit; sender thread limit exceeded', 'wait', 'busy'],
  [
    'Exchange Online',
    'mail',
    '432 4.3.2 Concurrent connections limit exceeded. Visit https://support.example/ for more information',
    'wait',
    'busy',
  ],
  [
    'Exchange Online',
    'dot',
    "550 5.1.90 Your message can't be sent because you've reached your daily limit for message recipients",
    'wait',
    'busy',
  ],
  [
    'Exchange Online',
    'dot',
    '550 5.2.251 Sender throttled due to continuous mailbox full errors',
    'wait',
    'busy',
  ],
  [
    'Exchange Online',
    'dot',
    '554 5.2.2 mailbox full; STOREDRV.Submission.Exception:QuotaExceededException.MapiExceptionShutoffQuotaExceeded',
    'bounce',
    'mailbox_full',
  ],
  [
    'Exchange Online',
    'mail',
    '451 4.7.500 Server busy. Please try again later from [192.0.2.1]. (S77719)',
    'wait',
    'busy',
  ],
  [
    'Exchange Online',
    'mail',
    '550 5.7.708 Service unavailable. Access denied, traffic not accepted from this IP.',
    'wait',
    'sender_refused',
  ],
  [
    'Exchange Online',
    'dot',
    '550 5.7.509 Access denied, sending domain sender.example does not pass DMARC verification and has a DMARC policy of reject.',
    'bounce',
    'policy',
  ],
  [
    'Exchange Online',
    'mail',
    '530 5.7.57 Client not authenticated to send mail. [mail.recipient.example]',
    'pause',
    'auth',
  ],
  [
    'Exchange Online',
    'auth',
    '535 5.7.139 Authentication unsuccessful, SmtpClientAuthentication is disabled for the Tenant.',
    'pause',
    'auth',
  ],
  [
    'Exchange Online',
    'auth',
    '535 5.7.3 Authentication unsuccessful [mail.recipient.example]',
    'pause',
    'auth',
  ],
  [
    'Exchange Online',
    'dot',
    '554 5.2.252 SendAsDenied; ana@sender.example not allowed to send as ben@sender.example',
    'bounce',
    'refused',
  ],
  // Exchange on premises
  [
    'Exchange',
    'mail',
    '421 4.4.2 Message submission rate for this client has exceeded the configured limit',
    'wait',
    'busy',
  ],
  [
    'Exchange',
    'rcpt',
    '550 5.7.54 SMTP; Unable to relay recipient in non-accepted domain',
    'retry',
    'relay_denied',
  ],
  ['Exchange', 'mail', '452 4.3.1 Insufficient system resources', 'wait', 'busy'],
  ['Exchange', 'auth', '504 5.7.4 Unrecognized authentication type', 'pause', 'auth'],

  // Outlook.com
  [
    'Outlook.com',
    'mail',
    "550 5.7.1 Unfortunately, messages from [192.0.2.1] weren't sent. Please contact your Internet service provider since part of their network is on our block list (S3150).",
    'wait',
    'sender_refused',
  ],
  [
    'Outlook.com',
    'mail',
    '451 4.7.650 The mail server [192.0.2.1] has been temporarily rate limited due to IP reputation. For e-mail delivery information see https://support.example/ (S775)',
    'wait',
    'busy',
  ],
  [
    'Outlook.com',
    'rcpt',
    '550 5.5.0 Requested action not taken: mailbox unavailable (S2017062302).',
    'bounce',
    'protocol',
  ],
  [
    'Outlook.com',
    'dot',
    '550 5.7.515 Access denied, sending domain sender.example does not meet the required authentication level.',
    'bounce',
    'policy',
  ],
  [
    'Outlook.com',
    'mail',
    '421 RP-001 The mail server IP connecting to Outlook.com server has exceeded the rate limit allowed.',
    'wait',
    'busy',
  ],

  // Yahoo and AOL
  [
    'Yahoo',
    'mail',
    '421 4.7.0 [TSS04] Messages from 192.0.2.1 temporarily deferred due to unexpected volume or user complaints - 4.16.55.1; see https://support.example/',
    'wait',
    'busy',
  ],
  [
    'Yahoo',
    'greeting',
    '553 5.7.1 [BL21] Connections will not be accepted from 192.0.2.1, because the ip is in a blocklist; see https://support.example/',
    'pause',
    'route_refused',
  ],
  ['Yahoo', 'mail', '421 Max message per connection reached, closing transmission channel', 'wait', 'busy'],
  ['Yahoo', 'rcpt', '450 User is receiving mail too quickly', 'retry', 'busy'],
  [
    'Yahoo',
    'dot',
    "554 delivery error: dd This user doesn't have a yahoo.example account (ana@yahoo.example) [0] - mta.yahoo.example",
    'bounce',
    'refused',
  ],
  [
    'Yahoo',
    'dot',
    '554 5.7.9 Message not accepted for policy reasons. See https://support.example/',
    'bounce',
    'policy',
  ],
  ['Yahoo', 'mail', '451 VS1-IP Excessive unknown recipients - possible Open Relay (#4.1.8)', 'wait', 'busy'],

  // iCloud
  ['iCloud', 'rcpt', '550 5.1.1 <ana@icloud.example>: user does not exist', 'bounce', 'mailbox'],
  ['iCloud', 'rcpt', '552 5.2.2 <ana@icloud.example>: user is over quota', 'bounce', 'mailbox_full'],
  [
    'iCloud',
    'rcpt',
    '421 4.7.1 Messages to ana@icloud.example deferred due to excessive volume. Try again later - https://support.example/',
    'retry',
    'busy',
  ],
  [
    'iCloud',
    'dot',
    '550 5.7.1 [CS01] Message rejected due to local policy. Please visit https://support.example/',
    'bounce',
    'policy',
  ],
  ['iCloud', 'dot', '451 4.7.1 Service unavailable - try again later', 'retry', 'busy'],

  // GMX, WEB.DE and 1&1
  [
    'GMX',
    'greeting',
    '554-mx.gmx.example (mxgmx001) Nemesis ESMTP Service not available\n554-No SMTP service\n554-Bad DNS PTR resource record.\n554 For explanation visit https://support.example/',
    'pause',
    'route_refused',
  ],
  [
    'GMX',
    'rcpt',
    '550-Requested action not taken: mailbox unavailable\n550 For explanation visit https://support.example/',
    'bounce',
    'refused',
  ],
  [
    'WEB.DE',
    'rcpt',
    '550 Benutzer hat zuviele Mails auf dem Server. / User has too many messages on the server.',
    'bounce',
    'refused',
  ],
  ['1&1', 'greeting', '421 Rate limit reached. Please try again later', 'wait', 'busy'],
  [
    '1&1',
    'dot',
    '450-Requested mail action not taken: mailbox unavailable\n450-Mail send limit exceeded.\n450 For explanation visit https://support.example/',
    'wait',
    'busy',
  ],

  // T-Online
  [
    'T-Online',
    'greeting',
    '554 IP=192.0.2.1 - A problem occurred. (Ask your postmaster for help or to contact tosa@rx.example to clarify.) (BL)',
    'pause',
    'route_refused',
  ],
  ['T-Online', 'rcpt', '550 5.1.1 user unknown', 'bounce', 'mailbox'],
  ['T-Online', 'rcpt', '552 5.2.2 Over STORAGE quota', 'bounce', 'mailbox_full'],

  // Postfix
  [
    'Postfix',
    'rcpt',
    '550 5.1.1 <ana@recipient.example>: Recipient address rejected: User unknown in virtual mailbox table',
    'bounce',
    'mailbox',
  ],
  ['Postfix', 'rcpt', '554 5.7.1 <ana@recipient.example>: Relay access denied', 'retry', 'relay_denied'],
  [
    'Postfix',
    'rcpt',
    '450 4.2.0 <ana@recipient.example>: Recipient address rejected: Greylisted, see https://postgrey.example/',
    'retry',
    'busy',
  ],
  ['Postfix', 'mail', '450 4.7.1 Error: too much mail from 192.0.2.1', 'wait', 'busy'],
  [
    'Postfix',
    'greeting',
    '421 4.7.0 mx.recipient.example Error: too many connections from 192.0.2.1',
    'wait',
    'busy',
  ],
  ['Postfix', 'rcpt', '421 4.7.0 mx.recipient.example Error: too many errors', 'retry', 'busy'],
  ['Postfix', 'mail', '452 4.3.1 Insufficient system storage', 'wait', 'busy'],
  ['Postfix', 'mail', '552 5.3.4 Message size exceeds fixed limit', 'bounce', 'too_large'],
  [
    'Postfix',
    'mail',
    '553 5.7.1 <ana@sender.example>: Sender address rejected: not owned by user ben',
    'wait',
    'sender_refused',
  ],
  ['Postfix', 'data', '554 5.5.1 Error: no valid recipients', 'bounce', 'protocol'],
  [
    'Postfix with policyd',
    'rcpt',
    '450 4.7.1 <ana@sender.example>: Sender address rejected: Deferring: Too many messages from sender in last 60',
    'wait',
    'busy',
  ],
  [
    'Postfix with Spamhaus',
    'rcpt',
    '554 5.7.1 Service unavailable; Client host [192.0.2.1] blocked using zen.spamhaus.example; https://www.spamhaus.example/query/ip/192.0.2.1',
    'bounce',
    'policy',
  ],

  // Exim and cPanel
  ['Exim', 'rcpt', '550 Unrouteable address', 'bounce', 'refused'],
  [
    'Exim',
    'rcpt',
    '550-Verification failed for <ana@sender.example>\n550-No such user here\n550 Sender verify failed',
    'bounce',
    'refused',
  ],
  ['Exim', 'rcpt', '550 relay not permitted', 'retry', 'relay_denied'],
  ['Exim', 'rcpt', '451 Temporary local problem - please try later', 'retry', 'busy'],
  [
    'Exim',
    'rcpt',
    '550-JunkMail rejected - mail.sender.example [192.0.2.1] is in\n550 an RBL, see https://www.spamhaus.example/query/ip/192.0.2.1',
    'bounce',
    'refused',
  ],
  [
    'cPanel',
    'rcpt',
    '550 Domain sender.example has exceeded the max emails per hour (150/150 (100%)) allowed. Message discarded.',
    'wait',
    'busy',
  ],
  [
    'cPanel',
    'dot',
    '452-4.2.2 Mailbox is full / Blocks limit exceeded / Inode limit exceeded\n452 4.2.2 later',
    'retry',
    'mailbox_full',
  ],

  // qmail
  ['qmail', 'dot', '554 Sorry, no mailbox here by that name. (#5.1.1)', 'bounce', 'mailbox'],
  [
    'qmail',
    'rcpt',
    "553 sorry, that domain isn't in my list of allowed rcpthosts (#5.7.1)",
    'bounce',
    'policy',
  ],
  ['qmail', 'dot', '552 sorry, that message size exceeds my databytes limit (#5.3.4)', 'bounce', 'too_large'],

  // Amazon SES
  ['Amazon SES', 'dot', '454 Throttling failure: Maximum sending rate exceeded.', 'wait', 'busy'],
  ['Amazon SES', 'dot', '454 Throttling failure: Daily message quota exceeded.', 'wait', 'busy'],
  [
    'Amazon SES',
    'dot',
    '554 Message rejected: Email address is not verified. The following identities failed the check in region EU-WEST-1: ana@sender.example',
    'bounce',
    'refused',
  ],
  ['Amazon SES', 'mail', '530 Authentication required', 'pause', 'auth'],
  ['Amazon SES', 'auth', '535 Authentication Credentials Invalid', 'pause', 'auth'],
  ['Amazon SES', 'rcpt', '452 4.5.3 Too many recipients', 'retry', 'busy'],

  // Mailgun, SendGrid, SparkPost, Mailjet
  [
    'Mailgun',
    'mail',
    '421 Domain sender.example is not allowed to send: rate limit exceeded. Try again after 15 minutes.',
    'wait',
    'busy',
  ],
  [
    'Mailgun',
    'dot',
    '550 5.7.1 Domain sender.example is not allowed to send: hourly limit of 100 messages reached',
    'wait',
    'busy',
  ],
  ['SendGrid', 'auth', '451 Authentication failed: Maximum credits exceeded', 'pause', 'auth'],
  ['SendGrid', 'dot', '451 You have exceeded your messaging limits', 'wait', 'busy'],
  [
    'SendGrid',
    'dot',
    '550 The from address does not match a verified Sender Identity. Mail cannot be sent until this error is resolved.',
    'bounce',
    'refused',
  ],
  ['SparkPost', 'dot', '550 5.7.1 Unconfigured Sending Domain <sender.example>', 'bounce', 'policy'],
  ['SparkPost', 'dot', '420 4.2.1 Exceeded sending limit (daily)', 'wait', 'busy'],

  // Zoho
  [
    'Zoho',
    'dot',
    '550 5.4.6 Unusual sending activity detected. Please try after sometime.',
    'bounce',
    'refused',
  ],
  ['Zoho', 'rcpt', '550 5.4.5 Daily limit exceeded', 'wait', 'busy'],
  ['Zoho', 'mail', '553 Relaying disallowed as ana@sender.example', 'wait', 'sender_refused'],
  ['Zoho', 'rcpt', '421 4.7.0 Too many messages sent from this account. Try later.', 'wait', 'busy'],

  // Gateways: Proofpoint, Mimecast, Barracuda, Rackspace
  [
    'Proofpoint',
    'greeting',
    '554 Blocked - see https://ipcheck.proofpoint.example/?ip=192.0.2.1',
    'pause',
    'route_refused',
  ],
  ['Proofpoint', 'rcpt', '550 5.7.0 Local Policy Violation - ab1cd2', 'bounce', 'policy'],
  ['Proofpoint', 'mail', '452 4.3.2 Too many connections from your host. Try again later', 'wait', 'busy'],
  ['Proofpoint', 'mail', '421 4.7.1 Connection rate limit exceeded.', 'wait', 'busy'],
  [
    'Mimecast',
    'rcpt',
    '451 Internal resources are temporarily unavailable - https://community.mimecast.example/ [AbCdEf]',
    'retry',
    'busy',
  ],
  [
    'Mimecast',
    'dot',
    '550 Rejected by header based Anti-Spoofing policy: ana@sender.example - https://community.mimecast.example/ [AbCdEf]',
    'bounce',
    'refused',
  ],
  [
    'Mimecast',
    'rcpt',
    '550 Invalid Recipient - https://community.mimecast.example/ [AbCdEf]',
    'bounce',
    'refused',
  ],
  [
    'Mimecast',
    'dot',
    '554 Email rejected due to security policies - https://community.mimecast.example/ [AbCdEf]',
    'bounce',
    'refused',
  ],
  [
    'Barracuda',
    'rcpt',
    '550 permanent failure for one or more recipients (ana@recipient.example:blocked)',
    'bounce',
    'refused',
  ],
  [
    'Barracuda',
    'mail',
    '450 4.7.1 Client host [192.0.2.1] blocked using Barracuda Reputation; https://www.barracuda.example/reputation/?ip=192.0.2.1',
    'wait',
    'busy',
  ],
  ['Barracuda', 'dot', '554 rejected due to spam content', 'bounce', 'refused'],
  ['Barracuda', 'rcpt', '421 Rate limit exceeded for 192.0.2.1', 'wait', 'busy'],
  [
    'Rackspace',
    'rcpt',
    '450 4.2.1 <ana@recipient.example>: Mailbox received too much email in a short period of time (G30)',
    'retry',
    'mailbox',
  ],
  [
    'Rackspace',
    'rcpt',
    '451 4.7.1 Received too many messages from a new or untrusted IP (G28)',
    'wait',
    'busy',
  ],
  ['Rackspace', 'greeting', '421 Too many concurrent connections from this client (G2)', 'wait', 'busy'],
];

test.each(rows)('%s at %s: %s', (_, stage, raw, consequence, category) => {
  const judged = classifyAnswer({ kind: 'refused', stage, reason: null, ...parseReply(raw) });
  const meant: Consequence | null =
    judged.kind === 'bounced'
      ? 'bounce'
      : judged.kind === 'local' && judged.scope === 'route'
        ? 'pause'
        : judged.kind !== 'deferred'
          ? null
          : judged.spent
            ? 'retry'
            : 'wait';
  expect([meant, judged.category]).toEqual([consequence, category]);
});

test('the table has at least 80 replies of at least 20 servers', () => {
  expect(rows.length).toBeGreaterThanOrEqual(80);
  expect(new Set(rows.map(([provider]) => provider)).size).toBeGreaterThanOrEqual(20);
});

test.each([
  '550 5.4.5 limit',
  '550-closed for today\n550 5.4.5 limit',
  '450 daily sending limit',
  '550 Daily Sending Limit reached',
  '554 rate limit exceeded',
  '554 ratelimited',
  '550 too many messages',
])('at each stage a quota of ours spends no attempt and pauses no route: %s', (raw) => {
  for (const stage of ['greeting', 'ehlo', 'mail', 'rcpt', 'data', 'body', 'dot'] as const)
    expect(classifyAnswer({ kind: 'refused', stage, reason: null, ...parseReply(raw) })).toMatchObject({
      kind: 'deferred',
      spent: false,
    });
});

test.each(['452 4.2.2 too many messages', '552 5.2.2 rate limit'])(
  'a full mailbox is counted, whatever the text says: %s',
  (raw) => {
    const judged = classifyAnswer({ kind: 'refused', stage: 'rcpt', reason: null, ...parseReply(raw) });
    expect(judged.category).toBe('mailbox_full');
    expect(judged).not.toMatchObject({ spent: false });
  },
);
