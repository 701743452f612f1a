#!/usr/bin/env node
// The `packetboat` command: starts each program, and does the tasks of people. Only the program that is asked for is loaded.

import { fileURLToPath } from 'node:url';
import { Command } from 'commander';
import packageJson from '../package.json' with { type: 'json' };
import { Failure } from '../services/core/failure.ts';
import { assertLimits } from '../services/core/limits.ts';
import { type Config, describeConfig, type Program as ProgramName, readConfig } from '../services/runtime/config.ts';
import { describeError, showError } from '../services/runtime/describe-error.ts';
import { createLog, redact, reportWarnings } from '../services/runtime/log.ts';
import { createMetrics } from '../services/runtime/metrics.ts';
import type { About, Program } from '../services/runtime/program.ts';
import { runUntilSignal } from '../services/runtime/shutdown.ts';

const exampleCatalogDir = fileURLToPath(new URL('../examples/catalog', import.meta.url));

type Start<P extends ProgramName> = (config: Config<P>, about: About) => Promise<Program>;

/** `load` imports the program, so that one does not wait for the code of the others. */
function programCommand<P extends Exclude<ProgramName, 'catalog' | 'release-finalizers' | 'self-test'>>(
  name: P,
  summary: string,
  load: () => Promise<Start<P>>,
): Command {
  return new Command(name)
    .description(summary)
    .addHelpText('after', `\n${describeConfig(name)}`)
    .action(async () => {
      const config = readConfig(name, process.env);
      const log = createLog({ program: name, level: config.logLevel, isForPeople: name === 'dev' && process.stdout.isTTY === true });
      reportWarnings(log);
      const about = { log, metrics: createMetrics({ program: name, version: packageJson.version }) };
      await runUntilSignal(
        async () => {
          const start = await load();
          const program = await start(config, about);
          if (name !== 'dev') log.info({ ports: program.ports }, 'started');
          return program;
        },
        { log },
      );
    });
}

const catalogApply = new Command('apply')
  .description('Compiles a folder of Sender and Template files, writes it to the catalog in MongoDB, and tells the services.')
  .requiredOption('-f, --folder <dir>', 'the folder; what is no longer in it goes out of the catalog')
  .addHelpText('after', `\n${describeConfig('catalog')}`)
  .action(async ({ folder }: { readonly folder: string }) => {
    const { applyCatalog } = await import('./catalog-apply.ts');
    process.exitCode = await applyCatalog(folder, readConfig('catalog', process.env));
  });

const validateCommand = new Command('validate')
  .description('Says what the operator would say of files with Senders and Templates, without a cluster.')
  .requiredOption('-f, --file <path>', 'a folder, a file, or - for standard input')
  .option('--partial', 'what the files refer to, and do not have, stands elsewhere')
  .action(async ({ file, partial = false }: { readonly file: string; readonly partial?: boolean }) => {
    const { validate } = await import('./validate.ts');
    process.exitCode = await validate({ path: file, isPartial: partial }, process.stdin);
  });

/** Of a task that ends by itself. */
const taskLog = (program: ProgramName, level: string) => createLog({ program, level, isForPeople: process.stdout.isTTY === true });

const releaseCommand = new Command('release-finalizers')
  .description('Before the operator goes for good: takes the work away from it, and its finalizer off every Sender.')
  .addHelpText('after', `\n${describeConfig('release-finalizers')}`)
  .action(async () => {
    const { runReleaseFinalizers } = await import('./release-finalizers.ts');
    const config = readConfig('release-finalizers', process.env);
    await runReleaseFinalizers(config, taskLog('release-finalizers', config.logLevel));
  });

const selfTestCommand = new Command('self-test')
  .description('Sends a message through an installation to an SMTP server of its own, and waits until it is delivered.')
  .addHelpText('after', `\n${describeConfig('self-test')}`)
  .action(async () => {
    const { runSelfTest } = await import('./self-test.ts');
    const config = readConfig('self-test', process.env);
    await runSelfTest(config, taskLog('self-test', config.logLevel));
  });

const packetboat = new Command('packetboat')
  .description('Self-hosted transactional mail. Each program is configured by its environment: see `packetboat help <program>`.')
  .version(packageJson.version)
  .addCommand(
    programCommand('dev', 'Runs everything in one process, with an inbox for development.', async () => {
      const [{ start }, { announce }] = await Promise.all([import('../services/embedded/main.ts'), import('./announce.ts')]);
      return async (config, about) => {
        const program = await start(config, { ...about, exampleCatalogDir });
        announce(program, config);
        return program;
      };
    }),
  )
  .addCommand(
    programCommand('gateway', 'Answers REST, and passes it on to ingest.', async () => (await import('../gateway/main.ts')).start),
  )
  .addCommand(
    programCommand(
      'ingest',
      'Authenticates, judges and stores what is sent; answers gRPC.',
      async () => (await import('../services/ingest/main.ts')).start,
    ),
  )
  .addCommand(programCommand('dispatcher', 'Delivers mail over SMTP.', async () => (await import('../services/dispatcher/main.ts')).start))
  .addCommand(
    programCommand(
      'sweeper',
      'Feeds the queue from the store, and takes back what others left.',
      async () => (await import('../services/sweeper/main.ts')).start,
    ),
  )
  .addCommand(
    programCommand(
      'operator',
      'Brings the Senders and Templates of a Kubernetes cluster into the catalog.',
      async () => (await import('../operator/main.ts')).start,
    ),
  )
  .addCommand(validateCommand)
  .addCommand(releaseCommand)
  .addCommand(selfTestCommand)
  .addCommand(new Command('catalog').description('Tasks about the catalog of senders and templates.').addCommand(catalogApply));

try {
  assertLimits();
  await packetboat.parseAsync();
} catch (error) {
  // what people can mend is said in words; a bug shows where it is
  console.error(redact(error instanceof Failure ? error.message : showError(describeError(error))));
  process.exit(1);
}
