import { describe, expect, test } from 'vitest';
import { operatorLimits } from '../../../services/core/limits/operator.ts';
import type { Decision } from '../decision.ts';
import { decideSender, recordsFor, type SenderFacts } from './decide.ts';
import { allRecords, managedKey, NOW, senderFacts, senderObject } from './facts.fixture.ts';

const DAY = 24 * 3_600_000;
const PERIOD_MS = 21_600_000;

const shown = ({ conditions }: Decision): readonly string[] =>
  conditions.map(({ type, status, reason }) => `${type} ${status} ${reason}`);
const entryOf = ({ entry }: Decision) => (entry?.kind === 'sender' ? entry.sender : null);

const login = {
  routes: [{ name: 'relay', smtp: { host: 'relay.example.net', credentialsSecretRef: { name: 'login' } } }],
};
const verifying = (policy: string) => ({ verification: { policy } });
const verified = { status: { verifiedTime: '2026-02-01T00:00:00Z' } };
const unseen = (
  object = senderObject(),
  state: 'Missing' | 'Mismatch' | 'Unknown' = 'Missing',
  keys: SenderFacts['keys'] = [],
) => senderFacts(object, { keys, records: allRecords(object, keys, state) });
const owner = senderObject({}, { metadata: { name: 'older', namespace: 'shop', uid: 'u0' } });
const active = managedKey({ selector: 'a', seenAt: NOW - DAY, activeAt: NOW - DAY });
const standby = managedKey({ selector: 'b' });

describe('a Sender without an entry', () => {
  test.each([
    [
      'that is not valid',
      senderFacts(senderObject({ domain: 7 })),
      ['Accepted False InvalidSpec', 'ReferencesResolved Unknown Pending'],
      null,
    ],
    [
      'in a namespace that is no tenant',
      senderFacts(senderObject(), { tenant: null }),
      ['Accepted False NamespaceNotAllowed', 'ReferencesResolved Unknown Pending'],
      null,
    ],
    [
      'whose domain another one has',
      senderFacts(senderObject(), { owner }),
      ['Accepted False DomainConflict', 'ReferencesResolved Unknown Pending'],
      null,
    ],
    [
      'whose Secrets cannot be read',
      senderFacts(senderObject(login), { secrets: null }),
      ['Accepted True Accepted', 'ReferencesResolved Unknown ApiUnavailable'],
      operatorLimits.reconcileStoreRetryMs,
    ],
    [
      'whose Secret is missing',
      senderFacts(senderObject(login), { secrets: new Map([['login', null]]) }),
      ['Accepted True Accepted', 'ReferencesResolved False SecretNotFound'],
      PERIOD_MS,
    ],
    [
      'that lies outside its domain',
      senderFacts(senderObject({ returnPathDomain: 'other.example' })),
      ['Accepted False InvalidSpec', 'ReferencesResolved Unknown Pending'],
      PERIOD_MS,
    ],
  ])('%s', (_, facts, conditions, nextVisitMs) => {
    const decision = decideSender(facts);
    expect([decision.entry, shown(decision), decision.nextVisitMs]).toEqual([
      null,
      [...conditions, 'DomainVerified Unknown Pending'],
      nextVisitMs,
    ]);
  });

  test('keeps the time since when it was verified', () => {
    expect(decideSender(senderFacts(senderObject(login, verified), { secrets: null })).fields).toEqual(
      verified.status,
    );
  });

  test.each([
    ['the same namespace', owner, 'is taken by Sender "older"'],
    [
      'another namespace, which it does not name',
      { ...owner, metadata: { ...owner.metadata, namespace: 'bakery' } },
      'is taken in another namespace',
    ],
  ])('is told whether the owner of its domain is in %s', (_, other, message) => {
    expect(decideSender(senderFacts(senderObject(), { owner: other })).conditions[0]?.message).toBe(
      `spec.domain: ${message}`,
    );
  });
});

