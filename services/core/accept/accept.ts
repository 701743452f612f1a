// Decides whether a request becomes a message, and builds the message. `send-request.ts` parses the
// request; here the request is checked against the catalog and the rights of the key. All faults
// are reported at once.

import { type Caller, reachesEnvironment, reachesSender } from '../access/caller.ts';
import type { Address, Mailbox } from '../address.ts';
import { domainOf } from '../address.ts';
import {
  type CatalogSnapshot,
  type Environment,
  isOnTeam,
  type Sender,
  type TemplateRevision,
} from '../catalog/catalog.ts';
import { arrive, type Delivery } from '../delivery/delivery.ts';
import type { Content, Message, NewMessage } from '../delivery/message.ts';
import { Failure, type FieldError, validationFailed } from '../failure.ts';
import type { MessageId } from '../ids.ts';
import { mergeHeaders } from '../mail/headers.ts';
import { oneClickError } from '../mail/list-headers.ts';
import { bodyOf, type MailContent } from '../mail/mime/mail-of-message.ts';
import { isBlank } from '../template/blank.ts';
import { sizeFault } from './mail-size.ts';
import type { ParsedRequest } from './send-request.ts';

/**
 * Renders a template with the caller's data, or returns the faults of the data, with paths below
 * `field`. `storedSubject` has `***` in place of secrets.
 */
export type RenderTemplate = (
  revision: TemplateRevision,
  input: {
    readonly environment: Environment;
    readonly language: string | null;
    readonly data: Readonly<Record<string, unknown>>;
    readonly field: string;
  },
) =>
  | { readonly mail: MailContent; readonly storedSubject: string }
  | { readonly errors: readonly FieldError[] };

export interface AcceptContext {
  readonly caller: Caller;
  readonly catalog: CatalogSnapshot;
  /**
   * The revision that the request pins. Null: the request pins none, or there is no such revision.
   */
  readonly pinned: TemplateRevision | null;
  readonly renderTemplate: RenderTemplate;
}

/** A message without its id, its time and the state of its deliveries. */
export type Draft = Omit<
  Message,
  'id' | 'createdAt' | 'trace' | 'idempotency' | 'acceptedAs' | 'deliveries' | 'events'
> & {
  readonly recipients: readonly { readonly address: Address; readonly role: Delivery['role'] }[];
};

type SendVerdict =
  | { readonly kind: 'accepted'; readonly draft: Draft }
  | { readonly kind: 'refused'; readonly failure: Failure };

