// Limits the cost of rendering one part of a mail. A tenant writes both the template and the data,
// so each step, iteration and byte is counted before it happens, and no template stalls the event
// loop (S6).

import { templateLimits } from '../limits/template.ts';
import { TemplateError } from './template-error.ts';

export class RenderBudget {
  #steps = 0;
  #iterations = 0;
  #bytes = 0;

  /** Pays for statements, helper calls and other work of about a fifth of a microsecond each. */
  step(count = 1): void {
    this.#steps += count;
    if (this.#steps > templateLimits.templateStepsMax)
      throw new TemplateError('RenderFailed', `more than ${templateLimits.templateStepsMax} steps`);
  }

  /** Pays for one more turn of an `#each`, nested ones counted together. */
  iterate(): void {
    this.#iterations += 1;
    if (this.#iterations > templateLimits.templateIterationsMax) {
      throw new TemplateError('RenderFailed', `more than ${templateLimits.templateIterationsMax} iterations`);
    }
  }

  /** Pays for bytes of output. */
  output(text: string): void {
    // A text has at least as many bytes as UTF-16 units: a huge one is refused before it is
    // measured.
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
