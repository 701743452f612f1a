// An error in a template or in its rendered output. Only this folder throws it: callers get a fault
// of the object or a refusal of the request. The message never holds the caller's data.

/** The reasons of the condition `Compiled` that the text of a template can cause. */
type TemplateErrorReason = 'SyntaxError' | 'RenderFailed' | 'TooLarge';

export class TemplateError extends Error {
  readonly reason: TemplateErrorReason;
  /** Line within the source, from 1; null when no single line is wrong. */
  readonly line: number | null;

  constructor(reason: TemplateErrorReason, message: string, line: number | null = null) {
    super(message);
    this.name = 'TemplateError';
    this.reason = reason;
    this.line = line;
  }
}
