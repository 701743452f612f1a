// Helm in the two major versions that people have, without the configuration of the tests' user.

import { execFile } from 'node:child_process';
import { mkdtempSync, readdirSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseAllDocuments } from 'yaml';
import type { Printed } from './kubernetes.ts';
import { requireFile } from './need.ts';

export const chart = fileURLToPath(new URL('../../charts/packetboat', import.meta.url));

export const helms = ['helm', 'helm3'] as const;
export type Helm = (typeof helms)[number];

/** The combinations of values that are tested: `dev` for `ci/dev-values.yaml`. */
export const combinations = readdirSync(join(chart, 'ci')).map((file) => file.replace(/-values\.yaml$/, ''));
export const valuesOf = (combination: string): string => join(chart, 'ci', `${combination}-values.yaml`);

type Labels = Readonly<Record<string, string>>;

export interface Container {
  readonly name: string;
  readonly args?: readonly string[];
  readonly env?: readonly {
    readonly name: string;
    readonly value?: unknown;
    readonly valueFrom?: {
      readonly secretKeyRef?: { readonly name: string; readonly key: string };
      readonly fieldRef?: object;
    };
  }[];
  readonly volumeMounts?: readonly { readonly name: string; readonly mountPath: string }[];
}

interface SecretVolume {
  readonly secretName: string;
  readonly items?: readonly { readonly key: string; readonly path: string }[];
}

export interface PodSpec {
  readonly containers: readonly Container[];
  readonly serviceAccountName?: string;
  readonly automountServiceAccountToken?: boolean;
  readonly volumes?: readonly { readonly name: string; readonly secret?: SecretVolume }[];
}

interface Metadata {
  readonly name: string;
  readonly namespace?: string;
  readonly labels?: Labels;
  readonly annotations?: Labels;
}

/** As far as the tests look into one. */
export interface RenderedObject {
  readonly apiVersion: string;
  readonly kind: string;
  readonly metadata: Metadata;
  readonly data?: Readonly<Record<string, string>>;
  readonly spec?: {
    readonly replicas?: number;
    /** Labels themselves, of a Service. */
    readonly selector?: Labels & { readonly matchLabels?: Labels };
    readonly podSelector?: { readonly matchLabels?: Labels };
    readonly volumeClaimTemplates?: readonly { readonly metadata: Metadata }[];
    readonly template?: { readonly metadata: Metadata; readonly spec: PodSpec };
  };
}

/** The pod of whatever makes pods. */
export function podOf({ kind, spec }: RenderedObject): PodSpec | undefined {
  return kind === 'Pod' ? (spec as unknown as PodSpec) : spec?.template?.spec;
}

const HELM_MS = 120_000;

/** Runs it to its end, however that is. */
export function helm(
  which: Helm,
  args: readonly string[],
  env: Readonly<Record<string, string>> = {},
): Promise<Printed> {
  const home = mkdtempSync(join(tmpdir(), 'packetboat-helm-'));
  const own = {
    PATH: process.env.PATH,
    HOME: home,
    HELM_CACHE_HOME: home,
    HELM_CONFIG_HOME: home,
    HELM_DATA_HOME: home,
    KUBECONFIG: '',
  };
  const options = { env: { ...own, ...env }, timeout: HELM_MS, maxBuffer: 64 * 1024 * 1024 };
  return new Promise((resolve) => {
    execFile(requireFile(which), args, options, (error, stdout, stderr) => {
      const code = error === null ? 0 : typeof error.code === 'number' ? error.code : -1;
      resolve({ code, stdout, stderr });
    });
  });
}

/** As `helm`, and throws unless it ended well. Answers what it printed. */
export async function helmOk(
  which: Helm,
  args: readonly string[],
  env: Readonly<Record<string, string>> = {},
): Promise<string> {
  const { code, stdout, stderr } = await helm(which, args, env);
  if (code !== 0) throw new Error(`${which} ${args.join(' ')} ended with ${code}: ${stderr}`);
  return stdout;
}

/** What the chart makes of values, for a release `packetboat` in the namespace `mail`. */
export async function render(
  args: readonly string[],
  which: Helm = 'helm',
): Promise<readonly RenderedObject[]> {
  return objectsOf(await helmOk(which, ['template', 'packetboat', chart, '--namespace', 'mail', ...args]));
}

export const objectsOf = (text: string): readonly RenderedObject[] =>
  parseAllDocuments(text)
    .map((document) => document.toJS() as RenderedObject | null)
    .filter((object) => object !== null);
