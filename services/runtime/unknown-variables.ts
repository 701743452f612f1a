// Finds environment variables that look like settings of Packetboat but are not. Most are misspelt,
// and the intended setting silently keeps its default.

import { nearest } from '../core/documents/nearest.ts';
import { runningLimits } from '../core/limits/running.ts';
import { variables } from './config.ts';
import type { ProcessEnvironment } from './read-config.ts';

/**
 * The settings of all programs: several programs often share an environment, so a variable of
 * another program is not unknown.
 */
const known: ReadonlySet<string> = new Set(Object.values(variables).map(({ name }) => name));

/**
 * Variables that the documentation uses and no program reads: the API key in the README, and the
 * folders in which the tests find and cache their servers.
 */
const documented: ReadonlySet<string> = new Set([
  'PACKETBOAT_KEY',
  'PACKETBOAT_TEST_BIN',
  'PACKETBOAT_CACHE',
]);

/** Returns a sentence for each unknown variable, without the value. */
export function unknownVariables(environment: ProcessEnvironment): readonly string[] {
  const names = Object.keys(environment).filter(
    (name) => name.startsWith('PACKETBOAT_') && !known.has(name) && !documented.has(name),
  );
  return names.flatMap((name) => {
    if (isServiceLink(name, environment[name] ?? '')) return [];
    const suggestion = nearest(name.slice('PACKETBOAT_'.length), suffixes);
    return [
      `${name.slice(0, runningLimits.unknownVariableCharsShown)} is not a setting of Packetboat; ${suggestion === null ? '`packetboat help PROGRAM` lists the settings' : `did you mean PACKETBOAT_${suggestion}?`}`,
    ];
  });
}

const suffixes = [...known].flatMap((name) =>
  name.startsWith('PACKETBOAT_') ? [name.slice('PACKETBOAT_'.length)] : [],
);

/**
 * Kubernetes sets variables for each Service of the namespace in every container
 * (`enableServiceLinks`), and the names of our Services begin with packetboat:
 * https://kubernetes.io/docs/tutorials/services/connect-applications-service/#environment-variables
 */
function isServiceLink(name: string, value: string): boolean {
  if (/_PORT_\d{1,5}_(?:TCP|UDP|SCTP)(?:_(?:PROTO|PORT|ADDR))?$/.test(name)) return true;
  if (/_SERVICE_(?:HOST|PORT(?:_[A-Z0-9_]+)?)$/.test(name)) return true;
  return name.endsWith('_PORT') && /^(?:tcp|udp|sctp):\/\//.test(value);
}