export function judgeSend(
  parsed: ParsedRequest,
  faults: readonly FieldError[],
  context: AcceptContext,
): SendVerdict {
  const { caller, catalog } = context;
  const errors: FieldError[] = [...faults];
  const fault = (field: string, code: string, message: string): void =>
    void errors.push({ field, code, message });

  const environment = parsed.environment ?? caller.environment;
  if (!reachesEnvironment(caller.reach, environment)) {
    return refusedByKey(
      'environment',
      `This key may not send in ${environment}; its environment is ${caller.environment}.`,
    );
  }
  // This includes names that no sender has: the key must not learn which senders exist. Below, only
  // senders within reach are selected.
  if (parsed.sender !== null && !reachesSender(caller.reach, parsed.sender))
    return refusedByKey('sender', 'This key may not use this sender.');

  const template = chooseTemplate(parsed, context, fault);
  const isFaultReported = errors.some(({ field }) => field === 'from' || field === parsed.names.template);
  const sender = chooseSender({ parsed, template, isFaultReported }, caller, catalog, fault);

  if (sender !== null) judgeForSender(parsed, sender, environment, fault);
  const { html, text } = parsed;
  let subject = parsed.subject;
  let mail: MailContent = {
    subject: subject ?? '',
    html: bodyOf(html),
    text: bodyOf(text),
    headers: parsed.headers,
  };
  if (template !== null) {
    const input = {
      environment,
      language: parsed.language,
      data: parsed.templateData,
      field: parsed.names.templateData,
    };
    const rendered = context.renderTemplate(template, input);
    if ('errors' in rendered) errors.push(...rendered.errors);
    else {
      mail = {
        ...rendered.mail,
        subject: subject ?? rendered.mail.subject,
        headers: mergeHeaders(rendered.mail.headers, parsed.headers),
      };
      subject ??= rendered.storedSubject;
    }
    if (subject !== null && isBlank(mail.subject))
      fault('subject', 'missing', 'The subject of the template is blank with this data.');
  }
  const oneClick = oneClickError(mail.headers, 'headers');
  if (oneClick !== null) errors.push(oneClick);
  const shown = sender === null ? null : shownIn(parsed, sender);
  if (sender !== null && shown !== null) {
    const tooLarge = sizeFault({ parsed, shown, content: mail, hasFault: errors.length > 0 }, sender);
    if (tooLarge !== null) errors.push(tooLarge);
  }
  if (errors.length > 0 || sender === null || shown === null || subject === null)
    return { kind: 'refused', failure: validationFailed(errors) };

  const content: Content = {
    template:
      template === null
        ? null
        : { identifier: template.identifier, revision: template.revision, language: parsed.language },
    templateData: parsed.templateDataPart,
    subject: parsed.subject,
    html: parsed.html,
    text: parsed.text,
    headers: parsed.headers,
    attachments: parsed.attachments,
  };
  const draft: Draft = {
    tenant: caller.tenant,
    keyId: caller.keyId,
    environment,
    sender: sender.name,
    ...shown,
    subject,
    content,
    tier: parsed.tier,
    copies: parsed.copies ?? sender.copies,
    scheduledAt: parsed.scheduledAt,
    expiresAt: parsed.expiresAt,
    tags: parsed.tags,
    metadata: parsed.metadata,
    recipients: parsed.recipients.map((r) => ({ address: r.mailbox.address, role: r.role })),
  };
  return { kind: 'accepted', draft };
}

type Fault = (field: string, code: string, message: string) => void;

const refusedByKey = (field: string, message: string): SendVerdict => ({
  kind: 'refused',
  failure: new Failure('forbidden', message, {
    code: 'forbidden',
    errors: [{ field, code: 'forbidden', message }],
  }),
});

/** For a key, templates and revisions of senders that the key may not use do not exist. */
function chooseTemplate(
  parsed: ParsedRequest,
  { caller, catalog, pinned }: AcceptContext,
  fault: Fault,
): TemplateRevision | null {
  if (parsed.template === null) return null;
  const { identifier, revision } = parsed.template;
  const live = catalog.template(caller.tenant, identifier);
  if (live === null || !reachesSender(caller.reach, live.sender)) {
    fault(parsed.names.template, 'unknown_template', 'There is no template with this identifier.');
    return null;
  }
  if (revision === null || revision === live.revision) return live;
  if (pinned !== null && reachesSender(caller.reach, pinned.sender)) return pinned;
  fault(
    parsed.names.template,
    'unknown_revision',
    'This template has no such revision, or the revision is no longer kept.',
  );
  return null;
}

/**
 * Selects the sender, in this order: the sender that the request names, the sender of the template,
 * the sender with the domain of `from`, the first sender of the key, the only sender of the tenant.
 *
 * `isFaultReported`: the template or `from`, which would select the sender, already has a fault; a
 * second fault for the missing sender would only confuse.
 */
