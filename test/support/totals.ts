// Ends a run with what it used and with one line of totals that a script can read. A file that cannot be loaded and an error
// outside any test count as failures: they must never look like fewer tests.

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
    if (lent.length > 0) this.log(`Backends: ${lent.join(', ')}`);
    const tests = modules.flatMap((module) => [...module.children.allTests()]);
    const passed = tests.filter((test) => test.result().state === 'passed').length;
    const failed = tests.filter((test) => test.result().state === 'failed').length;
    const broken = modules.filter((module) => !module.ok() && [...module.children.allTests('failed')].length === 0).length;
    this.log(`\n${passed} passed, ${failed + broken + errors.length} failed`);
  }
}
