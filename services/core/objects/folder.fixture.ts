// Objects as text, for the tests of this folder. A test adds the fields that it needs.

import { expect } from 'vitest';
import { parseDocuments } from '../documents/documents.ts';
import { compileFolder } from './compile-folder.ts';

export const sender = (spec: string, metadata = '{name: billing}') => `
apiVersion: packetboat.dev/v1alpha1
kind: Sender
metadata: ${metadata}
spec: {domain: mail.shop.example, from: {address: billing@mail.shop.example}, routes: [{name: relay, smtp: {host: relay.example.net}}]${spec ? `, ${spec}` : ''}}
`;
export const template = (spec: string, metadata = '{name: invoice}') => `
apiVersion: packetboat.dev/v1alpha1
kind: Template
metadata: ${metadata}
spec: {defaultLocale: en, ${spec}}
`;
export const plain = 'locales: [{locale: en, subject: Hi, text: Hello}]';
export const secret = (data: string) => `
apiVersion: v1
kind: Secret
metadata: {name: login}
${data}
`;

export function compile(...texts: string[]) {
  const { documents, faults } = parseDocuments('test.yaml', texts.join('\n---\n'));
  expect(faults).toEqual([]);
  return compileFolder(documents);
}

export const shown = (result: ReturnType<typeof compile>) =>
  result.faults.map(({ reason, path }) => `${reason} ${path}`);
