// Loads the sources with one mutant in them: `node --import test/simulation/mutate.ts …` with the
// mutant's name in MUTANT. Nothing on disk changes.

import { registerHooks } from 'node:module';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { mutants } from './mutants.ts';

const root = join(import.meta.dirname, '../..');
const mutant = mutants.find((m) => m.name === process.env.MUTANT);
if (mutant === undefined) throw new Error('MUTANT names no mutant');
const editsOf = Map.groupBy(mutant.edits, (e) => pathToFileURL(join(root, e.file)).href);

registerHooks({
  load(url, context, nextLoad) {
    const loaded = nextLoad(url, context);
    const edits = editsOf.get(url);
    if (edits === undefined) return loaded;
    return { ...loaded, source: edits.reduce(applied, String(loaded.source)) };
  },
});

function applied(
  source: string,
  { file, find, replace }: { readonly file: string; readonly find: string; readonly replace: string },
): string {
  const [before, after, ...more] = source.split(find);
  if (before === undefined || after === undefined || more.length > 0)
    throw new Error(`${file} does not have exactly once: ${find}`);
  return before + replace + after;
}
