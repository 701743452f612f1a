// Writes the README of the chart from the comments in values.yaml, which has one value per line.
// `make chart` runs this file.

import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

const folder = join(import.meta.dirname, 'packetboat');
const LINE = /^(?<indent> *)(?<key>[A-Za-z]+):(?: (?<value>.*?))??(?: +# (?<comment>.*))?$/;

export interface ValueLine {
  /** `gateway.service.port`. */
  readonly path: string;
  /** As written; empty where values are nested below. */
  readonly value: string;
  readonly comment: string;
}

/** Throws on a line that is not exactly one value, and on a value without a comment. */
export function readValues(text: string): readonly ValueLine[] {
  const values: ValueLine[] = [];
  const parents: { readonly indent: number; readonly key: string }[] = [];
  let above: string[] = [];
  for (const line of text.split('\n')) {
    if (line.trim() === '') {
      above = [];
      continue;
    }
    if (line.trim().startsWith('#')) {
      above.push(line.trim().slice(2));
      continue;
    }
    const { indent = '', key = '', value = '', comment } = LINE.exec(line)?.groups ?? {};
    if (key === '') throw new Error(`values.yaml: not one value per line: ${line}`);
    while ((parents.at(-1)?.indent ?? -1) >= indent.length) parents.pop();
    const path = [...parents.map((parent) => parent.key), key].join('.');
    const description = comment ?? above.join(' ');
    if (value !== '' && description === '') throw new Error(`values.yaml: ${path} has no comment`);
    values.push({ path, value, comment: description });
    if (value === '') parents.push({ indent: indent.length, key });
    above = [];
  }
  return values;
}

const cell = (text: string): string => text.replaceAll('|', '\\|');

export function readme(text: string): string {
  const rows = readValues(text)
    .filter(({ value, comment }) => value + comment !== '')
    .map(
      ({ path, value, comment }) =>
        `| \`${path}\` | ${value === '' ? '' : `\`${cell(value)}\``} | ${cell(comment)} |`,
    );
  return [
    '# The Packetboat chart',
    '',
    'This chart installs gateways, ingest, dispatchers, sweepers and operators over your MongoDB, NATS JetStream and Redis. [The guide](../../docs/kubernetes.md) has the steps. The chart needs',
    'Kubernetes 1.31 or later and Helm 3 or 4.',
    '',
    '```sh',
    'helm install packetboat charts/packetboat --namespace mail --create-namespace --set dev.enabled=true   # a trial',
    '```',
    '',
    '[`ci/`](ci) has the tested combinations. `make chart` generates this file from `values.yaml`.',
    '',
    '| value | default | meaning |',
    '| --- | --- | --- |',
    ...rows,
    '',
  ].join('\n');
}

if (import.meta.main)
  writeFileSync(join(folder, 'README.md'), readme(readFileSync(join(folder, 'values.yaml'), 'utf8')));
