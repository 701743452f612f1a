// Variables of the environment that look like settings of Packetboat and are none: most are
// misspelt, and the setting that was meant has its default.

import { nearest } from '../core/documents/nearest.ts';
import { variables } from './config.ts';
import type { ProcessEnvironment } from './read-config.ts';

/**
 * Settings of some program. A variable of another program is not unknown: several programs are
 * often given the same environment.
 */
const known: ReadonlySet<string> = new Set(Object.values(variables).map(({ name }) => name));

/**
 * No settings, but named in the documentation: the key of the README's request, and where the tests
 * find and keep their servers.
 */
const documented: ReadonlySet<string> = new Set([
  'PACKETBOAT_KEY',
  'PACKETBOAT_TEST_BIN',
  'PACKETBOAT_CACHE',
]);

/** A sentence for each unknown variable; none repeats its value. */
export function unknownVariables(environment: ProcessEnvironment): readonly string[] {
  const names = Object.keys(environment).filter(
    (name) => name.startsWith('PACKETBOAT_') && !known.has(name) && !documented.has(name),
  );
  return names.flatMap((name) => {
    if (isOfAService(name, environment[name] ?? '')) return [];
    const meant = nearest(name.slice('PACKETBOAT_'.length), suffixes);
    return [
      `${name.slice(0, 100)} is not a setting of Packetboat; ${meant === null ? '`packetboat help PROGRAM` lists the settings' : `did you mean PACKETBOAT_${meant}?`}`,
    ];
  });
}

const suffixes = [...known].flatMap((name) =>
  name.startsWith('PACKETBOAT_') ? [name.slice('PACKETBOAT_'.length)] : [],
);

/**
 * Kubernetes tells each container of the Services in its namespace (`enableServiceLinks`), and
 * those of a release are called packetboat-gateway and so on:
 * https://kubernetes.io/docs/tutorials/services/connect-applications-service/#environment-variables
 */
function isOfAService(name: string, value: string): boolean {
  if (/_PORT_\d{1,5}_(?:TCP|UDP|SCTP)(?:_(?:PROTO|PORT|ADDR))?$/.test(name)) return true;
  if (/_SERVICE_(?:HOST|PORT(?:_[A-Z0-9_]+)?)$/.test(name)) return true;
  return name.endsWith('_PORT') && /^(?:tcp|udp|sctp):\/\//.test(value);
}