describe('a Sender with an entry', () => {
  test.each([
    [
      'Enforce',
      'with all records',
      senderFacts(senderObject(verifying('Enforce'))),
      'True Verified',
      true,
      PERIOD_MS,
    ],
    ['Enforce', 'without records', unseen(), 'False RecordsMissing', false, operatorLimits.domainRecheckMs],
    [
      'Enforce',
      'with other records',
      unseen(senderObject(), 'Mismatch'),
      'False RecordsMismatch',
      false,
      operatorLimits.domainRecheckMs,
    ],
    [
      'Enforce',
      'without an answer',
      unseen(senderObject(), 'Unknown'),
      'Unknown LookupFailed',
      false,
      operatorLimits.domainRecheckMs,
    ],
    [
      'Enforce',
      'without an answer after it was verified',
      unseen(senderObject({}, verified), 'Unknown'),
      'Unknown LookupFailed',
      true,
      operatorLimits.domainRecheckMs,
    ],
    [
      'Enforce',
      'that lost its records',
      unseen(senderObject({}, verified)),
      'False RecordsMissing',
      false,
      operatorLimits.domainRecheckMs,
    ],
    [
      'Warn',
      'without records',
      unseen(senderObject(verifying('Warn'))),
      'False RecordsMissing',
      true,
      operatorLimits.domainRecheckMs,
    ],
    [
      'Disabled',
      'whatever DNS says',
      unseen(senderObject(verifying('Disabled'))),
      'True VerificationDisabled',
      true,
      null,
    ],
  ] as const)('under %s, %s', (policy, _, facts, domainVerified, isVerified, nextVisitMs) => {
    const decision = decideSender(facts);
    expect(shown(decision)).toEqual([
      'Accepted True Accepted',
      'ReferencesResolved True Resolved',
      `DomainVerified ${domainVerified}`,
    ]);
    expect([entryOf(decision)?.verified, decision.ready.isEnforced, decision.nextVisitMs]).toEqual([
      isVerified,
      policy === 'Enforce',
      nextVisitMs,
    ]);
  });

  test('is named by its tenant, not by its namespace', () => {
    expect(entryOf(decideSender(senderFacts(senderObject(), { tenant: 'acme' })))).toMatchObject({
      tenant: 'acme',
      name: 'billing',
    });
  });

  test('is verified since the first time that all records were there', () => {
    expect(decideSender(senderFacts()).fields).toMatchObject({ verifiedTime: '2026-03-01T12:00:00Z' });
    expect(decideSender(senderFacts(senderObject({}, verified))).fields).toMatchObject(verified.status);
    expect(decideSender(unseen(senderObject({}, verified))).fields).not.toHaveProperty('verifiedTime');
    expect(
      decideSender(senderFacts(senderObject(verifying('Disabled'), verified))).fields,
    ).not.toHaveProperty('verifiedTime');
  });

  test('says that the line break at the end of a password is not used, without the password', () => {
    const secrets = new Map([['login', { username: 'u', password: 'hunter2\n' }]]);
    const decision = decideSender(senderFacts(senderObject(login), { secrets }));
    expect(decision.conditions[1]).toEqual({
      ...{ type: 'ReferencesResolved', status: 'True', reason: 'Resolved' },
      message:
        'all references are resolved; the line break at the end of the key "password" in the Secret "login" is not used',
    });
    expect(entryOf(decision)?.routes[0]?.credentials).toEqual({ username: 'u', password: 'hunter2' });
  });

  test('opens its login', () => {
    const secrets = new Map([['login', { username: 'u', password: 'p' }]]);
    const [route] = entryOf(decideSender(senderFacts(senderObject(login), { secrets })))?.routes ?? [];
    expect(route?.credentials).toEqual({ username: 'u', password: 'p' });
  });

  test('is ready as suspended when its spec says so', () => {
    expect(decideSender(senderFacts(senderObject({ suspend: true }))).ready.isSuspended).toBe(true);
  });
});

describe('managed keys', () => {
  const object = senderObject({ dkim: {} });

  test.each([
    ['an active key signs', [active], ['a'], PERIOD_MS],
    [
      'a key in Standby does not sign, and is looked for each minute',
      [active, standby],
      ['a'],
      operatorLimits.domainRecheckMs,
    ],
    [
      'a retired key does not sign',
      [{ ...active, managed: { ...active.managed, retiredAt: NOW } }],
      [],
      PERIOD_MS,
    ],
  ])('%s', (_, keys, signing, nextVisitMs) => {
    const decision = decideSender(senderFacts(object, { keys }));
    expect([entryOf(decision)?.dkim.map(({ selector }) => selector), decision.nextVisitMs]).toEqual([
      signing,
      nextVisitMs,
    ]);
    expect(decision.fields).toMatchObject({
      dkimKeys: keys.map(({ managed: { selector } }) => expect.objectContaining({ selector })),
    });
  });

  test.each([
    ['the first key', [standby], ['b true']],
    ['the key that signs and its successor', [active, standby], ['a true', 'b false']],
    ['no key that retires', [{ ...active, managed: { ...active.managed, retiredAt: NOW } }], []],
  ])('a Sender needs the record of %s', (_, keys, expected) => {
    const sender = entryOf(decideSender(senderFacts(object)));
    if (sender === null) return expect.fail('it compiles');
    const records = recordsFor(sender, keys).filter(({ purpose }) => purpose === 'DKIM');
    expect(records.map(({ name, isRequired }) => `${name.split('.')[0]} ${isRequired}`)).toEqual(expected);
  });
});
