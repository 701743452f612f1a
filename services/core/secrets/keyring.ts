// The keyring: our own secret keys, by purpose, so that each program gets only the keys that it
// needs. During a rotation a purpose has several keys: the first is used to write, and all are used
// to read.

import { parseDocuments } from '../documents/documents.ts';
import { Failure } from '../failure.ts';

/**
 * `catalog` seals relay logins and DKIM keys; `suppression` hashes addresses; `cursor` signs the
 * cursors of lists; `return` signs envelope senders.
 */
export type KeyPurpose = 'catalog' | 'suppression' | 'cursor' | 'return';
export const keyPurposes: readonly KeyPurpose[] = ['catalog', 'suppression', 'cursor', 'return'];

export interface Key {
  /** Names the key in the values made with it: 1 to 32 characters of `[a-z0-9-]`. */
  readonly id: string;
  /** At least 32 bytes. */
  readonly secret: Uint8Array;
}

/** At least one key; the first is the active key. */
export type Keys = readonly [Key, ...Key[]];
export type Keyring = Readonly<Partial<Record<KeyPurpose, Keys>>>;

const KEY_BYTES = 32;
const keyId = /^[a-z0-9][a-z0-9-]{0,31}$/;
const base64 = /^[A-Za-z0-9+/]+={0,2}$/;

/**
 * Parses `{purpose: [{id, secret}, …], …}` in YAML or JSON, with the secrets in base64. Throws
 * `Failure('invalid')` with all faults. Each fault names its field; no fault quotes the text,
 * except the names of known purposes.
 */
export function parseKeyring(text: string): Keyring {
  const content = read(text);
  const faults: string[] = [];
  const keyring: Partial<Record<KeyPurpose, Keys>> = {};
  for (const [name, value] of Object.entries(content)) {
    const purpose = keyPurposes.find((known) => known === name);
    if (purpose === undefined) {
      faults.push(`a purpose is not one of ${keyPurposes.join(', ')}`);
      continue;
    }
    const [first, ...rest] = readKeys(purpose, value, faults);
    if (first !== undefined) keyring[purpose] = [first, ...rest];
  }
  if (faults.length > 0) throw invalid(faults);
  return keyring;
}

function read(text: string): Record<string, unknown> {
  const { documents, faults } = parseDocuments('the keyring', text);
  const [fault] = faults;
  if (fault !== undefined) throw invalid([`line ${fault.line}, column ${fault.column} ${fault.message}`]);
  const [content] = documents.map(({ value }) => value);
  if (documents.length > 1 || !isRecord(content))
    throw invalid(['the keyring must be one object with a field for each purpose']);
  return content;
}

function readKeys(purpose: KeyPurpose, value: unknown, faults: string[]): Key[] {
  if (!Array.isArray(value) || value.length === 0) {
    faults.push(`${purpose} must be a list of keys`);
    return [];
  }
  const keys = value.flatMap((entry: unknown, i): Key[] => {
    const { id, secret } = isRecord(entry) ? entry : {};
    const bytes = typeof secret === 'string' && base64.test(secret) ? Buffer.from(secret, 'base64') : null;
    if (typeof id !== 'string' || !keyId.test(id))
      faults.push(`${purpose}[${i}].id must be 1 to 32 characters of a-z, 0-9 and -`);
    else if (bytes === null || bytes.length < KEY_BYTES)
      faults.push(`${purpose}[${i}].secret must be base64 of at least ${KEY_BYTES} bytes`);
    else return [{ id, secret: bytes }];
    return [];
  });
  if (new Set(keys.map(({ id }) => id)).size < keys.length)
    faults.push(`two keys of ${purpose} have the same id`);
  return keys;
}

/** The keys of a purpose. Throws `Failure('invalid')` if the keyring has none. */
export function keysFor(keyring: Keyring, purpose: KeyPurpose): Keys {
  const keys = keyring[purpose];
  if (keys === undefined) throw new Failure('invalid', `the keyring has no key for ${purpose}`);
  return keys;
}

/**
 * The text of a new keyring with one key for each purpose. `bytes` is a source of cryptographic
 * randomness.
 */
export function newKeyring(bytes: (count: number) => Uint8Array): string {
  const entries = keyPurposes.map((purpose) => [
    purpose,
    [{ id: 'k1', secret: Buffer.from(bytes(KEY_BYTES)).toString('base64') }],
  ]);
  return `${JSON.stringify(Object.fromEntries(entries), null, 2)}\n`;
}

const isRecord = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);
const invalid = (faults: readonly string[]): Failure =>
  new Failure('invalid', `the keyring cannot be used: ${faults.join('; ')}`);
