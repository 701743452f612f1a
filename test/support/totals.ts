// Ends a run with what it used, what it skipped and one line of totals that a script can read. A
// file that cannot be loaded and an error outside any test count as failures: they must never look
// like fewer tests.

import { DefaultReporter, type TestModule, type TestRunEndReason, type Vitest } from 'vitest/node';

type UnhandledErrors = Parameters<DefaultReporter['onTestRunEnd']>[1];

export default class Totals extends DefaultReporter {
  #vitest: Vitest | undefined;

  override onInit(vitest: Vitest): void {
    this.#vitest = vitest;
    super.onInit(vitest);
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
    // said here once more, because of a long output often only the end is kept
    for (const title of modules.flatMap(failures)) this.log(`Failed: ${title}`);
    for (const error of errors) this.log(`Failed outside any test: ${error.message}`);
    const tests = modules.flatMap((module) => [...module.children.allTests()]);
    const passed = tests.filter((test) => test.result().state === 'passed').length;
    const failed = tests.filter((test) => test.result().state === 'failed').length;
    const broken = modules.filter(
      (module) => !module.ok() && [...module.children.allTests('failed')].length === 0,
    ).length;
    this.log(`\n${passed} passed, ${failed + broken + errors.length} failed`);
  }
}

/**
 * Tests that failed, and those that never ended because their process did; a file without tests
 * that could not be loaded.
 */
function failures(module: TestModule): string[] {
  const open = [...module.children.allTests()].flatMap((test) => {
    const { state } = test.result();
    return state === 'failed'
      ? [test.fullName]
      : state === 'pending'
        ? [`${test.fullName} (did not end)`]
        : [];
  });
  if (open.length === 0 && module.ok()) return [];
  return (open.length === 0 ? ['the file itself'] : open).map(
    (name) => `${module.relativeModuleId}: ${name}`,
  );
}

/** The outermost suites and tests of a file that did not run. */
function skipped(module: TestModule): string[] {
  return [...module.children]
    .filter((child) => (child.type === 'suite' ? child.state() : child.result().state) === 'skipped')
    .map((child) => `${module.relativeModuleId}: ${child.name}`);
}
