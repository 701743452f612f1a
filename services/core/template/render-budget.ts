// Limits the cost of rendering one part of a mail. A tenant writes both the template and the data,
// so each step, iteration and byte is counted before it is spent, and no template blocks the event
// loop.

import { templateLimits } from '../limits/template.ts';
import { TemplateError } from './template-error.ts';

export class RenderBudget {
  #steps = 0;
  #iterations = 0;
  #bytes = 0;

  /** Counts statements, helper calls and other work, about 0.2 µs per step. */
  step(count = 1): void {
    this.#steps += count;
    if (this.#steps > templateLimits.templateStepsMax)
      throw new TemplateError('RenderFailed', `more than ${templateLimits.templateStepsMax} steps`);
  }

  /** Counts one more turn of an `#each`; nested blocks share the limit. */
  iterate(): void {
    this.#iterations += 1;
    if (this.#iterations > templateLimits.templateIterationsMax) {
      throw new TemplateError('RenderFailed', `more than ${templateLimits.templateIterationsMax} iterations`);
    }
  }

  /** Counts the bytes of output. */
  output(text: string): void {
    // a text has at least as many bytes as UTF-16 units, so a huge text is refused without the cost
    // of counting its bytes
    this.#bytes +=
      this.#bytes + text.length > templateLimits.templateOutputBytesMax
        ? text.length
        : Buffer.byteLength(text);
    if (this.#bytes > templateLimits.templateOutputBytesMax) {
      throw new TemplateError(
        'RenderFailed',
        `more than ${templateLimits.templateOutputBytesMax} bytes of output`,
      );
    }
  }
}
