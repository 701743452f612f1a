#!/usr/bin/env node
// The `packetboat` command: starts programs and runs tasks. It loads only the code of the requested
// program.

import { fileURLToPath } from 'node:url';
import { Command } from 'commander';
import packageJson from '../package.json' with { type: 'json' };
import { Failure } from '../services/core/failure.ts';
import { assertLimits } from '../services/core/limits/rules.ts';
import type { Config, ProgramName } from '../services/runtime/config.ts';
import { describeConfig } from '../services/runtime/describe-config.ts';
import { describeError, showError } from '../services/runtime/describe-error.ts';
import { createLog, redact, reportWarnings } from '../services/runtime/log.ts';
import { createMetrics } from '../services/runtime/metrics.ts';
import type { About, Program } from '../services/runtime/program.ts';
import { readConfig } from '../services/runtime/read-config.ts';
import { runUntilSignal } from '../services/runtime/shutdown.ts';
import { unknownVariables } from '../services/runtime/unknown-variables.ts';

const exampleCatalogDir = fileURLToPath(new URL('../examples/catalog', import.meta.url));

type Start<P extends ProgramName> = (config: Config<P>, about: About) => Promise<Program>;

/**
 * Prints unknown variables with the faults, since a misspelt name may be the reason for a fault.
 */
function settingsOf<P extends ProgramName>(name: P): Config<P> {
  try {
    return readConfig(name, process.env);
  } catch (error) {
    for (const warning of unknownVariables(process.env)) console.error(warning);
    throw error;
  }
}

/** Like `settingsOf`, for a task, which has no log yet. */
function taskSettingsOf<P extends ProgramName>(name: P): Config<P> {
  const config = settingsOf(name);
  for (const warning of unknownVariables(process.env)) console.error(warning);
  return config;
}

/** `load` imports the program, so that a start does not load the code of the other programs. */
function programCommand<P extends Exclude<ProgramName, 'catalog' | 'self-test'>>(
  name: P,
  summary: string,
  load: () => Promise<Start<P>>,
): Command {
  return new Command(name)
    .description(summary)
    .addHelpText('after', `\n${describeConfig(name)}`)
    .action(async () => {
      const config = settingsOf(name);
      const log = createLog({
        program: name,
        level: config.logLevel,
        isForPeople: name === 'dev' && process.stdout.isTTY === true,
      });
      reportWarnings(log);
      for (const warning of unknownVariables(process.env)) log.warn(warning);
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
  .description(
    'Compiles a folder of Sender and Template files, and writes the result to the catalog in MongoDB.',
  )
  .requiredOption(
    '-f, --folder <dir>',
    'the folder; objects that the folder no longer contains are removed from the catalog',
  )
  .addHelpText('after', `\n${describeConfig('catalog')}`)
  .action(async ({ folder }: { readonly folder: string }) => {
    const { applyCatalog } = await import('./catalog-apply.ts');
    process.exitCode = await applyCatalog(folder, taskSettingsOf('catalog'));
  });

const catalogList = new Command('list')
  .description(
    'Lists the senders and templates in the catalog in MongoDB, with their state: live, or draining after the deletion of a sender.',
  )
  .addHelpText('after', `\n${describeConfig('catalog')}`)
  .action(async () => {
    const { printCatalog } = await import('./catalog-list.ts');
    await printCatalog(taskSettingsOf('catalog'));
  });

const catalogRetire = new Command('retire')
  .description(
    'Retires one entry of the catalog, for an object that was deleted while no operator ran. A sender then accepts no mail, and delivers the mail that it accepted.',
  )
  .argument('<key>', 'the key of the entry, as `packetboat catalog list` shows it')
  .addHelpText('after', `\n${describeConfig('catalog')}`)
  .action(async (key: string) => {
    const { retireEntry } = await import('./catalog-retire.ts');
    process.exitCode = await retireEntry(key, taskSettingsOf('catalog'));
  });

const validateCommand = new Command('validate')
  .description('Validates files with Senders and Templates as the operator does, without a cluster.')
  .requiredOption('-f, --file <path>', 'a folder, a file, or - for standard input')
  .option(
    '--partial',
    'accept references to objects that are not in the files; the output says what was not checked',
  )
  .action(async ({ file, partial = false }: { readonly file: string; readonly partial?: boolean }) => {
    const { validate } = await import('./validate.ts');
    process.exitCode = await validate({ path: file, isPartial: partial }, process.stdin);
  });

/** The log of a task. */
const taskLog = (program: ProgramName, level: string) =>
  createLog({ program, level, isForPeople: process.stdout.isTTY === true });

const selfTestCommand = new Command('self-test')
  .description(
    'Starts an SMTP server, sends a message to it through an installation, and waits until the message arrives.',
  )
  .addHelpText('after', `\n${describeConfig('self-test')}`)
  .action(async () => {
    const { runSelfTest } = await import('./self-test.ts');
    const config = taskSettingsOf('self-test');
    await runSelfTest(config, taskLog('self-test', config.logLevel));
  });

const packetboat = new Command('packetboat')
  .description(
    'Self-hosted transactional mail. Each program reads its settings from environment variables: see `packetboat help <program>`.',
  )
  .version(packageJson.version)
  .addCommand(
    programCommand(
      'dev',
      'Runs all programs in one process, with an inbox that receives all mail.',
      async () => {
        const [{ start }, { announce }] = await Promise.all([
          import('../services/embedded/main.ts'),
          import('./announce.ts'),
        ]);
        return async (config, about) => {
          const program = await start(config, { ...about, exampleCatalogDir });
          announce(program, config);
          return program;
        };
      },
    ),
  )
  .addCommand(
    programCommand(
      'gateway',
      'Serves the REST API and passes requests on to ingest.',
      async () => (await import('../gateway/main.ts')).start,
    ),
  )
  .addCommand(
    programCommand(
      'ingest',
      'Authenticates callers, validates and stores messages, and serves the gRPC API.',
      async () => (await import('../services/ingest/main.ts')).start,
    ),
  )
  .addCommand(
    programCommand(
      'dispatcher',
      'Delivers mail over SMTP.',
      async () => (await import('../services/dispatcher/main.ts')).start,
    ),
  )
  .addCommand(
    programCommand(
      'sweeper',
      'Publishes due deliveries to the queue, and requeues the deliveries of lost dispatchers.',
      async () => (await import('../services/sweeper/main.ts')).start,
    ),
  )
  .addCommand(
    programCommand(
      'operator',
      'Reconciles the Senders and Templates of a Kubernetes cluster into the catalog.',
      async () => (await import('../operator/main.ts')).start,
    ),
  )
  .addCommand(validateCommand)
  .addCommand(selfTestCommand)
  .addCommand(
    new Command('catalog')
      .description('Commands for the catalog of senders and templates.')
      .addCommand(catalogApply)
      .addCommand(catalogList)
      .addCommand(catalogRetire),
  );

try {
  assertLimits();
  await packetboat.parseAsync();
} catch (error) {
  // people can correct a failure, so its message suffices; a bug is printed with its location
  console.error(redact(error instanceof Failure ? error.message : showError(describeError(error))));
  process.exit(1);
}
