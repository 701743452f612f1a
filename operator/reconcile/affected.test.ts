import { describe, expect, test } from 'vitest';
import type { SenderResource, TemplateResource } from '../api/v1alpha1/resources.ts';
import { ObjectStore } from '../kubernetes/object-store.ts';
import type { KubernetesObject } from '../kubernetes/resource.ts';
import {
  type Affected,
  affectedByConfigMap,
  affectedBySecret,
  affectedBySender,
  affectedByTemplate,
} from './affected.ts';
import { senderIndexers, templateIndexers } from './indexes.ts';

const metadata = (name: string, namespace = 'shop') => ({
  name,
  namespace,
  uid: `uid-${name}`,
  generation: 1,
});
const sender = (name: string, spec: object = {}, namespace = 'shop'): SenderResource => ({
  metadata: metadata(name, namespace),
  spec,
});
const template = (name: string, spec: object = {}): TemplateResource => ({ metadata: metadata(name), spec });
const changed = <T extends KubernetesObject>(object: T, more: object): T => ({
  ...object,
  metadata: { ...object.metadata, ...more },
});

const billing = sender('billing', {
  domain: 'shop.example',
  routes: [{ smtp: { credentialsSecretRef: { name: 'login' } } }],
});
const rival = sender('rival', { domain: 'Shop.Example' }, 'bakery');
const invoice = template('invoice', {
  senderRef: { name: 'billing' },
  layoutRef: { name: 'base' },
  identifier: 'Invoice',
});
const twin = template('twin', { identifier: 'Invoice' });
const base = template('base', { layoutRef: { name: 'frame' } });
const frame = template('frame', {
  locales: [{ htmlFrom: { configMapKeyRef: { name: 'texts', key: 'a' } } }],
});

const mirrors = { senders: new ObjectStore(senderIndexers), templates: new ObjectStore(templateIndexers) };
for (const object of [billing, rival, sender('other', { domain: 'other.example' })])
  mirrors.senders.set(object);
for (const object of [invoice, twin, base, frame]) mirrors.templates.set(object);

const names = (affected: Affected): readonly string[] => [
  ...new Set(affected.senders.map((object) => `sender ${object.metadata.name}`)),
  ...new Set(affected.templates.map((object) => `template ${object.metadata.name}`)),
  ...(affected.isComparisonDue ? ['comparison'] : []),
];

describe('a Sender', () => {
  test.each([
    [
      'that appears',
      { before: null, after: billing },
      ['sender billing', 'sender rival', 'template invoice'],
    ],
    [
      'that disappears',
      { before: billing, after: null },
      ['sender billing', 'sender rival', 'template invoice', 'comparison'],
    ],
    [
      'of a new generation',
      { before: billing, after: changed(billing, { generation: 2 }) },
      ['sender billing'],
    ],
    ['with a new finalizer', { before: billing, after: changed(billing, { finalizers: ['a'] }) }, []],
    [
      'with a request',
      { before: billing, after: changed(billing, { annotations: { 'packetboat.dev/requested-at': '1' } }) },
      ['sender billing'],
    ],
    [
      'that is paused',
      { before: billing, after: changed(billing, { annotations: { 'packetboat.dev/paused': 'true' } }) },
      ['sender billing'],
    ],
    [
      'with another annotation',
      { before: billing, after: changed(billing, { annotations: { 'acme.example/a': '1' } }) },
      [],
    ],
    [
      'with a new status',
      { before: billing, after: { ...changed(billing, { resourceVersion: '2' }), status: {} } },
      [],
    ],
  ])('%s', (_, change, expected) => {
    expect(names(affectedBySender(change, mirrors))).toEqual(expected);
  });
});

describe('a Template', () => {
  const renamed = { ...changed(invoice, { generation: 2 }), spec: { identifier: 'Bill' } };

  test.each([
    ['that appears', { before: null, after: invoice }, ['template invoice', 'template twin']],
    [
      'that disappears',
      { before: invoice, after: null },
      ['template invoice', 'template twin', 'comparison'],
    ],
    [
      'that loses its identifier',
      { before: invoice, after: renamed },
      ['template invoice', 'template twin', 'comparison'],
    ],
    [
      'that wraps others, at any depth',
      { before: frame, after: changed(frame, { generation: 2 }) },
      ['template frame', 'template base', 'template invoice'],
    ],
    ['with a new status', { before: invoice, after: { ...invoice, status: {} } }, []],
  ])('%s', (_, change, expected) => {
    expect(names(affectedByTemplate(change, mirrors))).toEqual(expected);
  });
});

describe('a reference', () => {
  const object = (name: string, annotations: Readonly<Record<string, string>> = {}): KubernetesObject => ({
    metadata: { name, namespace: 'shop', annotations },
  });
  const ofBilling = { 'packetboat.dev/dkim-sender': 'billing' };

  test.each([
    ['a Secret that a Sender names', { before: null, after: object('login') }, ['sender billing']],
    ['a managed key', { before: null, after: object('key', ofBilling) }, ['sender billing']],
    [
      'a managed key that loses its annotation',
      { before: object('key', ofBilling), after: object('key') },
      ['sender billing'],
    ],
    ['a Secret that nobody names', { before: null, after: object('else') }, []],
  ])('%s', (_, change, expected) => {
    expect(names(affectedBySecret(change, mirrors))).toEqual(expected);
  });

  test.each([
    [
      'a ConfigMap of a layout',
      { before: object('texts'), after: null },
      ['template frame', 'template base', 'template invoice'],
    ],
    ['a ConfigMap that nobody names', { before: null, after: object('else') }, []],
  ])('%s', (_, change, expected) => {
    expect(names(affectedByConfigMap(change, mirrors))).toEqual(expected);
  });
});
