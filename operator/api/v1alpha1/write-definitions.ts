// `make crds`: writes the CustomResourceDefinitions into a folder, or into the chart when none is
// named.

import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { stringify } from 'yaml';
import { definitionOf, kinds } from './definitions.ts';

const folder = process.argv[2] ?? join(import.meta.dirname, '../../../charts/packetboat/files/crds');

await mkdir(folder, { recursive: true });
for (const kind of kinds)
  await writeFile(
    join(folder, `${kind.plural}.yaml`),
    stringify(definitionOf(kind), { lineWidth: 0, aliasDuplicateObjects: false }),
  );
