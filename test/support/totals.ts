// Ends a run with what it used, what it skipped and one line of totals that a script can read. A file that cannot be loaded and an
// error outside any test count as failures: they must never look like fewer tests.

import { DefaultReporter, type TestModule, type TestRunEndReason, type Vitest } from 'vitest/node';

type UnhandledErrors = Parameters<DefaultReporter['onTestRunEnd']>[1];

export default class Totals extends DefaultReporter {
  #vitest: Vitest | undefined;

  override onInit(vitest: Vitest): void {
    this.#vitest = vitest;
    super.onInit(vitest);
  }

  override onTestRunEnd(modules: readonly TestModule[], errors: UnhandledErrors, reason: TestRunEndReason): void {
    super.onTestRunEnd(modules, errors, reason);
    const lent = this.#vitest?.getRootProject().getProvidedContext().lent ?? [];
    for (const backend of lent) this.log(`Backend: ${backend}`);
    for (const title of modules.flatMap(skipped)) this.log(`Skipped: ${title}`);
    const tests = modules.flatMap((module) => [...module.children.allTests()]);
    const passed = tests.filter((test) => test.result().state === 'passed').length;
    const failed = tests.filter((test) => test.result().state === 'failed').length;
    const broken = modules.filter((module) => !module.ok() && [...module.children.allTests('failed')].length === 0).length;
    this.log(`\n${passed} passed, ${failed + broken + errors.length} failed`);
  }
}

/** The outermost suites and tests of a file that did not run. */
function skipped(module: TestModule): string[] {
  return [...module.children]
    .filter((child) => (child.type === 'suite' ? child.state() : child.result().state) === 'skipped')
    .map((child) => `${module.relativeModuleId}: ${child.name}`);
}
