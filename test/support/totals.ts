// Ends a run with its backends, its skipped tests, its failures and one line of totals that a
// script can read. A file that cannot be loaded and an error outside any test count as failures:
// they must never look like fewer tests.

import type { ChildProcess } from 'node:child_process';
import { subscribe } from 'node:diagnostics_channel';
import { stripVTControlCharacters } from 'node:util';
import { DefaultReporter, type TestModule, type TestRunEndReason, type Vitest } from 'vitest/node';

type UnhandledErrors = Parameters<DefaultReporter['onTestRunEnd']>[1];
type TestFailure = UnhandledErrors[number];

/** Of a failure's error, so that the last lines of a program's output are kept as well. */
const FIRST_LINES = 10;
const LAST_LINES = 20;
const LINE_CHARS = 1_000;
/** The errors of more failures would push the first ones out of an output that is cut. */
const ERRORS_SHOWN = 10;

export default class Totals extends DefaultReporter {
  #vitest: Vitest | undefined;
  readonly #endedProcesses: string[] = [];

  override onInit(vitest: Vitest): void {
    this.#vitest = vitest;
    // Vitest says that a worker exited unexpectedly, but neither how nor when.
    subscribe('child_process', (message) => this.#watch((message as { process: ChildProcess }).process));
    super.onInit(vitest);
  }

  #watch(child: ChildProcess): void {
    child.once('exit', (code, signal) => {
      const isWorker = child.spawnargs.some((argument) => /vitest.*workers/.test(argument));
      if (!isWorker || child.killed || code === 0) return;
      const at = new Date().toISOString();
      this.#endedProcesses.push(`pid ${child.pid} ended with ${signal ?? `exit code ${code}`} at ${at}`);
    });
  }

  override onTestRunEnd(
    modules: readonly TestModule[],
    errors: UnhandledErrors,
    reason: TestRunEndReason,
  ): void {
    super.onTestRunEnd(modules, errors, reason);
    const lent = this.#vitest?.getRootProject().getProvidedContext().lent ?? [];
    for (const backend of lent) this.log(`Backend: ${backend}`);
    for (const title of modules.flatMap(skipped)) this.log(`Skipped: ${title}`);
    // Vitest has printed them above, but of a long output often only the end is kept.
    const failed = [
      ...errors.map((error) => ({ title: 'Failed outside any test', errors: [error] })),
      ...modules.flatMap(failures),
    ];
    for (const [i, failure] of failed.entries()) {
      this.log(failure.title);
      if (i < ERRORS_SHOWN) for (const error of failure.errors) this.log(indented(error));
    }
    // last, because these explain the tests that did not end
    for (const ended of this.#endedProcesses) this.log(`Test process: ${ended}`);
    const tests = modules.flatMap((module) => [...module.children.allTests()]);
    const passed = tests.filter((test) => test.result().state === 'passed').length;
    const failedTests = tests.filter((test) => test.result().state === 'failed').length;
    const broken = modules.filter(
      (module) => !module.ok() && [...module.children.allTests('failed')].length === 0,
    ).length;
    this.log(`\n${passed} passed, ${failedTests + broken + errors.length} failed`);
  }
}

interface Failed {
  readonly title: string;
  readonly errors: readonly TestFailure[];
}

/**
 * Tests that failed, tests that did not end because their process ended, suites whose hooks failed,
 * and a file that could not be loaded.
 */
function failures(module: TestModule): Failed[] {
  const failed = (name: string, errors: readonly TestFailure[] = []): Failed => ({
    title: `Failed: ${module.relativeModuleId}: ${name}`,
    errors,
  });
  const all = [...module.children.allTests()];
  const tests = all.flatMap((test) => {
    const { state, errors } = test.result();
    return state === 'failed' ? [failed(test.fullName, errors)] : [];
  });
  // One line for all of them: a file may have hundreds.
  const [first, ...others] = all.filter((test) => test.result().state === 'pending');
  if (first !== undefined)
    tests.push(
      failed(
        `${first.fullName} (did not end${others.length === 0 ? '' : `, nor did ${others.length} tests after it`})`,
      ),
    );
  const suites = [...module.children.allSuites()].flatMap((suite) =>
    suite.errors().length === 0 ? [] : [failed(suite.fullName, suite.errors())],
  );
  const found = [...tests, ...suites];
  const own = module.errors();
  if (own.length > 0 || (found.length === 0 && !module.ok())) found.push(failed('the file itself', own));
  return found;
}

/** The error's message, the difference that an assertion found, and the causes. */
function indented(error: TestFailure): string {
  const texts: string[] = [];
  for (let each: TestFailure | undefined = error; each !== undefined; each = each.cause) {
    texts.push(`${each === error ? '' : 'Caused by: '}${each.message}`);
    if (typeof each.diff === 'string') texts.push(each.diff);
  }
  const lines = stripVTControlCharacters(texts.join('\n')).trimEnd().split('\n');
  const leftOut = lines.length - FIRST_LINES - LAST_LINES;
  const shown =
    leftOut <= 0
      ? lines
      : [...lines.slice(0, FIRST_LINES), `… ${leftOut} more lines …`, ...lines.slice(-LAST_LINES)];
  return shown.map((line) => `    ${line.slice(0, LINE_CHARS)}`).join('\n');
}

/** The outermost suites and tests of a file that did not run. */
function skipped(module: TestModule): string[] {
  return [...module.children]
    .filter((child) => (child.type === 'suite' ? child.state() : child.result().state) === 'skipped')
    .map((child) => `${module.relativeModuleId}: ${child.name}`);
}