function chooseSender(
  {
    parsed,
    template,
    isFaultReported,
  }: {
    readonly parsed: ParsedRequest;
    readonly template: TemplateRevision | null;
    readonly isFaultReported: boolean;
  },
  caller: Caller,
  catalog: CatalogSnapshot,
  fault: Fault,
): Sender | null {
  const named = parsed.sender ?? template?.sender ?? null;
  if (named !== null) {
    const sender = accepting(catalog.sender(caller.tenant, named));
    if (sender === null) fault('sender', 'unknown_sender', 'There is no sender with this name.');
    return sender;
  }
  if (isFaultReported) return null;
  const usable = catalog
    .senders(caller.tenant)
    .filter((s) => !s.retiring && reachesSender(caller.reach, s.name));
  if (parsed.from !== null) {
    const domain = domainOf(parsed.from.address);
    const holding = usable.find((s) => s.domain === domain);
    if (holding !== undefined) return holding;
    fault('from', 'unknown_domain', 'No sender that this key may use has this domain.');
    return null;
  }
  const [first] = caller.senders;
  const own = first === undefined ? null : accepting(catalog.sender(caller.tenant, first));
  const [only, ...others] = usable;
  const sender = own ?? (others.length === 0 ? (only ?? null) : null);
  if (sender === null)
    fault(
      'sender',
      'missing',
      usable.length === 0
        ? 'The tenant has no sender yet.'
        : 'Name the sender, or give a from address in the domain of a sender.',
    );
  return sender;
}

/** A deleted sender accepts no new messages; mail that was accepted is still delivered. */
const accepting = (sender: Sender | null): Sender | null => (sender?.retiring ? null : sender);

function judgeForSender(parsed: ParsedRequest, sender: Sender, environment: Environment, fault: Fault): void {
  if (parsed.from !== null && domainOf(parsed.from.address) !== sender.domain) {
    fault('from', 'foreign_domain', `The domain of from must be the domain of the sender ${sender.name}.`);
  }
  if (parsed.recipients.length > sender.limits.maxRecipients) {
    const field = parsed.recipients[sender.limits.maxRecipients]?.field ?? 'to';
    fault(
      field,
      'too_many_recipients',
      `The sender ${sender.name} allows at most ${sender.limits.maxRecipients} recipients.`,
    );
  }
  if (environment !== 'draft') return;
  for (const r of parsed.recipients) {
    if (!isOnTeam(sender, r.mailbox.address))
      fault(
        r.field,
        'not_on_team',
        `In draft only the team of the sender ${sender.name} may receive; use testing or live to reach the public.`,
      );
  }
}

/** The mailboxes that the header of the mail shows. */
function shownIn(parsed: ParsedRequest, sender: Sender): Pick<Draft, 'from' | 'replyTo' | 'to' | 'cc'> {
  const ofRole = (role: Delivery['role']): Mailbox[] =>
    parsed.recipients.filter((r) => r.role === role).map((r) => r.mailbox);
  return {
    from: parsed.from ?? sender.from,
    replyTo: parsed.replyTo.length > 0 ? parsed.replyTo : sender.replyTo,
    to: ofRole('to'),
    cc: ofRole('cc'),
  };
}

export function toMessage(
  draft: Draft,
  input: {
    readonly id: MessageId;
    readonly now: number;
    readonly trace: string | null;
    readonly idempotency: Message['idempotency'];
    readonly isSuppressed: (address: Address) => boolean;
    /** Whether entries go to the queue right after the insert. */
    readonly isPublished: boolean;
    readonly republishMs?: number;
  },
): NewMessage {
  const { recipients, ...rest } = draft;
  const starts = recipients.map((r) => ({
    recipient: r,
    ...arrive({
      now: input.now,
      scheduledAt: draft.scheduledAt,
      expiresAt: draft.expiresAt,
      isSuppressed: input.isSuppressed(r.address),
      isPublished: input.isPublished,
      ...(input.republishMs === undefined ? {} : { republishMs: input.republishMs }),
    }),
  }));
  const states = starts.map((s) => s.progress.state);
  return {
    ...rest,
    id: input.id,
    createdAt: input.now,
    trace: input.trace,
    idempotency: input.idempotency,
    acceptedAs: states.includes('queued')
      ? 'queued'
      : states.includes('scheduled')
        ? 'scheduled'
        : 'suppressed',
    deliveries: starts.map(({ recipient, progress }) => ({
      ...progress,
      recipient: recipient.address,
      role: recipient.role,
      domain: domainOf(recipient.address),
    })),
    events: starts.map(({ event }, delivery) => ({ ...event, delivery })),
  };
}
