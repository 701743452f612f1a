// Senders and templates as people write them, and compiled, for the contract suites of the catalog.

import type { Sender, TemplateRevision } from '../../services/core/catalog/catalog.ts';
import { parseDocuments } from '../../services/core/documents/documents.ts';
import { compileFolder } from '../../services/core/objects/compile-folder.ts';

export interface SampleSender {
  readonly name?: string;
  readonly tenant?: string;
  readonly from?: string;
  /** The relay asks for a login: a Secret with this password or this access token. */
  readonly password?: string;
  readonly accessToken?: string;
}

/** YAML of a Sender, and of its Secret where it has one. */
export function senderYaml({
  name = 'billing',
  tenant = 'shop',
  from = 'Billing',
  password,
  accessToken,
}: SampleSender = {}): string {
  const domain = `${name}.${tenant}.example`;
  const hasLogin = password !== undefined || accessToken !== undefined;
  const login = !hasLogin ? '' : `, credentialsSecretRef: {name: ${name}-login}`;
  const sender = `apiVersion: packetboat.dev/v1alpha1
kind: Sender
metadata: {name: ${name}, namespace: ${tenant}}
spec:
  domain: ${domain}
  from: {address: hello@${domain}, name: ${JSON.stringify(from)}}
  routes:
  - {name: relay, smtp: {host: relay.example.net, tls: StartTLS${login}}}
`;
  const secret = `---
apiVersion: v1
kind: Secret
metadata: {name: ${name}-login, namespace: ${tenant}}
stringData: ${JSON.stringify({ username: name, password, accessToken })}
`;
  return hasLogin ? sender + secret : sender;
}

export interface SampleTemplate {
  readonly identifier?: string;
  readonly tenant?: string;
  readonly subject?: string;
}

export function templateYaml({
  identifier = 'invoice',
  tenant = 'shop',
  subject = 'Your invoice',
}: SampleTemplate = {}): string {
  return `apiVersion: packetboat.dev/v1alpha1
kind: Template
metadata: {name: ${identifier.toLowerCase().replaceAll('_', '-')}, namespace: ${tenant}}
spec:
  identifier: ${identifier}
  defaultLocale: en
  variables: {type: object, properties: {"a.b": {type: string}, "$ref-like": {type: string}}}
  locales:
  - {locale: en, subject: ${JSON.stringify(subject)}, text: Thank you.}
`;
}

/** All of it must compile: these are samples, not the subject of a test. */
export function compiledOf(yaml: string): {
  readonly senders: readonly Sender[];
  readonly templates: readonly TemplateRevision[];
} {
  const { documents, faults } = parseDocuments('catalog.yaml', yaml);
  const compiled = compileFolder(documents);
  const [fault] = [...faults, ...compiled.faults];
  if (fault !== undefined)
    throw new Error(`the sample does not compile: ${fault.name} ${fault.path} ${fault.message}`);
  return compiled;
}

export function compiledSender(sample: SampleSender = {}): Sender {
  const [sender] = compiledOf(senderYaml(sample)).senders;
  if (sender === undefined) throw new Error('no sender in the sample');
  return sender;
}

export function compiledTemplate(sample: SampleTemplate = {}): TemplateRevision {
  const [template] = compiledOf(templateYaml(sample)).templates;
  if (template === undefined) throw new Error('no template in the sample');
  return template;
}
