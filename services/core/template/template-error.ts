// A fault of a template or of its output. Only this folder throws it; at the edge of the folder it
// becomes a fault (compile) or a refusal (render). The message never contains the caller's data.

/** The reasons of condition `Compiled` (OPERATOR) that a template's own text can cause. */
type TemplateErrorReason = 'SyntaxError' | 'RenderFailed' | 'TooLarge';

export class TemplateError extends Error {
  readonly reason: TemplateErrorReason;
  /** Line within the source, from 1; null where no line is to blame. */
  readonly line: number | null;

  constructor(reason: TemplateErrorReason, message: string, line: number | null = null) {
    super(message);
    this.name = 'TemplateError';
    this.reason = reason;
    this.line = line;
  }
}
